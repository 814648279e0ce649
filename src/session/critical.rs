//! Which controls are served for which operation, decided before anything else (RFC 4511 §4.1.11): a
//! critical control that is not served fails the operation, a non-critical one is ignored.

use crate::ldap::control::{Control, oid};
use crate::ldap::request::OperationKind;

/// The controls listed in `supportedControl`.
pub const SUPPORTED: [&str; 4] =
    [oid::PAGED_RESULTS, oid::MANAGE_DSA_IT, oid::DOMAIN_SCOPE, oid::PASSWORD_POLICY];

/// Whether the operation serves the control.
///
/// ManageDsaIT and domain scope ask for no referrals, and there never are any. The password policy
/// control is handed to the controller with a bind and means nothing elsewhere.
#[must_use]
pub fn is_served(kind: OperationKind, control: &str) -> bool {
    match kind {
        OperationKind::Bind => control == oid::PASSWORD_POLICY,
        OperationKind::Search => SUPPORTED.contains(&control),
        OperationKind::Compare => matches!(control, oid::MANAGE_DSA_IT | oid::PASSWORD_POLICY),
        OperationKind::Modify
        | OperationKind::Add
        | OperationKind::Delete
        | OperationKind::ModifyDn => control == oid::MANAGE_DSA_IT,
        OperationKind::Extended | OperationKind::Unbind | OperationKind::Abandon => false,
    }
}

/// The first critical control that the operation does not serve.
#[must_use]
pub fn unserved(kind: OperationKind, controls: &[Control]) -> Option<&Control> {
    controls.iter().find(|control| control.criticality && !is_served(kind, &control.oid))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4511 §4.1.11.
    #[test]
    fn criticality_decides_about_unknown_controls() {
        let unknown = |criticality| vec![Control::new("1.2.3.4", criticality)];
        for kind in [OperationKind::Bind, OperationKind::Search, OperationKind::Extended] {
            assert!(unserved(kind, &unknown(true)).is_some(), "{kind:?}");
            assert!(unserved(kind, &unknown(false)).is_none(), "{kind:?}");
        }
        let paged = vec![Control::new(oid::PAGED_RESULTS, true)];
        assert!(unserved(OperationKind::Search, &paged).is_none());
        assert!(unserved(OperationKind::Bind, &paged).is_some());
    }
}
