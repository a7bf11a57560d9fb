//! The embedded store must be an S3 that any client takes for one, and lose nothing.
//!
//! One binary for all of its behaviours, a file each: they share a fixture and are linked once.

#[path = "store/fixture.rs"]
mod fixture;

#[path = "store/keys_stay_in_their_bucket.rs"]
mod keys_stay_in_their_bucket;

#[path = "store/signatures_are_verified.rs"]
mod signatures_are_verified;

#[path = "store/reads_are_exact.rs"]
mod reads_are_exact;

#[path = "store/writes_are_whole_or_nothing.rs"]
mod writes_are_whole_or_nothing;

#[path = "store/uploads_resume.rs"]
mod uploads_resume;

#[path = "store/pages_may_use_it.rs"]
mod pages_may_use_it;

#[path = "store/creations_are_notified.rs"]
mod creations_are_notified;

#[path = "store/restarts_find_everything.rs"]
mod restarts_find_everything;

#[path = "store/kills_lose_nothing.rs"]
mod kills_lose_nothing;

#[path = "store/storage_client_works.rs"]
mod storage_client_works;

#[path = "store/stock_clients_work.rs"]
mod stock_clients_work;
