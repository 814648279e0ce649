//! What is known of a directory as a whole, and what sort of entry an entry is.

use std::sync::Arc;

use crate::ldap::dn::DistinguishedName;
use crate::ldap::entry::{AttributeValues, Entry};
use crate::ldap::identifier::Sid;
use crate::ldap::schema::DirectoryKind;

use super::subschema::Subschema;

/// The naming context that ldapgate itself serves beside an OpenLDAP tree, so that a root DSE always
/// names two real contexts.
pub const OWN_CONTEXT: &str = "cn=ldapgate";

/// `sAMAccountType` of a normal user account (MS-SAMR §2.2.1.9, `SAM_USER_OBJECT`).
const NORMAL_USER: &str = "805306368";

/// What is known of the directory as a whole, read by sync from the root DSE and the configuration
/// context.
#[derive(Clone, Debug)]
pub struct Domain {
    /// The name of the `[[directory]]`.
    pub directory: Arc<str>,
    /// Which schema and account semantics it follows.
    pub kind: DirectoryKind,
    /// The name of the naming context as the controller spells it.
    pub naming_context: String,
    /// The name of the configuration context (Active Directory).
    pub configuration_context: Option<String>,
    /// The name of the schema context (Active Directory).
    pub schema_context: Option<String>,
    /// The DNS name of the domain, `corp.example` (Active Directory).
    pub dns_name: Option<String>,
    /// The NetBIOS name, `CORP`, read from the crossRef (Active Directory).
    pub netbios_name: Option<String>,
    /// The SID of the domain (Active Directory).
    pub sid: Option<Sid>,
    /// `uPNSuffixes` of CN=Partitions and of organizational units, in order.
    pub upn_suffixes: Vec<String>,
    /// The root DSE as the controller gave it.
    pub root_dse: Entry,
    /// The subschema that holds for the entries, if it could be read whole.
    pub subschema: Option<Arc<Subschema>>,
}

/// What the domain is called in names that people log in with (Active Directory).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainNames {
    /// See [`Domain::dns_name`].
    pub dns_name: Option<String>,
    /// See [`Domain::netbios_name`].
    pub netbios_name: Option<String>,
    /// See [`Domain::upn_suffixes`].
    pub upn_suffixes: Vec<String>,
}

impl Domain {
    /// What it is called.
    #[must_use]
    pub fn names(&self) -> DomainNames {
        DomainNames {
            dns_name: self.dns_name.clone(),
            netbios_name: self.netbios_name.clone(),
            upn_suffixes: self.upn_suffixes.clone(),
        }
    }

    /// The same called otherwise.
    #[must_use]
    pub fn called(&self, names: DomainNames) -> Self {
        let DomainNames { dns_name, netbios_name, upn_suffixes } = names;
        Self { dns_name, netbios_name, upn_suffixes, ..self.clone() }
    }

    /// Whether the other domain says the same about names, identities and the subschema. The root DSE is
    /// left out: it carries the controller's clock and change numbers.
    #[must_use]
    pub fn same_names(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.naming_context == other.naming_context
            && self.configuration_context == other.configuration_context
            && self.schema_context == other.schema_context
            && self.dns_name == other.dns_name
            && self.netbios_name == other.netbios_name
            && self.sid == other.sid
            && self.upn_suffixes == other.upn_suffixes
            && match (&self.subschema, &other.subschema) {
                (Some(own), Some(other)) => Arc::ptr_eq(own, other) || own.same_as(other),
                (own, other) => own.is_none() && other.is_none(),
            }
    }

    /// The DNS name under which people know the domain: what the directory says, or else what its naming context
    /// does.
    #[must_use]
    pub fn known_as(&self) -> Option<String> {
        self.dns_name.clone().or_else(|| dns_name(&self.naming_context))
    }

    /// The names at which a tree of its own begins, as spelled: a search in one of them does not
    /// reach into another, even where the names nest (MS-ADTS §3.1.1.1.5).
    pub fn heads(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.naming_context.as_str())
            .chain(self.configuration_context.as_deref())
            .chain(self.schema_context.as_deref())
            .chain((self.kind == DirectoryKind::OpenLdap).then_some(OWN_CONTEXT))
    }
}

/// The DNS name of a naming context of domain components (RFC 2247 §2): `DC=corp,DC=example` is `corp.example`.
#[must_use]
pub fn dns_name(naming_context: &str) -> Option<String> {
    let name = DistinguishedName::parse(naming_context).ok()?;
    let labels = name.rdns().iter().map(|rdn| match rdn.0.as_slice() {
        [only] if only.attribute().eq_ignore_ascii_case("dc") => {
            String::from_utf8(only.value().to_vec()).ok()
        }
        _ => None,
    });
    let labels: Vec<String> = labels.collect::<Option<_>>()?;
    (!labels.is_empty()).then(|| labels.join("."))
}

/// What sort of entry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A person's account. Never a computer, a managed service account or a trust.
    User,
    /// A group.
    Group,
    /// An organizational unit, a container or the head of a naming context.
    Container,
    /// Anything else that was copied.
    Other,
    /// The tombstone of an entry that is gone. Not found by name, identity or SID; searches that ask for
    /// deleted entries are shown it (MS-ADTS §3.1.1.3.4.1.14).
    Deleted,
}

impl EntryKind {
    /// The sort of `entry` by its object classes and, for Active Directory, by `sAMAccountType`.
    #[must_use]
    pub fn of(entry: &impl AttributeValues, kind: DirectoryKind) -> Self {
        let is = |class: &str| {
            let mut classes = entry.values_of("objectClass");
            classes.any(|value| value.eq_ignore_ascii_case(class.as_bytes()))
        };
        let any = |classes: &[&str]| classes.iter().any(|class| is(class));
        if entry.text_of("isDeleted") == Some("TRUE") {
            return Self::Deleted;
        }
        match kind {
            DirectoryKind::ActiveDirectory => {
                let normal =
                    entry.text_of("sAMAccountType").is_none_or(|found| found == NORMAL_USER);
                if any(&["group"]) {
                    Self::Group
                } else if is("user") && !is("computer") && normal {
                    Self::User
                } else if any(&ACTIVE_DIRECTORY_CONTAINERS) {
                    Self::Container
                } else {
                    Self::Other
                }
            }
            DirectoryKind::OpenLdap => {
                if any(&OPENLDAP_GROUPS) {
                    Self::Group
                } else if any(&OPENLDAP_USERS) {
                    Self::User
                } else if any(&OPENLDAP_CONTAINERS) {
                    Self::Container
                } else {
                    Self::Other
                }
            }
        }
    }
}

const ACTIVE_DIRECTORY_CONTAINERS: [&str; 8] = [
    "organizationalUnit",
    "container",
    "domainDNS",
    "domain",
    "builtinDomain",
    "configuration",
    "dMD",
    "crossRefContainer",
];

/// Object classes that make an OpenLDAP entry a group.
pub const OPENLDAP_GROUPS: [&str; 3] = ["groupOfNames", "groupOfUniqueNames", "posixGroup"];

/// Object classes that make an OpenLDAP entry a person's account.
pub const OPENLDAP_USERS: [&str; 6] = [
    "inetOrgPerson",
    "posixAccount",
    "account",
    "organizationalPerson",
    "person",
    // Service accounts: an entry of any structure with a password.
    "simpleSecurityObject",
];

/// Object classes that make an OpenLDAP entry a container.
pub const OPENLDAP_CONTAINERS: [&str; 6] =
    ["organizationalUnit", "organization", "dcObject", "domain", "locality", "country"];
