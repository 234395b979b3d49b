//! Urgent: task chased.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| caretaker_fuzz::body(
    entity::Operation::TaskChased,
    bytes
));
