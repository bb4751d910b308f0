#![no_main]
//! See `fuzz/src/path.rs`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fg_fuzz::hold("path", bytes));
