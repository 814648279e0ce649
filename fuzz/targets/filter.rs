#![no_main]

use ldapgate_fuzz::{hold, ldap::fuzzing};

libfuzzer_sys::fuzz_target!(|octets: &[u8]| hold(fuzzing::filter(octets)));
