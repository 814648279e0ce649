#![no_main]

use ldapgate_fuzz::{hold, proxy_protocol::holds_when_cut};

libfuzzer_sys::fuzz_target!(|octets: &[u8]| hold(holds_when_cut(octets)));
