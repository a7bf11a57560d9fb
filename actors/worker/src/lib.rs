//! The data plane: the sandboxed media engine and the parent's handle on it.

pub mod protocol;

pub mod child;

pub mod mp4;

pub mod matroska;

pub mod subtitles;

pub mod engine;

pub mod sandbox;

pub mod devices;

pub mod plugins;

pub mod encoders;

pub mod reader;

pub mod by_hand;

pub mod runtime;
