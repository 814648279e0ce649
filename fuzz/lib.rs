//! The wire floor and the PROXY header alone, for the fuzz targets.

#[path = "../src/hexadecimal.rs"]
pub mod hexadecimal;
#[path = "../src/ldap/mod.rs"]
pub mod ldap;
#[path = "../src/server/proxy_protocol/mod.rs"]
pub mod proxy_protocol;

/// Ends the run when a property does not hold.
pub fn hold(outcome: ldap::fuzzing::Outcome) {
    if let Err(broken) = outcome {
        panic!("{broken}");
    }
}
