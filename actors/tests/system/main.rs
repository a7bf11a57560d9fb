//! The whole system as it runs: `tcoder up` with its nats-server, its store and real workers, driven
//! from outside by HTTP, S3, the bus and signals.

mod harness;

mod codecs;
mod completes;

mod sound;

mod copies;

mod refusals;

mod notifications;

mod kills;
mod together;

mod starts;
mod stops;

mod devices;
mod endings;

mod stock_cli;

mod terminal;
mod terminal_images;
mod unread;

mod panics;

mod browser;

mod images;
mod ingest;
mod players;

mod excerpts;

mod chapters;

mod subtitles;
