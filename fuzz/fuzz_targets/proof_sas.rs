//! A shared access signature.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| caretaker_fuzz::sas(bytes));
