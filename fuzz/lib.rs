//! The wire floor alone, for the fuzz targets.

#[path = "../src/hexadecimal.rs"]
pub mod hexadecimal;
#[path = "../src/ldap/mod.rs"]
pub mod ldap;

/// Ends the run when a property does not hold.
pub fn hold(outcome: ldap::fuzzing::Outcome) {
    if let Err(broken) = outcome {
        panic!("{broken}");
    }
}
