//! Claims: a worker asks for a task, or for addresses of an attempt in hand.

use bus_schema::claim::{ClaimReply, ClaimRequest, Go, Held};
use bus_schema::heartbeat::Busy;
use bus_schema::id::{Attempt, TaskNumber, Token, WorkerName};
use bus_schema::object_key;
use bus_schema::plan::TaskRole;
use bus_schema::record::TaskState;
use bus_schema::report::Outcome;
use bus_schema::task::TaskSpec;

use super::{Event, Job, JobActor, State};
use crate::clock::now_ms;
use crate::job::report::file_name;
use crate::job::{ClaimVerdict, spec};
use crate::platform::Trouble;

impl JobActor {
    /// `None`: not now, and nothing can be said; the worker asks again.
    pub(super) async fn claim(
        &self,
        state: &mut State,
        request: ClaimRequest,
    ) -> Option<ClaimReply> {
        match self.answer_claim(state, &request).await {
            Ok(reply) => Some(reply),
            Err(trouble) => {
                tracing::warn!(job = %state.id, %trouble, "claim not answered");
                None
            }
        }
    }

    async fn answer_claim(
        &self,
        state: &mut State,
        request: &ClaimRequest,
    ) -> Result<ClaimReply, Trouble> {
        let Some(loaded) = self.load(state).await? else {
            return Ok(gone("there is no such job"));
        };
        let workers = self.platform.board.workers();
        let is_alive = |worker: &WorkerName, attempt: Attempt| {
            workers.holds(
                worker,
                &Busy {
                    job: request.job,
                    task: request.task,
                    attempt,
                },
            )
        };
        let held = request.held.as_ref();
        let verdict =
            loaded
                .job
                .claim_verdict(request.task, &request.worker, held, is_alive, now_ms());
        match verdict {
            ClaimVerdict::Gone(reason) => Ok(gone(reason)),
            ClaimVerdict::Later { after_ms } => Ok(ClaimReply::Later { after_ms }),
            ClaimVerdict::Held => {
                let job = loaded.job.clone();
                self.go(&job, request, None).await
            }
            ClaimVerdict::Grant => self.grant(state, request).await,
        }
    }

    async fn grant(
        &self,
        state: &mut State,
        request: &ClaimRequest,
    ) -> Result<ClaimReply, Trouble> {
        let Some(loaded) = self.load(state).await? else {
            return Ok(gone("there is no such job"));
        };
        let Some(role) = loaded.job.role(request.task) else {
            return Ok(gone("there is no such task"));
        };
        let job = loaded.job.clone();
        let upload_id = self.begin_upload(&job, request.task, role).await?;
        let token = Token::random();
        let event = Event::Claimed {
            task: request.task,
            worker: request.worker.clone(),
            run: request.run.clone(),
            token: token.clone(),
            upload_id,
        };
        let Some(job) = self.step(state, &event).await? else {
            return Ok(gone("there is no such job"));
        };
        let Some(spec) = self.spec(&job, request.task, role).await? else {
            return Ok(gone("what the task is made of is not there"));
        };
        match self.current(&job, request.task) {
            Some(held) if held.token == token => match spec.check_size() {
                Ok(()) => self.go(&job, &with(request, held), Some(spec)).await,
                Err(error) => {
                    let event = Event::Reported {
                        task: request.task,
                        attempt: held.attempt,
                        outcome: Outcome::Failed(error),
                        plan: None,
                    };
                    self.step(state, &event).await?;
                    Ok(gone("its specification is too large for a message"))
                }
            },
            Some(_) | None => Ok(gone("somebody else was faster")),
        }
    }

    /// The attempt in hand of a task.
    #[expect(clippy::unused_self, reason = "reads as a verb of the job")]
    fn current(&self, job: &Job, task: TaskNumber) -> Option<Held> {
        match &job.record.tasks.get(task)?.state {
            TaskState::Claimed { attempt, token, .. } => Some(Held {
                attempt: *attempt,
                token: token.clone(),
            }),
            TaskState::Waiting { .. }
            | TaskState::Released { .. }
            | TaskState::Done { .. }
            | TaskState::Failed {}
            | TaskState::Cancelled {} => None,
        }
    }

    /// The multipart upload that a file is written by; its id is part of the attempt.
    async fn begin_upload(
        &self,
        job: &Job,
        task: TaskNumber,
        role: TaskRole,
    ) -> Result<Option<String>, Trouble> {
        let (Some(file), Some(plan)) = (role.file(), &job.record.plan) else {
            return Ok(None);
        };
        let Some(name) = file_name(plan, file) else {
            return Ok(None);
        };
        let next = Attempt(job.record.tasks.get(task).map_or(0, |task| task.attempts) + 1);
        let record = &job.record;
        let key = object_key::attempt(&record.tenant, &record.id, task, next) + &name;
        let content_type = if key.ends_with(".m4a") {
            "audio/mp4"
        } else {
            "video/mp4"
        };
        Ok(Some(
            self.platform
                .storage
                .create_multipart(&key, content_type)
                .await?,
        ))
    }

    async fn spec(
        &self,
        job: &Job,
        task: TaskNumber,
        role: TaskRole,
    ) -> Result<Option<TaskSpec>, Trouble> {
        match (role, &job.record.plan) {
            (TaskRole::Assemble(file), Some(plan)) => self.assemble_spec(job, plan, file).await,
            (TaskRole::Images, Some(plan)) => self.images_spec(job, plan, task).await,
            _ => Ok(spec::spec(&job.record, task, role)),
        }
    }

    async fn go(
        &self,
        job: &Job,
        request: &ClaimRequest,
        spec: Option<TaskSpec>,
    ) -> Result<ClaimReply, Trouble> {
        let (Some(held), Some(task)) = (&request.held, job.record.tasks.get(request.task)) else {
            return Ok(gone("the attempt was given up"));
        };
        let TaskState::Claimed { deadline_ms, .. } = task.state else {
            return Ok(gone("the attempt was given up"));
        };
        let addresses = self
            .addresses(job, request.task, held, &request.want)
            .await?;
        let intermediate = spec
            .as_ref()
            .and_then(|_| spec::intermediate(&job.record, request.task));
        let spec = spec.map(Box::new);
        Ok(ClaimReply::Go(Go {
            held: held.clone(),
            deadline_ms,
            spec,
            addresses,
            intermediate,
        }))
    }
}

fn gone(reason: &str) -> ClaimReply {
    ClaimReply::Gone {
        reason: reason.to_owned(),
    }
}

fn with(request: &ClaimRequest, held: Held) -> ClaimRequest {
    ClaimRequest {
        held: Some(held),
        ..request.clone()
    }
}
