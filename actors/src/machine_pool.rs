//! MachinePool: compares the machines that are wanted with those that are, and acts on the
//! difference. The only place that talks to a machine provider.

pub mod demand;

use std::collections::BTreeMap;
use std::time::Duration;

use bus_schema::id::WorkerName;
use bus_schema::task::TaskClass;
use fly::{Launch, MachineName, Provider};
use nats::conf::ServerConf;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::board::Machines;
use crate::clock::now_ms;
use crate::platform::Platform;
use demand::{Launches, Limits, MachineView, Verb};

/// How often wanted and seen are compared, besides when demand changes.
const LOOK: Duration = Duration::from_millis(500);

/// A worker says that it lives within a second of its start; a slow machine in ten.
const BOOT_DEADLINE: Duration = Duration::from_secs(30);

/// How long a machine may be silent after it was heard: two leases.
const SILENCE_DEADLINE: Duration = Duration::from_secs(10);

/// How long machines may drain when the control plane stops.
pub const DRAIN: Duration = Duration::from_secs(3);

/// MachinePool: configuration.
#[derive(Debug)]
pub struct MachinePool {
    /// What it stands on.
    pub platform: Platform,
    /// What machines are.
    pub options: Options,
}

/// What machines are.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who runs them. It outlives this actor: workers must not end because their keeper begins anew.
    pub provider: Provider,
    /// Slots of one machine.
    pub slots: BTreeMap<TaskClass, u32>,
    /// Most machines at once.
    pub machines_max: u32,
    /// How long a machine may be idle.
    pub idle: Duration,
    /// Who may connect to the bus; `None` on a bus that is not ours, where no machine is launched.
    pub workers: Option<ServerConf>,
}

/// What MachinePool is told.
#[derive(Debug)]
pub enum Message {
    /// Compare and act.
    Look,
    /// The Reaper finds that this machine is not needed.
    StopIdle(WorkerName),
    /// Fail like a defect would.
    #[cfg(feature = "test-util")]
    Panic,
}

/// What MachinePool holds.
#[derive(Debug)]
pub struct State {
    launches: Launches,
    heard: BTreeMap<WorkerName, u64>,
}

impl Actor for MachinePool {
    type Msg = Message;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        myself.cast(Message::Look)?;
        self.platform.board.post_pool(Some(myself));
        Ok(State {
            launches: Launches::default(),
            heard: BTreeMap::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Look => {
                let mut demand = self.platform.board.watch_demand();
                self.look(state).await;
                // Whatever changes meanwhile is seen at once; a look in any case now and then.
                demand.borrow_and_update();
                if tokio::time::timeout(LOOK, demand.changed())
                    .await
                    .is_ok_and(|seen| seen.is_err())
                {
                    return Err("the board is gone".into());
                }
                myself.cast(Message::Look)?;
                Ok(())
            }
            Message::StopIdle(name) => {
                tracing::info!(machine = %name, "idle for too long");
                self.stop(state, &name).await;
                Ok(())
            }
            #[cfg(feature = "test-util")]
            Message::Panic => crate::fail_on_purpose(),
        }
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Message>,
        _state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.platform.board.post_pool(None);
        let killed = self.options.provider.shutdown(DRAIN).await;
        if killed > 0 {
            tracing::warn!(killed, "machines did not drain in time");
        }
        Ok(())
    }
}

// === impl MachinePool ===

impl MachinePool {
    async fn look(&self, state: &mut State) {
        if self.options.workers.is_none() {
            return;
        }
        let machines = match self.options.provider.list().await {
            Ok(machines) => machines,
            Err(error) => return tracing::warn!(%error, "machines cannot be listed"),
        };
        let now_ms = now_ms();
        let workers = self.platform.board.workers();
        for (name, worker) in workers.iter() {
            state.heard.insert(name.clone(), worker.seen_ms);
        }
        let observed = MachineView::join(&machines, &workers, &state.heard);
        let limits = self.limits();
        let intent = demand::wanted(&self.platform.board.demand(), &self.options.slots, &limits);
        state.launches.observe(&observed, now_ms, &limits);
        for verb in demand::reconcile(intent, &observed, now_ms, &limits, &state.launches) {
            self.act(state, &verb, now_ms).await;
        }
        self.platform.board.post_machines(Machines {
            intent,
            observed,
            limits: Some(limits),
        });
    }

    fn limits(&self) -> Limits {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Limits {
            cap: self.options.machines_max,
            min: 0,
            idle_grace_ms: ms(self.options.idle),
            boot_deadline_ms: ms(BOOT_DEADLINE),
            silence_deadline_ms: ms(SILENCE_DEADLINE),
        }
    }

    async fn act(&self, state: &mut State, verb: &Verb, now_ms: u64) {
        match verb {
            Verb::Start(name) | Verb::Launch(name) => self.launch(state, name, now_ms).await,
            Verb::Stop(name, reason) => {
                tracing::warn!(machine = %name, ?reason, "stopped");
                self.stop(state, name).await;
            }
        }
    }

    async fn launch(&self, state: &mut State, name: &WorkerName, now_ms: u64) {
        let Some(launch) = self.launch_of(name) else {
            return tracing::error!(machine = %name, "has no user on the bus");
        };
        match self.options.provider.launch(&launch).await {
            Ok(machine) => {
                tracing::info!(machine = %name, pid = machine.pid, "launched");
                state.launches.launched(name.clone());
            }
            Err(error) => {
                tracing::warn!(machine = %name, %error, "not launched");
                state.launches.refused(now_ms);
            }
        }
    }

    /// What the worker is told. Credentials travel in the environment, which nobody else can read.
    fn launch_of(&self, name: &WorkerName) -> Option<Launch> {
        let credentials = self
            .options
            .workers
            .as_ref()?
            .worker_credentials(name.as_str())?;
        let slots = |class| {
            self.options
                .slots
                .get(&class)
                .copied()
                .unwrap_or(0)
                .to_string()
        };
        let env = BTreeMap::from([
            ("TCODER_WORKER_NAME".to_owned(), name.to_string()),
            (
                "TCODER_WORKER_CREDENTIALS".to_owned(),
                serde_json::to_string(&credentials).ok()?,
            ),
            ("TCODER_WORKER_CPU_SLOTS".to_owned(), slots(TaskClass::Cpu)),
            (
                "TCODER_WORKER_LIGHT_SLOTS".to_owned(),
                slots(TaskClass::Light),
            ),
        ]);
        Some(Launch {
            name: name.as_str().parse::<MachineName>().ok()?,
            env,
        })
    }

    async fn stop(&self, state: &mut State, name: &WorkerName) {
        let Ok(machine) = name.as_str().parse::<MachineName>() else {
            return;
        };
        state.launches.told_to_stop(name);
        if let Err(error) = self.options.provider.stop(&machine).await {
            tracing::warn!(machine = %name, %error, "not stopped");
        }
    }
}
