//! `worker::mp4` against real files: ffmpeg makes the sources, ffmpeg and ffprobe judge the results.

mod assembly;
mod cuts;
mod cutter;
mod demuxer;
mod ffmpeg;
mod index;
mod remux;
