//! The Notifier against a real bus and real receivers on loopback.

mod fixture;

mod receiver;

mod stages;

mod retries;

mod crashes;

mod guards;

mod crowds;
