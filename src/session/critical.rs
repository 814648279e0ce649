//! Which controls are served for which operation, decided before anything else (RFC 4511 §4.1.11): a
//! critical control that is not served fails the operation, a non-critical one is ignored.

use crate::ldap::control::{Control, oid};
use crate::ldap::request::OperationKind;

/// The controls listed in `supportedControl`: those that searches serve.
pub const SUPPORTED: [&str; 8] = [
    oid::PAGED_RESULTS,
    oid::SERVER_SIDE_SORT,
    oid::VIRTUAL_LIST_VIEW,
    oid::SHOW_DELETED,
    oid::SEARCH_OPTIONS,
    oid::DOMAIN_SCOPE,
    oid::MANAGE_DSA_IT,
    oid::PASSWORD_POLICY,
];

/// Whether the operation serves the control.
///
/// ManageDsaIT and domain scope ask for no referrals, and there never are any. The password policy
/// control is handed to the controller with a bind and means nothing elsewhere. Of the controls that
/// change what a search means, only those are served whose meaning the view can give: not extended names
/// (529), attribute scope (1504), quotas (1852), DirSync (841), dereferencing, and the rest.
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

    /// clients.md lists what applications send: each is served, or refused when critical and ignored
    /// when not. What is served is what the root DSE lists.
    #[test]
    fn what_applications_send_with_a_search() {
        let served = [
            "1.2.840.113556.1.4.319",
            "1.2.840.113556.1.4.473",
            "2.16.840.1.113730.3.4.9",
            "1.2.840.113556.1.4.417",
            "1.2.840.113556.1.4.1339",
            "1.2.840.113556.1.4.1340",
            "2.16.840.1.113730.3.4.2",
            "1.3.6.1.4.1.42.2.27.8.5.1",
        ];
        let refused = [
            "1.2.840.113556.1.4.529",
            "1.2.840.113556.1.4.619",
            "1.2.840.113556.1.4.801",
            "1.2.840.113556.1.4.802",
            "1.2.840.113556.1.4.805",
            "1.2.840.113556.1.4.841",
            "1.2.840.113556.1.4.1338",
            "1.2.840.113556.1.4.1413",
            "1.2.840.113556.1.4.1504",
            "1.2.840.113556.1.4.1852",
            "1.2.840.113556.1.4.2026",
            "1.2.840.113556.1.4.2064",
            "1.2.840.113556.1.4.2065",
            "1.2.840.113556.1.4.2090",
            "1.3.6.1.4.1.4203.666.5.16",
            "1.3.6.1.4.1.4203.1.9.1.1",
            "2.16.840.1.113730.3.4.3",
            "2.16.840.1.113730.3.4.18",
            "1.2.826.0.1.3344810.2.3",
        ];
        let search = |control: &str, criticality| {
            let controls = [Control::new(control, criticality)];
            unserved(OperationKind::Search, &controls).is_none()
        };
        for control in served {
            assert!(search(control, true) && search(control, false), "{control}");
            assert!(SUPPORTED.contains(&control), "{control}");
        }
        assert_eq!(SUPPORTED.len(), served.len());
        for control in refused {
            assert!(!search(control, true) && search(control, false), "{control}");
        }
    }
}
