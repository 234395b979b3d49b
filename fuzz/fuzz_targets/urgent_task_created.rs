//! Urgent: task created.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| caretaker_fuzz::body(
    entity::Operation::TaskCreated,
    bytes
));
