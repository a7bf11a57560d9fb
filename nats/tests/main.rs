//! One binary for all of this package's tests, each file one behaviour: linking is the slow part.

mod fixture;

mod bus;
mod claim;
mod cluster;
mod delivery;
mod happy_path;
mod lease;
mod lost_answer;
mod permissions;
mod publisher;
mod register;
mod server;
mod stock_cli;
mod subscription;
mod timers;
mod topology;
mod watch;
mod worker_rights;
