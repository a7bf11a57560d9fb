//! JetStream as tcoder uses it.
//!
//! Modules stand in the order in which the data travels: a server and its configuration, a
//! connection, the topology that lies on it, publishing, receiving, and what is built from both -
//! registers, leases, timers. Nothing here knows what a message means.
//!
//! | to ... | see |
//! |---|---|
//! | start a real nats-server | [`server::ServerProcess`], in tests `server::TestServer` |
//! | write its two-account configuration | [`conf::ServerConf`] |
//! | connect | [`bus::connect`] |
//! | lay out streams, consumers and buckets | [`topology::apply`] |
//! | publish once for ever, or at least once | [`Bus::publish_once`], [`Bus::publish`] |
//! | receive | [`Subscription`], [`Delivery`], [`Claim`] |
//! | keep state by compare-and-set | [`Register`] |
//! | keep keys that expire | [`Leases`], [`Lease`] |
//! | be woken later | [`Timers`] |

pub mod error;

pub mod conf;

pub mod server;

pub mod credentials;

pub mod bus;

pub mod topology;

pub mod publisher;

pub mod subscription;

pub mod delivery;

pub mod claim;

pub mod bucket;

pub mod register;

pub mod watch;

pub mod lease;

pub mod timers;

mod backoff;

mod boot_time;

pub use async_nats::HeaderMap;

pub use boot_time::BootInstant;
pub use bucket::Revision;
pub use bus::{Bus, Connection, connect};
pub use claim::Claim;
pub use credentials::Credentials;
pub use delivery::{Delivery, unfinished_deliveries};
pub use error::{Error, ErrorKind, Result};
pub use lease::{Lease, Leases};
pub use publisher::Published;
pub use register::Register;
pub use subscription::Subscription;
pub use timers::Timers;
pub use watch::{Watch, WatchEvent};
