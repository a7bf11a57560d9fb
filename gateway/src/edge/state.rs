//! What all handlers share.

use std::sync::Arc;

use bus_schema::id::{JobId, TenantId};
use bus_schema::record::JobRecord;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::page::Page;
use super::texts::Texts;
use super::view::JobView;
use super::{Error, Options, Ports};
use crate::jobs::{ErrorKind, Jobs};
use crate::live::{CatchUp, Feed, Tickets};
use crate::problem::{Code, Problem};
use crate::storage::{GetConditions, Storage};

/// Live sessions at once. About 30 KB each with their socket: 300 MB when all are taken.
const SESSIONS_MAX: usize = 10_000;

/// Shared by all handlers.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) options: Options,
    pub(super) jobs: Arc<dyn Jobs>,
    pub(super) storage: Storage,
    pub(super) feed: Feed,
    pub(super) catch_up: CatchUp,
    pub(super) tickets: Tickets,
    pub(super) texts: Texts,
    pub(super) page: Page,
    pub(super) session_permits: Arc<Semaphore>,
    pub(super) sessions: TaskTracker,
    pub(super) shutdown: CancellationToken,
}

/// As axum hands it to handlers.
pub(super) type Shared = Arc<Edge>;

impl Edge {
    pub(super) async fn new(
        options: Options,
        ports: Ports,
        feed: Feed,
        catch_up: CatchUp,
        shutdown: CancellationToken,
    ) -> Result<Self, Error> {
        options.check()?;
        let Ports {
            jobs,
            storage,
            bus: _,
        } = ports;
        let mut origins = vec![storage_origin(&storage).await?];
        origins.extend(
            options
                .media_base_url
                .as_ref()
                .map(|base| base.origin().ascii_serialization()),
        );
        Ok(Self {
            texts: Texts::new(Arc::clone(&jobs), storage.clone()),
            jobs,
            storage,
            feed,
            catch_up,
            tickets: Tickets::default(),
            page: Page::new(&origins),
            session_permits: Arc::new(Semaphore::new(SESSIONS_MAX)),
            sessions: TaskTracker::new(),
            shutdown,
            options,
        })
    }

    /// Whose jobs a request is about. One tenant until there are API keys.
    #[expect(clippy::unused_self, reason = "keys will tell")]
    pub(super) fn tenant(&self) -> TenantId {
        TenantId::default()
    }

    /// A record of the tenant's.
    pub(super) async fn record(&self, id: JobId) -> Result<JobRecord, Problem> {
        let record = self.jobs.get(id).await.map_err(|error| match error.kind {
            ErrorKind::NotFound => Problem::unknown_job(id.as_str()),
            ErrorKind::Conflict | ErrorKind::Refused | ErrorKind::Unavailable => error.into(),
        })?;
        if record.tenant == self.tenant() {
            Ok(record)
        } else {
            Err(Problem::unknown_job(id.as_str()))
        }
    }

    /// What clients see of it, with its progress.
    pub(super) async fn view(&self, record: JobRecord) -> JobView {
        let record = Arc::new(record);
        let progress = self.feed.gauge(vec![Arc::clone(&record)]).await.pop();
        JobView::of(&record, progress.as_ref())
    }

    /// A GET of one object in storage that anybody may make for a while.
    pub(super) async fn signed_get(
        &self,
        key: &str,
        disposition: Option<String>,
    ) -> Result<String, Problem> {
        let conditions = GetConditions {
            if_match: None,
            content_disposition: disposition,
            content_type: None,
            expires: self.options.download_expiry(),
        };
        Ok(self.storage.presign_get(key, &conditions).await?.url)
    }
}

/// Where signed requests lead: the page must be allowed to go there.
async fn storage_origin(storage: &Storage) -> Result<String, Error> {
    let conditions = GetConditions {
        if_match: None,
        content_disposition: None,
        content_type: None,
        expires: std::time::Duration::from_secs(1),
    };
    let url = storage.presign_get("origin", &conditions).await?.url;
    let url = Url::parse(&url)
        .map_err(|error| Error::Options(format!("storage address {url}: {error}")))?;
    Ok(url.origin().ascii_serialization())
}

impl From<crate::storage::Error> for Problem {
    fn from(error: crate::storage::Error) -> Self {
        use crate::storage::ErrorKind;
        tracing::warn!(%error, "storage");
        match error.kind() {
            ErrorKind::NotFound => Self::new(
                Code::UnknownObject,
                "The object is not in storage: upload it first.",
            ),
            ErrorKind::Unreachable | ErrorKind::Unavailable => Self::new(
                Code::Unavailable,
                "Storage does not answer: try again in a moment.",
            ),
            _ => Self::new(
                Code::Internal,
                "Storage refused: the operator finds the reason in the log.",
            ),
        }
    }
}
