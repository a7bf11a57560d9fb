//! `worker::mp4` against real files: ffmpeg makes the sources, ffmpeg and ffprobe judge the results.

mod assembly;
mod copied;
mod cuts;
mod cutter;
mod demuxer;
mod ffmpeg;
mod index;
mod remux;
mod scattered;
