//! The edge: everything that a browser, a storage service or a client's server touches.

pub mod store;

pub mod storage;
