//! Signature Version 4.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| caretaker_fuzz::sigv4(bytes));
