//! An access token, and the keys of its issuer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| caretaker_fuzz::bearer(bytes));
