//! Workers as processes of this machine.
//!
//! A worker is a process group of its own. Its stdin is a pipe whose other end only this process
//! holds: when this process ends, however it ends, the pipe closes and the worker leaves. What is
//! still there at the next start is found by its pid file, and adopted or killed.

mod keeper;

mod log_file;

mod options;

mod pid_file;

mod process;

mod spawn;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::keeper::{Ended, Keeper, Order};
use self::pid_file::PidFile;
use self::process::{Process, ProcessId};
use crate::error::{Error, ErrorKind, Result};
use crate::machine::{Launch, Machine, MachineName, MachineState};

pub use self::log_file::LOG_BYTES_MAX;
pub use self::options::{DRAIN_WAIT, INHERITED, INHERITED_PREFIXES, Leftovers, Options};

/// How long a killed process may take to go. The kernel needs milliseconds; one that hangs in a
/// device driver may never go, and then nobody should wait for it.
const KILL_WAIT_MAX: Duration = Duration::from_secs(5);

/// The provider of workers on this machine. Clones share one pool; while one of them lives, so do
/// the workers' stdin pipes. Keep one outside the actor that uses it, so that the actor's restart
/// does not end the workers.
#[derive(Debug, Clone)]
pub struct LocalProvider {
    options: Arc<Options>,
    pool: Arc<Mutex<Pool>>,
}

#[derive(Debug, Default)]
struct Pool {
    workers: BTreeMap<MachineName, Worker>,
    /// Every worker's keeper; a dropped set ends them, and with them the pipes.
    keepers: JoinSet<()>,
}

/// A worker, as the pool holds it. It stays here when it has ended, until it is destroyed.
#[derive(Debug, Clone)]
struct Worker {
    id: ProcessId,
    started_at_ms: u64,
    orders: watch::Sender<Order>,
    ended: watch::Receiver<Option<Ended>>,
}

// === impl LocalProvider ===

impl LocalProvider {
    /// Opens the pool: makes its folder, and adopts or kills what an earlier control plane left.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the folder cannot be used, or a leftover cannot be ended.
    pub async fn open(options: Options) -> Result<Self> {
        let folder = &options.folder;
        let failed = |error| {
            let message = format!("cannot use the workers' folder {}", folder.display());
            Error::io(message, error)
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let files = PidFile::read_all(folder).map_err(failed)?;
        let provider = Self {
            options: Arc::new(options),
            pool: Arc::default(),
        };
        for (name, file) in files {
            provider.find(name, file).await?;
        }
        Ok(provider)
    }

    /// Every worker launched here and not destroyed, sorted by name.
    pub async fn list(&self) -> Vec<Machine> {
        let pool = self.pool.lock().await;
        let mut machines = Vec::with_capacity(pool.workers.len());
        for (name, worker) in &pool.workers {
            machines.push(worker.show(name).await);
        }
        machines
    }

    /// See [`crate::Provider::launch`].
    ///
    /// # Errors
    /// As there.
    pub async fn launch(&self, launch: &Launch) -> Result<Machine> {
        let Launch { name, env } = launch;
        let cap = self.options.cap;
        if !name.number().is_some_and(|n| (1..=cap).contains(&n)) {
            let message = format!("there is no place for `{name}`: names here are w1 to w{cap}");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let mut pool = self.pool.lock().await;
        if let Some(worker) = pool.workers.get(name) {
            let machine = worker.show(name).await;
            match machine.state {
                MachineState::Starting | MachineState::Started => return Ok(machine),
                MachineState::Stopping => {
                    let message = format!("`{name}` is stopping; launch it when it has stopped");
                    return Err(Error::new(ErrorKind::Busy, message));
                }
                MachineState::Stopped | MachineState::Destroyed => {}
            }
        }
        let started_at_ms = now_ms();
        let (child, process) = spawn::spawn(&self.options, name, env, started_at_ms).await?;
        tracing::info!(machine = %name, pid = process.id().pid, "worker launched");
        pool.keep(self.keeper(name, process, Some(child)), started_at_ms);
        match pool.workers.get(name) {
            Some(worker) => Ok(worker.show(name).await),
            None => Err(missing(name)),
        }
    }

    /// See [`crate::Provider::stop`].
    ///
    /// # Errors
    /// As there.
    pub async fn stop(&self, name: &MachineName) -> Result<()> {
        let worker = self.worker(name).await.ok_or_else(|| missing(name))?;
        worker.order(Order::Stop);
        Ok(())
    }

    /// See [`crate::Provider::destroy`].
    ///
    /// # Errors
    /// As there.
    pub async fn destroy(&self, name: &MachineName) -> Result<()> {
        let Some(worker) = self.worker(name).await else {
            return Ok(());
        };
        worker.order(Order::Kill);
        if !worker.ended_within(KILL_WAIT_MAX).await {
            let message = format!("`{name}` does not end; see its process {}", worker.id.pid);
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        let mut pool = self.pool.lock().await;
        // Unless it was launched anew in the meantime.
        if pool
            .workers
            .get(name)
            .is_some_and(|now| now.id == worker.id)
        {
            pool.workers.remove(name);
        }
        Ok(())
    }

    /// See [`crate::Provider::shutdown`].
    pub async fn shutdown(&self, patience: Duration) -> usize {
        let workers = self.pool.lock().await.workers.clone();
        for worker in workers.values() {
            worker.order(Order::Stop);
        }
        let deadline = Instant::now() + patience;
        let mut late = Vec::new();
        for (name, worker) in &workers {
            if !worker
                .ended_within(deadline.saturating_duration_since(Instant::now()))
                .await
            {
                tracing::warn!(machine = %name, "worker did not drain in time; killing it");
                worker.order(Order::Kill);
                late.push((name, worker));
            }
        }
        for (name, worker) in &late {
            if !worker.ended_within(KILL_WAIT_MAX).await {
                tracing::error!(machine = %name, pid = worker.id.pid, "worker does not end");
            }
        }
        late.len()
    }

    async fn worker(&self, name: &MachineName) -> Option<Worker> {
        self.pool.lock().await.workers.get(name).cloned()
    }

    /// Looks at one pid file of an earlier control plane.
    async fn find(&self, name: MachineName, file: Option<PidFile>) -> Result<()> {
        let folder = &self.options.folder;
        let failed = |error| Error::io(format!("cannot look at the leftover `{name}`"), error);
        let running = match &file {
            Some(file) if file.process.is_running() => {
                Process::open(&file.process).map_err(failed)?
            }
            Some(_) => None,
            None => {
                tracing::warn!(machine = %name, "a pid file that cannot be read; ignoring it");
                None
            }
        };
        let (Some(PidFile { started_at_ms, .. }), Some(process)) = (file, running) else {
            return PidFile::remove(folder, &name).map_err(failed);
        };
        let pid = process.id().pid;
        self.pool
            .lock()
            .await
            .keep(self.keeper(&name, process, None), started_at_ms);
        match self.options.leftovers {
            Leftovers::Adopt => tracing::info!(machine = %name, pid, "worker adopted"),
            Leftovers::Kill => {
                self.destroy(&name).await?;
                tracing::info!(machine = %name, pid, "leftover worker killed");
            }
        }
        Ok(())
    }

    fn keeper(
        &self,
        name: &MachineName,
        process: Process,
        child: Option<std::process::Child>,
    ) -> Keeper {
        let Options {
            folder, drain_wait, ..
        } = &*self.options;
        Keeper {
            name: name.clone(),
            folder: folder.clone(),
            process,
            child,
            drain_wait: *drain_wait,
        }
    }
}

// === impl Pool ===

impl Pool {
    /// Hands the process to a keeper of its own.
    fn keep(&mut self, keeper: Keeper, started_at_ms: u64) {
        // Keepers of earlier processes that have ended.
        while self.keepers.try_join_next().is_some() {}
        let (orders, orders_here) = watch::channel(Order::Keep);
        let (ended_there, ended) = watch::channel(None);
        let id = keeper.process.id().clone();
        let worker = Worker {
            id,
            started_at_ms,
            orders,
            ended,
        };
        self.workers.insert(keeper.name.clone(), worker);
        self.keepers.spawn(keeper.run(orders_here, ended_there));
    }
}

// === impl Worker ===

impl Worker {
    /// As it is now, not as its keeper last knew.
    async fn show(&self, name: &MachineName) -> Machine {
        let is_running = self.id.is_running();
        if !is_running {
            // The keeper is about to say how it ended. Should it not, the truth is told without.
            self.ended_within(KILL_WAIT_MAX).await;
        }
        let state = match *self.orders.borrow() {
            _ if !is_running => MachineState::Stopped,
            Order::Keep => MachineState::Started,
            Order::Stop | Order::Kill => MachineState::Stopping,
        };
        let exit = self
            .ended
            .borrow()
            .as_ref()
            .and_then(|ended| ended.exit.clone());
        let pid = is_running.then_some(self.id.pid);
        Machine {
            name: name.clone(),
            state,
            pid,
            started_at_ms: self.started_at_ms,
            exit,
        }
    }

    fn order(&self, order: Order) {
        self.orders.send_if_modified(|current| {
            let is_stronger = order > *current;
            *current = order.max(*current);
            is_stronger
        });
    }

    /// Whether it has ended, after waiting this long for it.
    async fn ended_within(&self, wait: Duration) -> bool {
        let mut ended = self.ended.clone();
        // An error means that the keeper is gone without a last word.
        matches!(
            tokio::time::timeout(wait, ended.wait_for(Option::is_some)).await,
            Ok(Ok(_))
        )
    }
}

fn missing(name: &MachineName) -> Error {
    Error::new(
        ErrorKind::Missing,
        format!("there is no machine `{name}`; list shows all"),
    )
}

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
