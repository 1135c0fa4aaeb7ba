#![no_main]
#[allow(dead_code, reason = "each target runs one of them")]
#[path = "../src/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::answers(data));
