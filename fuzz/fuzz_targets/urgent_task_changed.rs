//! Urgent: task changed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| caretaker_fuzz::body(
    entity::Operation::TaskChanged,
    bytes
));
