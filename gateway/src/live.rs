//! Live feeds: every fact of a job, exactly once and in order, and its latest progress.
//!
//! One core subscription per process serves all sessions: `feed` fans out in memory. A session
//! subscribes first and reads what it missed second (`catch_up`), so that nothing falls between; the
//! numbers of the facts tell it what it has.

mod catch_up;

mod end;

mod feed;

mod followed;

mod session;

mod ticket;

pub(crate) use catch_up::CatchUp;
pub use end::End;
pub use feed::Error;
pub(crate) use feed::{Feed, FeedActor};
pub(crate) use session::{Frame, Session};
pub(crate) use ticket::Tickets;
