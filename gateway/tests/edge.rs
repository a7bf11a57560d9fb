//! The HTTP edge must refuse what it should, write nothing then, and miss nothing on its live feeds.
//!
//! One binary for all of its behaviours, a file each: they share a fixture and are linked once. The bus and
//! the store are real; the control plane behind its port is a map in memory.

#[path = "../src/sample_job.rs"]
mod sample_job;

#[path = "edge/fixture.rs"]
mod fixture;

#[path = "edge/memory_jobs.rs"]
mod memory_jobs;

#[path = "edge/socket.rs"]
mod socket;

#[path = "edge/uploads_are_refused.rs"]
mod uploads_are_refused;

#[path = "edge/remuxing_is_shown.rs"]
mod remuxing_is_shown;

#[path = "edge/requests_are_refused.rs"]
mod requests_are_refused;

#[path = "edge/pages_elsewhere_are_refused.rs"]
mod pages_elsewhere_are_refused;

#[path = "edge/uploads_become_jobs.rs"]
mod uploads_become_jobs;

#[path = "edge/jobs_are_shown.rs"]
mod jobs_are_shown;

#[path = "edge/ladders_are_offered.rs"]
mod ladders_are_offered;

#[path = "edge/outputs_are_played.rs"]
mod outputs_are_played;

#[path = "edge/ffprobe_reads_playlists.rs"]
mod ffprobe_reads_playlists;

#[path = "edge/feeds_miss_nothing.rs"]
mod feeds_miss_nothing;

#[path = "edge/events_resume.rs"]
mod events_resume;

#[path = "edge/feeds_are_bounded.rs"]
mod feeds_are_bounded;

#[path = "edge/the_document_is_complete.rs"]
mod the_document_is_complete;

#[path = "edge/the_page_is_served.rs"]
mod the_page_is_served;
