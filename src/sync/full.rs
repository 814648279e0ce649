//! What a full pass reads, and what the directory says of itself in the answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;

use crate::directory::{
    Domain, OPENLDAP_CONTAINERS, OPENLDAP_GROUPS, OPENLDAP_USERS, View, dns_name,
};
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::{DistinguishedName, NormalizedDn};
use crate::ldap::entry::{AttributeValues, Entry};
use crate::ldap::filter::Filter;
use crate::ldap::identifier::{Guid, Sid};
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::request::{SearchRequest, SearchScope};
use crate::ldap::schema::DirectoryKind;

/// `SAM_USER_OBJECT` (MS-SAMR 2.2.1.9): people, but not computers, trusts or managed service accounts.
const NORMAL_USER: &str = "805306368";
/// Groups, and what stands above people and groups. The category is one indexed value, and leaves out the
/// many special containers below CN=System.
const CATEGORIES: [&str; 3] = ["group", "organizationalUnit", "container"];
const CONTAINER_CLASSES: [&str; 2] = ["domainDNS", "builtinDomain"];

/// The naming contexts a pass works with, as the controller spells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contexts {
    /// The naming context that is copied.
    pub naming: String,
    /// The configuration context (Active Directory).
    pub configuration: Option<String>,
    /// The schema context (Active Directory).
    pub schema: Option<String>,
    /// What is copied of the naming context; the same name unless the copy is narrowed.
    pub copied: String,
}

/// Why the base of the copy is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContextsError {
    /// Neither configured nor told by the controller.
    #[error("the controller names no naming context: set base_dn")]
    NoContext,
    /// Text that is not a name.
    #[error("{0:?} is not a distinguished name")]
    NotAName(String),
    /// Not held by the controller, or not within the configured base.
    #[error("{base:?} lies outside of what is served ({held})")]
    NotHeld {
        /// The configured name.
        base: String,
        /// What there is.
        held: String,
    },
}

impl Contexts {
    /// From a controller's root DSE. `base` is the configured base DN: a naming context, or a name
    /// within one, to which the copy is narrowed then; `narrowed` narrows it further.
    ///
    /// # Errors
    /// See [`ContextsError`].
    pub fn read(
        kind: DirectoryKind,
        root_dse: &Entry,
        base: Option<&str>,
        narrowed: Option<&str>,
    ) -> Result<Self, ContextsError> {
        let default = root_dse.text("defaultNamingContext").or(root_dse.text("namingContexts"));
        let wanted = base.or(default).or(narrowed).ok_or(ContextsError::NoContext)?;
        let copied = narrowed.unwrap_or(wanted);
        let name = normalized(copied)?;
        let outside = |held: String| ContextsError::NotHeld { base: copied.to_owned(), held };
        if !name.is_within(&normalized(wanted)?) {
            return Err(outside(wanted.to_owned()));
        }
        let held = texts(root_dse, "namingContexts");
        let naming = match innermost(&held, &name) {
            Some(context) => context,
            // A root DSE without naming contexts is one that the account may not read.
            None if held.is_empty() => wanted,
            None => return Err(outside(held.join("; "))),
        };
        let copied = if name == normalized(naming)? { naming } else { copied };
        let context = |name: &str| match kind {
            DirectoryKind::ActiveDirectory => root_dse.text(name).map(str::to_owned),
            DirectoryKind::OpenLdap => None,
        };
        Ok(Self {
            naming: naming.to_owned(),
            configuration: context("configurationNamingContext"),
            schema: context("schemaNamingContext"),
            copied: copied.to_owned(),
        })
    }

    /// Whether an entry called `dn` belongs to the copied part.
    #[must_use]
    pub fn covers(&self, dn: &str) -> bool {
        match (NormalizedDn::parse(dn), NormalizedDn::parse(&self.copied)) {
            (Ok(name), Ok(copied)) => name.is_within(&copied),
            _ => false,
        }
    }

    /// Whether a view was made of these contexts. One that was not cannot be brought up to date by what has
    /// changed in them.
    #[must_use]
    pub fn are_those_of(&self, view: &View) -> bool {
        let same = |own: Option<&str>, other: Option<&str>| match (own, other) {
            (Some(own), Some(other)) => normalized(own).ok() == normalized(other).ok(),
            // A context whose head cannot be read is not served.
            (_, None) => true,
            (None, Some(_)) => false,
        };
        let domain = view.domain();
        same(Some(&self.naming), Some(&domain.naming_context))
            && same(self.configuration.as_deref(), domain.configuration_context.as_deref())
    }

    /// The names of the contexts that something is copied of.
    #[must_use]
    pub fn heads(&self) -> Vec<NormalizedDn> {
        let named = [Some(&self.naming), self.configuration.as_ref(), self.schema.as_ref()];
        named.into_iter().flatten().filter_map(|name| NormalizedDn::parse(name).ok()).collect()
    }

    /// The names above the copied part, up to the naming context: entries that must be there for
    /// clients that browse or search from the top.
    fn above(&self) -> Vec<String> {
        let mut names = Vec::new();
        let Ok(top) = NormalizedDn::parse(&self.naming) else { return names };
        let mut name = DistinguishedName::parse(&self.copied).ok();
        while let Some(current) = name.filter(|name| name.normalized() != top) {
            name = current.parent();
            names.extend(name.as_ref().map(ToString::to_string));
        }
        names
    }
}

/// The context that holds the name, the innermost where they nest.
fn innermost<'c>(contexts: &[&'c str], name: &NormalizedDn) -> Option<&'c str> {
    let parsed = contexts.iter().filter_map(|text| Some((NormalizedDn::parse(text).ok()?, *text)));
    let enclosing = parsed.filter(|(context, _)| name.is_within(context));
    enclosing.max_by_key(|(context, _)| context.depth()).map(|(_, text)| text)
}

fn normalized(text: &str) -> Result<NormalizedDn, ContextsError> {
    NormalizedDn::parse(text).map_err(|_| ContextsError::NotAName(text.to_owned()))
}

fn texts<'e>(entry: &'e impl AttributeValues, name: &str) -> Vec<&'e str> {
    entry.values_of(name).filter_map(|value| std::str::from_utf8(value).ok()).collect()
}

/// The requests of one full pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullPass {
    /// Where it reads.
    pub contexts: Contexts,
    /// Everything that is copied of the naming context.
    pub copy: SearchRequest,
    /// Below which the crossRefs are, from which the domain's names come (Active Directory).
    pub partitions: Option<SearchRequest>,
    /// Entries to be read one by one, so that trees have their heads.
    pub heads: Vec<String>,
    kind: DirectoryKind,
}

impl FullPass {
    /// What to ask a directory of this kind.
    ///
    /// Active Directory: normal users (sAMAccountType 805306368), all groups, organizational units,
    /// containers and the head of the naming context; of the configuration context its head and
    /// CN=Partitions with the crossRefs (MS-ADTS 6.1.1.2.1); of the schema context its head. OpenLDAP: people, groups and containers by
    /// object class, and the head of the naming context whatever its class.
    #[must_use]
    pub fn plan(kind: DirectoryKind, contexts: Contexts) -> Self {
        let mut heads = contexts.above();
        let partitions = match kind {
            DirectoryKind::ActiveDirectory => {
                heads.extend(contexts.configuration.clone());
                heads.extend(contexts.schema.clone());
                let container = contexts.configuration.as_deref().map(partitions);
                container.map(|base| subtree(kind, &base, present()))
            }
            DirectoryKind::OpenLdap => {
                if !heads.contains(&contexts.naming) {
                    heads.push(contexts.naming.clone());
                }
                None
            }
        };
        let copy = subtree(kind, &contexts.copied, copied(kind));
        Self { contexts, copy, partitions, heads, kind }
    }

    /// The kind of directory it is for.
    #[must_use]
    pub const fn kind(&self) -> DirectoryKind {
        self.kind
    }

    /// The attributes to ask for: all that are stored. Constructed ones are not copied.
    #[must_use]
    pub const fn attributes(kind: DirectoryKind) -> &'static [&'static str] {
        match kind {
            DirectoryKind::ActiveDirectory => &["*"],
            DirectoryKind::OpenLdap => &["*", "+"],
        }
    }

    /// How one entry is found again by its identity, wherever it is now.
    #[must_use]
    pub fn by_identity(&self, guid: Guid) -> ByIdentity {
        match self.kind {
            DirectoryKind::ActiveDirectory => ByIdentity::Name(format!("<GUID={guid}>")),
            DirectoryKind::OpenLdap => {
                let filter = equality("entryUUID", &guid.to_string());
                ByIdentity::Search(subtree(self.kind, &self.contexts.copied, filter))
            }
        }
    }
}

/// A way to find an entry whose name may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ByIdentity {
    /// A base read by an alternative name (MS-ADTS 3.1.1.3.1.2.4).
    Name(String),
    /// A search.
    Search(SearchRequest),
}

/// The container of the crossRefs (MS-ADTS §6.1.1.2.1).
pub(super) fn partitions(configuration: &str) -> String {
    format!("CN=Partitions,{configuration}")
}

pub(super) fn subtree(kind: DirectoryKind, base: &str, filter: Filter) -> SearchRequest {
    SearchRequest {
        base: base.to_owned(),
        scope: SearchScope::WholeSubtree,
        deref_aliases: 0,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter,
        attributes: FullPass::attributes(kind).iter().map(|&name| name.to_owned()).collect(),
    }
}

fn present() -> Filter {
    Filter::Present(AttributeDescription::new("objectClass"))
}

pub(super) fn equality(attribute: &str, value: &str) -> Filter {
    let attribute = AttributeDescription::new(attribute);
    Filter::Equality { attribute, value: value.as_bytes().to_vec() }
}

fn copied(kind: DirectoryKind) -> Filter {
    let class = |name: &&str| equality("objectClass", name);
    Filter::Or(match kind {
        DirectoryKind::ActiveDirectory => std::iter::once(equality("sAMAccountType", NORMAL_USER))
            .chain(CATEGORIES.iter().map(|name| equality("objectCategory", name)))
            .chain(CONTAINER_CLASSES.iter().map(class))
            .collect(),
        DirectoryKind::OpenLdap => OPENLDAP_USERS
            .iter()
            .chain(&OPENLDAP_GROUPS)
            .chain(&OPENLDAP_CONTAINERS)
            .map(class)
            .collect(),
    })
}

/// What the entries of a pass say of the directory as a whole. The NetBIOS name is read from the crossRef
/// whose nCName is the naming context (MS-ADTS 6.1.1.2.1.1.1), never guessed.
#[must_use]
pub fn domain(
    directory: &Arc<str>,
    kind: DirectoryKind,
    contexts: Contexts,
    root_dse: Entry,
    entries: &[PackedEntry],
) -> Domain {
    let is = |name: &Option<NormalizedDn>, text: &str| {
        name.is_some() && NormalizedDn::parse(text).ok() == *name
    };
    let naming = NormalizedDn::parse(&contexts.naming).ok();
    let configuration = contexts.configuration.as_deref().map(NormalizedDn::parse);
    let configuration = configuration.and_then(Result::ok);
    let head = entries.iter().find(|entry| is(&naming, entry.dn()));
    // Several domains of a forest have one crossRef each.
    let cross_ref =
        entries.iter().find(|entry| entry.text_of("nCName").is_some_and(|name| is(&naming, name)));
    let of_cross_ref = |name| cross_ref.and_then(|entry| entry.text_of(name)).map(str::to_owned);
    let upn_suffixes = entries.iter().flat_map(|entry| texts(entry, "uPNSuffixes"));
    let upn_suffixes: BTreeSet<&str> = upn_suffixes.collect();
    Domain {
        directory: directory.clone(),
        kind,
        netbios_name: of_cross_ref("nETBIOSName"),
        dns_name: match kind {
            DirectoryKind::ActiveDirectory => {
                of_cross_ref("dnsRoot").or_else(|| dns_name(&contexts.naming))
            }
            DirectoryKind::OpenLdap => None,
        },
        sid: head.and_then(|entry| entry.first_of("objectSid")).and_then(Sid::from_octets),
        upn_suffixes: upn_suffixes.into_iter().map(str::to_owned).collect(),
        naming_context: head.map_or(contexts.naming, |entry| entry.dn().to_owned()),
        // Named only if its head can be shown: a naming context that is none misleads clients.
        configuration_context: contexts
            .configuration
            .filter(|_| entries.iter().any(|entry| is(&configuration, entry.dn()))),
        schema_context: contexts.schema,
        root_dse,
        subschema: None,
    }
}

#[cfg(test)]
mod tests;
