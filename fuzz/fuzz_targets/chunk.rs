#![no_main]
//! See `fuzz/src/chunk.rs`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fg_fuzz::hold("chunk", bytes));
