//! The media engine as the worker uses it: real clips through real child processes.

mod clip;
mod hostile;
mod limits;
mod picture;
mod refusal;
mod sandbox;
mod sound;
mod task;
mod together;
