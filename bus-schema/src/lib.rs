//! bus-schema.
