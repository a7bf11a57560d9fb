//! The contract must not change unseen: what is on the wire today is read tomorrow, and whatever else comes
//! is refused without a panic and within bounded memory.
//!
//! One binary for all of its behaviours, a file each: they share the samples and are linked once.

#[path = "schema/every.rs"]
mod every;

#[path = "schema/variants.rs"]
mod variants;

#[path = "schema/sample.rs"]
mod sample;

#[path = "schema/sample_fact.rs"]
mod sample_fact;

#[path = "schema/sample_message.rs"]
mod sample_message;

#[path = "schema/sample_plan.rs"]
mod sample_plan;

#[path = "schema/sample_record.rs"]
mod sample_record;

#[path = "schema/sample_result.rs"]
mod sample_result;

#[path = "schema/golden.rs"]
mod golden;

#[path = "schema/bytes_stay_the_same.rs"]
mod bytes_stay_the_same;

#[path = "schema/messages_may_grow.rs"]
mod messages_may_grow;

#[path = "schema/hostile_bytes_are_refused.rs"]
mod hostile_bytes_are_refused;

#[path = "schema/memory_is_bounded.rs"]
mod memory_is_bounded;

#[path = "schema/subjects_round_trip.rs"]
mod subjects_round_trip;

#[path = "schema/records_are_checked.rs"]
mod records_are_checked;

#[path = "schema/specs_are_checked.rs"]
mod specs_are_checked;
