//! One binary for all of this package's tests, each file one behaviour: linking is the slow part.

mod happy_path;
