//! Searches (RFC 4511 §4.5): base, scope, filter, audience to slots, in a stable order.
//!
//! What is found does not depend on how (`plan`), only what it costs.

use roaring::RoaringBitmap;

use crate::hexadecimal;
use crate::ldap::dn::{DnError, NormalizedDn};
use crate::ldap::filter::Filter;
use crate::ldap::identifier::{Guid, Sid};
use crate::ldap::request::SearchScope;

use super::budget::{Budget, Meter, Stop};
use super::compile::Compiler;
use super::domain::EntryKind;
use super::entry_ref::EntryRef;
use super::evaluate::Node;
use super::plan::Planner;
use super::tree::Extent;
use super::view::{Slot, View};
use super::wording::Wording;

/// Who looks: decides which entries and attributes are shown. `policy::visibility` implements it.
///
/// It decides about entries of a result, about their attributes, and about which entries values may name.
pub trait Audience {
    /// Whether the entry may be in a result.
    fn sees(&self, entry: EntryRef<'_>) -> bool;

    /// Whether the attribute (its type, in the directory's spelling) may be returned.
    fn shows(&self, attribute: &str) -> bool;

    /// Whether tombstones of removed entries are among the results (MS-ADTS §3.1.1.3.4.1.14); asked
    /// before [`Audience::sees`].
    fn sees_deleted(&self) -> bool {
        false
    }

    /// Whether an account's primary group counts as one of its groups in assertions on memberOf. In
    /// Active Directory it does not (MS-ADTS §3.1.1.2.3.1: memberOf is the back link of member alone).
    fn counts_primary_groups(&self) -> bool {
        false
    }

    /// Whether there may be entries that values of the attribute (its type, in the directory's spelling)
    /// must not name. Asked once for each attribute, so that nothing is looked at where there are none.
    fn keeps_names_back(&self, _attribute: &str) -> bool {
        false
    }

    /// Whether values may name the entry. One that may not be named is as if it were no value: in answers,
    /// comparisons and filters.
    fn may_name(&self, _entry: EntryRef<'_>) -> bool {
        true
    }

    /// What it calls attributes and entries; `None`: what the directory calls them. Requests come in the
    /// directory's terms ([`Wording::search`]), what is written for it is in its own.
    fn wording(&self) -> Option<&Wording> {
        None
    }

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

/// Why a search has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// The base is not there (noSuchObject).
    #[error("the base does not exist")]
    NoSuchObject(NoSuchObject),
    /// It would be more work than [`Budget::candidates`] allows (adminLimitExceeded).
    #[error("too many entries would have to be looked at")]
    TooManyCandidates,
    /// [`Budget::expired`] said so (timeLimitExceeded).
    #[error("the time is over")]
    TimedOut,
}

impl From<NoSuchObject> for SearchError {
    fn from(missing: NoSuchObject) -> Self {
        Self::NoSuchObject(missing)
    }
}

impl From<Stop> for SearchError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::TooManyCandidates => Self::TooManyCandidates,
            Stop::TimedOut => Self::TimedOut,
        }
    }
}

/// Why the text of a base is not the name of an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseError {
    /// It is neither a distinguished name nor one of the alternative forms (invalidDNSyntax).
    #[error("{0}")]
    Syntax(#[from] DnError),
    /// It is in angle brackets, and no identity of a form that is known (invalidDNSyntax).
    #[error("neither <GUID=…>, <SID=…> nor <WKGUID=…,name>")]
    Identity,
    /// An alternative form that names no entry of the view (noSuchObject).
    #[error("no entry has this identity")]
    Unknown,
}

/// The attribute that an alternative form of a name (`<GUID=…>`, `<SID=…>`, `<WKGUID=…>`) looks at; `None`: it
/// is none of these forms.
#[must_use]
pub fn identity_attribute(name: &str) -> Option<&'static str> {
    let (kind, _) = name.trim_start().strip_prefix('<')?.split_once('=')?;
    let forms = [("GUID", "objectGUID"), ("SID", "objectSid"), ("WKGUID", "wellKnownObjects")];
    let found = forms.into_iter().find(|(form, _)| form.eq_ignore_ascii_case(kind.trim()));
    found.map(|(_, attribute)| attribute)
}

impl View {
    /// The name meant by the text of a search base: a distinguished name, `<GUID=…>`, `<SID=…>` or
    /// `<WKGUID=…,container>` (MS-ADTS §3.1.1.3.1.2.4).
    ///
    /// # Errors
    /// See [`BaseError`].
    pub fn resolve_base(&self, text: &str) -> Result<NormalizedDn, BaseError> {
        let Some(form) = text.trim().strip_prefix('<').and_then(|rest| rest.strip_suffix('>'))
        else {
            return Ok(NormalizedDn::parse(text)?);
        };
        let (kind, identity) = form.split_once('=').ok_or(BaseError::Identity)?;
        let entry = match kind.trim().to_ascii_uppercase().as_str() {
            "GUID" => self.find_guid(&guid_of(identity).ok_or(BaseError::Identity)?),
            "SID" => self.find_sid(&sid_of(identity).ok_or(BaseError::Identity)?),
            "WKGUID" => self.well_known(identity)?,
            _ => return Err(BaseError::Identity),
        };
        entry.map(|entry| entry.normalized_dn().clone()).ok_or(BaseError::Unknown)
    }

    /// The entry that a container knows under a GUID: `a9d1ca15768811d1aded00c04fd8d5cd,DC=corp` are
    /// the users of the domain. The container has it as `B:32:<GUID>:<name>`.
    fn well_known(&self, identity: &str) -> Result<Option<EntryRef<'_>>, BaseError> {
        let (wanted, container) = identity.split_once(',').ok_or(BaseError::Identity)?;
        let Some(container) = self.find_dn(&NormalizedDn::parse(container)?) else {
            return Ok(None);
        };
        let lists = ["wellKnownObjects", "otherWellKnownObjects"];
        let values = lists.into_iter().flat_map(|list| container.values(list));
        let mut names = values.filter_map(|value| {
            let value = std::str::from_utf8(&value).ok()?;
            let (guid, name) = value.strip_prefix("B:32:")?.split_once(':')?;
            let same = guid.eq_ignore_ascii_case(wanted.trim());
            if same { NormalizedDn::parse(name).ok() } else { None }
        });
        Ok(names.find_map(|name| self.find_dn(&name)))
    }

    /// The entries in scope for which the filter is True and that `audience` sees, in slot order, which
    /// is the same for every search in this view and in those that come from it.
    ///
    /// The root as base reaches the whole view with the scope subtree, and the heads of the naming
    /// contexts with one level; the root DSE is answered elsewhere. An entry as base that the audience does
    /// not see is answered as if it were not there.
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
        let extent = self.extent(base, scope, audience)?;
        let node = self.compile_for(filter, audience);
        // Without a budget nothing stops it.
        Ok(self.collect(&node, extent, audience, &mut Meter::new(None)).unwrap_or_default())
    }

    /// The same within a budget: either all of the result, or an error.
    ///
    /// # Errors
    /// See [`SearchError`].
    pub fn search_within(
        &self,
        base: &NormalizedDn,
        scope: SearchScope,
        filter: &Filter,
        audience: &dyn Audience,
        budget: &Budget<'_>,
    ) -> Result<Vec<Slot>, SearchError> {
        let extent = self.extent(base, scope, audience)?;
        let node = self.compile_for(filter, audience);
        Ok(self.collect(&node, extent, audience, &mut Meter::new(Some(*budget)))?)
    }

    /// About how many entries a search will look at, or list: whether it is one for another thread. Costs
    /// little itself. 0 if the base does not exist.
    #[must_use]
    pub fn estimate(
        &self,
        base: &NormalizedDn,
        scope: SearchScope,
        filter: &Filter,
        audience: &dyn Audience,
    ) -> u64 {
        match self.extent(base, scope, audience) {
            Err(_) => 0,
            Ok(Extent::Nothing) => 0,
            Ok(Extent::One(_)) => 1,
            Ok(Extent::Children(_) | Extent::Roots | Extent::Below(..) | Extent::Everything) => {
                let all = || self.kinds().all().len();
                self.compile_for(filter, audience).estimate(u64::MAX).unwrap_or_else(all)
            }
        }
    }

    /// Whether the filter is True for the entry. For many entries, [`View::matching`] is cheaper.
    #[must_use]
    pub fn matches(&self, entry: EntryRef<'_>, filter: &Filter) -> bool {
        self.compile(filter).holds(self, entry.slot().0)
    }

    /// The slots of all entries for which the filter is True, without tombstones.
    #[must_use]
    pub fn matching(&self, filter: &Filter) -> RoaringBitmap {
        let node = self.compile(filter);
        let mut found = RoaringBitmap::new();
        let mut meter = Meter::new(None);
        let mut planner = Planner::new(self, &mut meter);
        // Without a budget nothing stops it.
        let _ = planner.run(&node, Extent::Everything, |slot| {
            found.insert(slot);
        });
        found - self.slots_of_kind(EntryKind::Deleted).as_ref()
    }

    /// The filter made ready, without regard to who asks.
    pub(super) fn compile(&self, filter: &Filter) -> Node<'_> {
        Compiler { view: self, audience: None }.node(filter)
    }

    /// The filter made ready for what the audience may look at.
    pub(super) fn compile_for<'v>(
        &'v self,
        filter: &Filter,
        audience: &'v dyn Audience,
    ) -> Node<'v> {
        Compiler { view: self, audience: Some(audience) }.node(filter)
    }

    /// What the search reaches.
    pub(super) fn extent(
        &self,
        base: &NormalizedDn,
        scope: SearchScope,
        audience: &dyn Audience,
    ) -> Result<Extent, NoSuchObject> {
        let base = if base.is_root() { None } else { Some(self.base_slot(base, audience)?) };
        Ok(Extent::of(base, scope))
    }

    pub(super) fn collect(
        &self,
        node: &Node<'_>,
        extent: Extent,
        audience: &dyn Audience,
        meter: &mut Meter<'_>,
    ) -> Result<Vec<Slot>, Stop> {
        let mut slots = Vec::new();
        Planner::new(self, meter).run(node, extent, |slot| {
            if self.entry(Slot(slot)).is_some_and(|entry| is_shown(entry, audience)) {
                slots.push(Slot(slot));
            }
        })?;
        Ok(slots)
    }

    fn base_slot(&self, base: &NormalizedDn, audience: &dyn Audience) -> Result<u32, NoSuchObject> {
        let exists =
            |dn: &NormalizedDn| self.find_dn(dn).filter(|entry| is_shown(*entry, audience));
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
}

pub(super) fn is_shown(entry: EntryRef<'_>, audience: &dyn Audience) -> bool {
    (entry.kind() != EntryKind::Deleted || audience.sees_deleted()) && audience.sees(entry)
}

/// A GUID as text, or as the hexadecimal digits of objectGUID's octets.
fn guid_of(text: &str) -> Option<Guid> {
    Guid::parse(text).or_else(|| Guid::from_ad_octets(&hexadecimal::octets(text)?))
}

/// A SID as `S-1-…`, or as the hexadecimal digits of objectSid's octets.
fn sid_of(text: &str) -> Option<Sid> {
    Sid::parse(text).or_else(|| Sid::from_octets(&hexadecimal::octets(text)?))
}
