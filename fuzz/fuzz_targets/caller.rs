//! What proxies say of the caller's address.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| caretaker_fuzz::caller(bytes));
