#![no_main]
//! See `fuzz/src/wire.rs`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fg_fuzz::hold("wire", bytes));
