//! The media engine as the worker uses it: real clips through real child processes.

#![expect(
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "helpers of tests: they fail, tell what is skipped, and wait for real processes"
)]

mod avi;
mod bars;
mod broadcast;
mod channels;
mod clip;
mod codecs;
mod colour;
mod containers;
mod corpus;
mod devices;
mod edits;
mod excerpts;
mod folder;
mod frames;
mod geometry;
mod hdr;
mod hostile;
mod hours;
mod images;
mod ingest;
mod interlace;
mod keyframes;
mod limits;
mod loudness;
mod matrix;
mod picture;
mod priming;
mod rates;
mod refusal;
mod remux;
mod riff;
mod sandbox;
mod scenes;
mod sentence;
mod sound;
mod sound_kinds;
mod subtitles;
mod task;
mod together;
mod tracks;
mod transport;
mod uploaded;
mod watermark;
