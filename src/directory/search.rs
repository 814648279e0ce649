//! Searches (RFC 4511 §4.5): base, scope, filter, audience to slots, in a stable order.
//!
//! The planner takes the cheapest set of candidates that an index can give, or all slots in scope,
//! and evaluates the whole filter on each; so the plan decides the cost and never the answer.

use std::borrow::Cow;

use roaring::RoaringBitmap;

use crate::hexadecimal;
use crate::ldap::dn::{DnError, NormalizedDn};
use crate::ldap::filter::Filter;
use crate::ldap::identifier::{Guid, Sid};
use crate::ldap::request::SearchScope;

use super::compile::Compiler;
use super::domain::EntryKind;
use super::entry_ref::EntryRef;
use super::evaluate::{Node, Truth};
use super::index::Posting;
use super::tree::Extent;
use super::view::{Slot, View};

/// Who looks: decides which entries and attributes are shown. `policy::visibility` implements it.
///
/// It decides about entries of a result and about their attributes. A value that names an entry
/// (member, manager) is shown with its attribute even where the entry itself is not: only the name is
/// told then.
pub trait Audience {
    /// Whether the entry may be in a result.
    fn sees(&self, entry: EntryRef<'_>) -> bool;

    /// Whether the attribute (its type, in the directory's spelling) may be returned.
    fn shows(&self, attribute: &str) -> bool;

    /// Whether filters may look at the attribute. An assertion on one they may not look at is
    /// Undefined, so that hidden values cannot be guessed by searching. objectClass is never asked
    /// about: every search names it.
    fn filters_by(&self, attribute: &str) -> bool {
        self.shows(attribute)
    }
}

/// The base of a search is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchObject {
    /// The lowest ancestor that is, as the directory spells it; empty: none.
    pub matched: String,
}

/// Why the text of a base is not the name of an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseError {
    /// It is neither a distinguished name nor one of the alternative forms (invalidDNSyntax).
    #[error("{0}")]
    Syntax(#[from] DnError),
    /// An alternative form that names no entry of the view (noSuchObject).
    #[error("no entry has this identity")]
    Unknown,
}

impl View {
    /// The name meant by the text of a search base: a distinguished name, `<GUID=…>` or `<SID=…>`
    /// (MS-ADTS §3.1.1.3.1.2.4).
    ///
    /// # Errors
    /// See [`BaseError`].
    pub fn resolve_base(&self, text: &str) -> Result<NormalizedDn, BaseError> {
        let Some(form) = text.trim().strip_prefix('<').and_then(|rest| rest.strip_suffix('>'))
        else {
            return Ok(NormalizedDn::parse(text)?);
        };
        let (kind, identity) = form.split_once('=').ok_or(BaseError::Unknown)?;
        let entry = match kind.to_ascii_uppercase().as_str() {
            "GUID" => guid_of(identity).and_then(|guid| self.find_guid(&guid)),
            "SID" => sid_of(identity).and_then(|sid| self.find_sid(&sid)),
            _ => None,
        };
        entry.map(|entry| entry.normalized_dn().clone()).ok_or(BaseError::Unknown)
    }

    /// The entries in scope for which the filter is True and that `audience` sees, in slot order:
    /// parents before children, the same order for every search in this view.
    ///
    /// The root as base reaches the whole view with the scope subtree, and the heads of the naming
    /// contexts with one level; the root DSE is answered elsewhere. A user or group as base that the
    /// audience does not see is answered as if it were not there.
    ///
    /// # Errors
    /// The base does not exist.
    pub fn search(
        &self,
        base: &NormalizedDn,
        scope: SearchScope,
        filter: &Filter,
        audience: &dyn Audience,
    ) -> Result<Vec<Slot>, NoSuchObject> {
        let base = if base.is_root() { None } else { Some(self.base_slot(base, audience)?) };
        let extent = self.tree().extent(base, scope);
        let searchable = |attribute: &str| audience.filters_by(attribute);
        let node = Compiler { view: self, searchable: &searchable }.node(filter);
        let mut slots = Vec::new();
        self.each_match(&node, &extent, |slot| {
            if self.entry(Slot(slot)).is_some_and(|entry| audience.sees(entry)) {
                slots.push(Slot(slot));
            }
        });
        Ok(slots)
    }

    /// Whether the filter is True for the entry. For many entries, [`View::matching`] is cheaper.
    #[must_use]
    pub fn matches(&self, entry: EntryRef<'_>, filter: &Filter) -> bool {
        self.compile(filter).truth(self, entry.slot().0) == Truth::True
    }

    /// The slots of all entries for which the filter is True.
    #[must_use]
    pub fn matching(&self, filter: &Filter) -> RoaringBitmap {
        let node = self.compile(filter);
        let mut found = RoaringBitmap::new();
        let everything = self.tree().extent(None, SearchScope::WholeSubtree);
        self.each_match(&node, &everything, |slot| {
            found.insert(slot);
        });
        found
    }

    /// The filter made ready, without regard to who asks.
    pub(super) fn compile(&self, filter: &Filter) -> Node<'_> {
        Compiler { view: self, searchable: &|_| true }.node(filter)
    }

    fn base_slot(&self, base: &NormalizedDn, audience: &dyn Audience) -> Result<u32, NoSuchObject> {
        let exists = |dn: &NormalizedDn| {
            let entry = self.find_dn(dn)?;
            let account = matches!(entry.kind(), EntryKind::User | EntryKind::Group);
            (!account || audience.sees(entry)).then_some(entry)
        };
        if let Some(entry) = exists(base) {
            return Ok(entry.slot().0);
        }
        let mut above = base.parent();
        while let Some(dn) = above {
            if let Some(entry) = exists(&dn) {
                return Err(NoSuchObject { matched: entry.dn().to_owned() });
            }
            above = dn.parent();
        }
        Err(NoSuchObject { matched: String::new() })
    }

    fn each_match(&self, node: &Node<'_>, extent: &Extent, mut each: impl FnMut(u32)) {
        let cheap = estimate(node).is_some_and(|count| count <= self.tree().size(extent));
        let candidates = if cheap { candidates(node) } else { None };
        let mut consider = |slot: u32| {
            if node.truth(self, slot) == Truth::True {
                each(slot);
            }
        };
        match candidates {
            Some(Candidates::None) => {}
            Some(Candidates::Posting(posting)) => posting
                .iter()
                .filter(|slot| self.tree().reaches(extent, *slot))
                .for_each(&mut consider),
            Some(Candidates::Set(set)) => {
                set.iter().filter(|slot| self.tree().reaches(extent, *slot)).for_each(&mut consider)
            }
            None => self.tree().slots(extent).for_each(&mut consider),
        }
    }
}

/// Slots that hold every entry for which a filter is True, and perhaps others.
enum Candidates<'n> {
    None,
    Posting(&'n Posting),
    Set(Cow<'n, RoaringBitmap>),
}

/// How many candidates an index gives at most; `None`: no index helps.
fn estimate(node: &Node<'_>) -> Option<u64> {
    match node {
        Node::Constant(Truth::True) | Node::Not(_) | Node::NamePart { .. } => None,
        Node::Constant(Truth::False | Truth::Undefined) => Some(0),
        Node::And(nodes) => nodes.iter().filter_map(estimate).min(),
        Node::Or(nodes) => nodes.iter().map(estimate).sum(),
        Node::Posting(posting) => Some(posting.len()),
        Node::Present(present) | Node::Values { present, .. } => Some(present.len()),
        Node::Set(set) => Some(set.len()),
    }
}

/// The candidates that [`estimate`] counted.
fn candidates<'n>(node: &'n Node<'_>) -> Option<Candidates<'n>> {
    match node {
        Node::Constant(Truth::True) | Node::Not(_) | Node::NamePart { .. } => None,
        Node::Constant(Truth::False | Truth::Undefined) => Some(Candidates::None),
        Node::And(nodes) => {
            let cheapest = nodes.iter().filter_map(|node| Some((estimate(node)?, node)));
            cheapest.min_by_key(|(count, _)| *count).and_then(|(_, node)| candidates(node))
        }
        Node::Or(nodes) => {
            let mut union = RoaringBitmap::new();
            for node in nodes {
                match candidates(node)? {
                    Candidates::None => {}
                    Candidates::Posting(posting) => posting.add_to(&mut union),
                    Candidates::Set(set) => union |= set.as_ref(),
                }
            }
            Some(Candidates::Set(Cow::Owned(union)))
        }
        Node::Posting(posting) => Some(Candidates::Posting(posting)),
        Node::Present(present) | Node::Values { present, .. } => {
            Some(Candidates::Set(Cow::Borrowed(present)))
        }
        Node::Set(set) => Some(Candidates::Set(Cow::Borrowed(set))),
    }
}

/// A GUID as text, or as the hexadecimal digits of objectGUID's octets.
fn guid_of(text: &str) -> Option<Guid> {
    Guid::parse(text).or_else(|| Guid::from_ad_octets(&hexadecimal::octets(text)?))
}

/// A SID as `S-1-…`, or as the hexadecimal digits of objectSid's octets.
fn sid_of(text: &str) -> Option<Sid> {
    Sid::parse(text).or_else(|| Sid::from_octets(&hexadecimal::octets(text)?))
}
