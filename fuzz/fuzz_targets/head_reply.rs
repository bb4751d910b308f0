#![no_main]
//! See `fuzz/src/head_reply.rs`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fg_fuzz::hold("head_reply", bytes));
