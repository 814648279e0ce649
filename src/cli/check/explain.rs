//! What a failure at a controller means and what to do about it.

use crate::upstream::{FetchError, Step};

use super::report::{Area, Finding};

/// What an operator needs to know of a controller to act.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The host that is connected to.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// The directory in the configuration: `directory[0]`.
    pub directory_key: &'a str,
    /// The controller in the configuration: `directory[0].controllers[1]`.
    pub controller_key: &'a str,
}

/// The part an operator has to look at.
#[must_use]
pub const fn area(step: Step) -> Area {
    match step {
        Step::Resolve | Step::Connect | Step::Timeout | Step::NoController | Step::Stale => {
            Area::Network
        }
        Step::Tls | Step::StartTls => Area::Tls,
        Step::Credentials => Area::Credentials,
        Step::RootDse | Step::Base => Area::BaseDn,
        Step::Filter => Area::Filter,
        Step::Rights | Step::Limit => Area::Rights,
        Step::Protocol | Step::Server | Step::Control | Step::Position => Area::Server,
    }
}

/// The failure as a finding.
#[must_use]
pub fn finding(error: &FetchError, place: Place<'_>) -> Finding {
    Finding::fail(area(error.step), error.reason.clone(), advice(error, place))
        .at(key(error.step, place))
}

fn key(step: Step, place: Place<'_>) -> String {
    let Place { directory_key, controller_key, .. } = place;
    match step {
        Step::Resolve
        | Step::Connect
        | Step::Timeout
        | Step::NoController
        | Step::Tls
        | Step::StartTls
        | Step::Server
        | Step::Control
        | Step::Position
        | Step::Stale
        | Step::Protocol => controller_key.to_owned(),
        Step::Credentials | Step::Rights => format!("{directory_key}.bind_name"),
        Step::RootDse | Step::Base => format!("{directory_key}.base_dn"),
        Step::Filter | Step::Limit => directory_key.to_owned(),
    }
}

fn advice(error: &FetchError, place: Place<'_>) -> String {
    let Place { host, port, .. } = place;
    match error.step {
        Step::Resolve => format!(
            "correct the name, or this machine's DNS (try: getent hosts {host}), or give the \
             controller an address"
        ),
        Step::Connect => format!(
            "see whether the controller runs, whether the port is right, and which firewall is in \
             between (try: nc -vz {host} {port})"
        ),
        Step::Timeout => "the controller is overloaded or too far away: see how it is doing, or \
                          raise the timeouts of the directory"
            .to_owned(),
        Step::NoController => "give the directory a controller".to_owned(),
        Step::Tls => format!(
            "compare ca_file (or spki_pins) and the controller's name with what it shows (try: \
             openssl s_client -connect {host}:{port} -showcerts)"
        ),
        Step::StartTls => "give the controller a certificate, or use ldaps://".to_owned(),
        Step::Credentials => credentials(&error.reason).to_owned(),
        Step::RootDse | Step::Base => {
            "correct base_dn (left out, the controller's own naming context is used), or name a \
             controller of this directory"
                .to_owned()
        }
        Step::Filter => "this directory is of another kind than configured, or the controller \
                         does not know an attribute that is needed: check kind"
            .to_owned(),
        Step::Rights => "let the service account read the naming context with userAccountControl, \
                         memberships and object identifiers (in Active Directory every \
                         authenticated user may, unless somebody took that away)"
            .to_owned(),
        Step::Limit => "the controller cut the answer short: lower page_size of the directory's \
                        sync, or raise the limit for the service account there"
            .to_owned(),
        Step::Protocol => format!(
            "what answers there does not speak LDAP as it should: see what listens on {host}:{port}"
        ),
        Step::Control => "the controller does not offer a control that is needed: see its \
                          supportedControl, or name another controller"
            .to_owned(),
        Step::Position | Step::Stale => "try again".to_owned(),
        Step::Server => "the controller itself has a problem: see its event log".to_owned(),
    }
}

/// Advice by Active Directory's sub-code (`data 52e`), where the controller gave one.
fn credentials(reason: &str) -> &'static str {
    const BY_SUB_CODE: [(&str, &str); 9] = [
        ("525", "no account has this name: correct bind_name"),
        ("52e", "name or password is wrong: correct bind_name or bind_password"),
        ("530", "the account may not log on at this hour: change its logon hours"),
        ("531", "the account may log on to certain workstations only: lift that"),
        ("532", "its password has expired: set a new one that does not expire"),
        ("533", "the account is disabled: enable it, or use another one"),
        ("701", "the account has expired: extend it, or use another one"),
        ("773", "it must change its password first: set one without that flag"),
        ("775", "the account is locked: unlock it, then look for who has the old password"),
    ];
    let reason = reason.to_ascii_lowercase();
    let sub_code = reason.split("data ").nth(1).map(|rest| rest.trim_start());
    let known = sub_code.and_then(|text| {
        BY_SUB_CODE.iter().find(|(code, _)| text.starts_with(code)).map(|(_, advice)| *advice)
    });
    known.unwrap_or(
        "correct bind_name and bind_password (or bind_password_file; a line feed at its end does \
         not count)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place {
        host: "dc1",
        port: 636,
        directory_key: "directory[0]",
        controller_key: "directory[0].controllers[1]",
    };

    fn explained(step: Step, reason: &str) -> Finding {
        let error = FetchError { controller: "dc1".into(), step, reason: reason.to_owned() };
        finding(&error, PLACE)
    }

    #[test]
    fn each_failure_names_its_part_its_key_and_what_to_do() {
        for (step, area, key) in [
            (Step::Resolve, Area::Network, "directory[0].controllers[1]"),
            (Step::Connect, Area::Network, "directory[0].controllers[1]"),
            (Step::Tls, Area::Tls, "directory[0].controllers[1]"),
            (Step::Credentials, Area::Credentials, "directory[0].bind_name"),
            (Step::Base, Area::BaseDn, "directory[0].base_dn"),
            (Step::Rights, Area::Rights, "directory[0].bind_name"),
        ] {
            let finding = explained(step, "because");
            assert_eq!((finding.area, finding.key.as_deref()), (area, Some(key)), "{step}");
            assert!(finding.advice.is_some_and(|advice| !advice.is_empty()), "{step}");
        }
    }

    /// MS-ERREF: the sub-codes are Windows error codes in hexadecimal.
    #[test]
    fn sub_codes_tell_what_to_do() {
        let advice = |reason| explained(Step::Credentials, reason).advice.unwrap();
        let locked = "80090308: LdapErr: DSID-0C090439, comment: …, data 775, v4563";
        assert!(advice(locked).contains("locked"));
        assert!(advice("… data 533, v1db1").contains("disabled"));
        assert!(advice("invalidCredentials").contains("bind_password_file"));
    }
}
