//! fly.
