//! The table as data: the forms of a name, the states of an account, and what comes of a login with the right
//! password in each. Who runs it is in [`super::walk`]; where the states come from, in the worlds beside.

use ldapgate::ldap::dn::DistinguishedName;

use crate::world::gate::Gate;

/// A way of writing an account's name (MS-ADTS 5.1.1.1.1, and what this program reads beyond it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Dn,
    DnInLowerCase,
    /// With blanks around `,` and `=`; in upper case where it has escapes, which blanks would change.
    DnSpelledOtherwise,
    Upn,
    UpnInUpperCase,
    UpnWithNetbiosDomain,
    NetbiosDomain,
    NetbiosDomainOtherCase,
    DnsDomain,
    AccountName,
    AccountNameWithBlanks,
    Canonical,
    Guid,
    GuidInBraces,
    GuidInAngles,
    Sid,
    SidInAngles,
}

/// What the directory has of an account.
pub(super) struct Identity {
    pub(super) dn: String,
    pub(super) guid: String,
    pub(super) sid: String,
}

/// An account's name in every form.
pub(super) fn forms(domain: &str, account: &str, identity: &Identity) -> [(Form, String); 17] {
    let Identity { dn, guid, sid } = identity;
    let upper = account.to_uppercase();
    let otherwise = if dn.contains('\\') {
        dn.to_uppercase()
    } else {
        dn.replace(',', " , ").replace('=', " = ")
    };
    [
        (Form::Dn, dn.clone()),
        (Form::DnInLowerCase, dn.to_lowercase()),
        (Form::DnSpelledOtherwise, otherwise),
        (Form::Upn, format!("{account}@{domain}")),
        (Form::UpnInUpperCase, format!("{upper}@{}", domain.to_uppercase())),
        (Form::UpnWithNetbiosDomain, format!("{account}@CORP")),
        (Form::NetbiosDomain, format!("CORP\\{account}")),
        (Form::NetbiosDomainOtherCase, format!("corp\\{upper}")),
        (Form::DnsDomain, format!("{domain}\\{account}")),
        (Form::AccountName, account.to_owned()),
        (Form::AccountNameWithBlanks, format!(" {account} ")),
        (Form::Canonical, canonical(domain, dn)),
        (Form::Guid, guid.clone()),
        (Form::GuidInBraces, format!("{{{guid}}}")),
        (Form::GuidInAngles, format!("<GUID={guid}>")),
        (Form::Sid, sid.clone()),
        (Form::SidInAngles, format!("<SID={sid}>")),
    ]
}

/// `corp.test/People/Alice` of a distinguished name.
fn canonical(domain: &str, dn: &str) -> String {
    let name = DistinguishedName::parse(dn).unwrap();
    let mut parts: Vec<String> = Vec::new();
    for ava in name.0.iter().flat_map(|rdn| &rdn.0) {
        if ava.attribute().eq_ignore_ascii_case("dc") {
            continue;
        }
        let value = String::from_utf8(ava.value().to_vec()).unwrap();
        parts.push(value.replace('\\', "\\\\").replace('/', "\\/"));
    }
    parts.push(domain.to_owned());
    parts.reverse();
    parts.join("/")
}

/// What comes of a login with the right password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A controller accepts it.
    Accepted,
    /// A controller refuses it with this sub-code, which both applications relay.
    ByController(&'static str),
    /// Refused here for this reason; no controller is asked. The sub-code is told by `subcodes`; `uniform` says
    /// what the controllers say to a wrong password.
    Here(&'static str, &'static str),
}

const AMBIGUOUS: Outcome = Outcome::Here("ambiguous_name", "525");

/// A state of an account.
pub(super) struct Row {
    pub(super) account: &'static str,
    pub(super) state: &'static str,
    outcome: Outcome,
    /// The forms in which the name is somebody else's as well.
    shared_forms: &'static [Form],
    /// What has to be done at the gate first.
    pub(super) prepare: fn(&Gate),
}

const fn row(account: &'static str, state: &'static str, outcome: Outcome) -> Row {
    Row { account, state, outcome, shared_forms: &[], prepare: |_| () }
}

/// The account whose userPrincipalName somebody else has too: [`TWIN`].
pub(super) const TWINNED: &str = "renameme";
/// Who has it too.
pub(super) const TWIN: &str = "delme";
/// The account that a second directory has as well.
pub(super) const IN_BOTH: &str = "quinn";
/// The account that the applications' `user_filter` leaves out.
pub(super) const CONTRACTOR: &str = "müller";
const BLOCKED: &str = "blocked";

pub(super) const ROWS: &[Row] = &[
    row("alice", "active", Outcome::Accepted),
    row("nina", "active, by a nested group", Outcome::Accepted),
    row("pia", "active, by the primary group", Outcome::Accepted),
    Row { prepare: unblock, ..row("zhang", "active, not blocked", Outcome::Accepted) },
    row("dave", "password expired", Outcome::ByController("532")),
    row("erin", "must change the password", Outcome::ByController("773")),
    row("frank", "locked", Outcome::ByController("775")),
    row("grace", "not at this hour", Outcome::ByController("530")),
    row("heidi", "not from this workstation", Outcome::ByController("531")),
    row("bob", "disabled", Outcome::Here("account_disabled", "533")),
    row("carol", "expired", Outcome::Here("account_expired", "701")),
    row("ivan", "out of base", Outcome::Here("out_of_scope", "533")),
    row(CONTRACTOR, "filtered", Outcome::Here("filtered_out", "533")),
    row("luke", "wrong group", Outcome::Here("not_in_required_group", "533")),
    row("olga", "denied group", Outcome::Here("in_denied_group", "533")),
    row("nobody", "unknown", Outcome::Here("unknown_name", "525")),
    Row {
        shared_forms: &[Form::Upn, Form::UpnInUpperCase],
        ..row(TWINNED, "ambiguous in its directory", Outcome::Accepted)
    },
    Row {
        shared_forms: &[Form::AccountName, Form::AccountNameWithBlanks],
        ..row(IN_BOTH, "ambiguous over two directories", Outcome::Accepted)
    },
    Row { prepare: block, ..row("zhang", BLOCKED, Outcome::Here("blocked", "533")) },
];

fn block(gate: &Gate) {
    let done = gate.command(&["block", "zhang"]);
    assert!(done.status.success(), "{done:?}");
}

/// There is nothing to lift yet in the first walk; a block that stays is seen in the row.
fn unblock(gate: &Gate) {
    gate.command(&["unblock", "zhang"]);
}

/// The two applications: they differ in what a refused client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Application {
    /// `refusals = "uniform"`, which is the default.
    Crm,
    /// `refusals = "subcodes"`.
    Frank,
}

impl Application {
    pub(super) const BOTH: [Self; 2] = [Self::Crm, Self::Frank];

    /// Its name, which is its listener's too.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Frank => "frank",
        }
    }
}

/// How old the copy is that logins are judged on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copy {
    /// As new as it has to be.
    Fresh,
    /// Older than `max_age`, and both applications are strict.
    Stale,
}

/// A field of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) code: u32,
    pub(super) text: String,
    pub(super) reason: &'static str,
    /// Whether a controller was asked.
    pub(super) asked: bool,
}

const VIEW_STALE: &str =
    "the copy of the directory has not been confirmed for too long, try again shortly";

impl Row {
    /// What the table says; `wording` is what the controllers say to a wrong password, with its `52e`.
    pub(super) fn field(&self, form: Form, at: Application, copy: Copy, wording: &str) -> Field {
        let here = |reason, sub_code| {
            let told = if at == Application::Frank { sub_code } else { "52e" };
            Field { code: 49, text: wording.replace("52e", told), reason, asked: false }
        };
        if copy == Copy::Stale && self.state != BLOCKED {
            // It says nothing against anybody, and nobody is let in; an operator's word counts all the same.
            let (text, reason) = (VIEW_STALE.to_owned(), "view_stale");
            return Field { code: 52, text, reason, asked: false };
        }
        match self.outcome_as(form) {
            Outcome::Accepted => {
                Field { code: 0, text: String::new(), reason: "accepted", asked: true }
            }
            Outcome::ByController(sub_code) => Field {
                code: 49,
                text: wording.replace("52e", sub_code),
                reason: "rejected_by_controller",
                asked: true,
            },
            Outcome::Here(reason, sub_code) => here(reason, sub_code),
        }
    }

    fn outcome_as(&self, form: Form) -> Outcome {
        if self.shared_forms.contains(&form) { AMBIGUOUS } else { self.outcome }
    }
}
