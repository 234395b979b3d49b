//! A request to the token endpoint.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| caretaker_fuzz::form(bytes));
