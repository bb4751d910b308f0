#![no_main]
//! See `fuzz/src/duration.rs`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fg_fuzz::hold("duration", bytes));
