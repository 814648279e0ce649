//! Which request controls of a client go up with its bind.

use crate::ldap::control::{Control, oid};

/// The controls to send: only those that are known to be meant for the directory's own judgement of
/// the password. They are sent as not critical, so that a controller that does not serve one still
/// judges the password; whether a critical control is served at all was decided before.
pub(super) fn request_controls(controls: &[Control]) -> Vec<Control> {
    controls
        .iter()
        .filter(|control| control.oid == oid::PASSWORD_POLICY)
        .map(|control| Control { criticality: false, ..control.clone() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_password_policy_goes_up_and_never_critical() {
        let policy = Control::new(oid::PASSWORD_POLICY, true);
        let other = Control::new(oid::PAGED_RESULTS, true);
        let sent = request_controls(&[other, policy]);
        assert_eq!(sent, [Control::new(oid::PASSWORD_POLICY, false)]);
    }
}
