//! Any bytes, read as every message, bucket value and live frame: `cargo +nightly fuzz run decode` in
//! `bus-schema/`. A good start is a corpus of the golden messages: `xxd -r -p tests/golden/X.hex
//! fuzz/corpus/decode/X`.

#![no_main]

use libfuzzer_sys::fuzz_target;

// The same readers as the tests, so that none is forgotten here.
#[path = "../../tests/schema/every.rs"]
#[expect(dead_code, reason = "the names are for the tests")]
mod every;

fuzz_target!(|bytes: &[u8]| {
    every::read(bytes);
});
