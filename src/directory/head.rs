//! What a view says beside its entries, in octets that outlive the program: its generation and times, the
//! names of the domain, the attributes by number, its change numbers, and what could not be kept.

use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::identifier::{Guid, Sid};
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::schema::{DirectoryKind, Syntax};

use super::attributes::{AttributeId, Attributes};
use super::domain::Domain;
use super::octets::{Packer, Unpacker};
use super::restore::RestoreError;
use super::spellings::is_stored;
use super::stamps::Stamps;
use super::subschema::Subschema;
use super::view::{Rejected, View};

/// The form of heads and records. To be counted up with every change of either, and whenever the same octets
/// from a controller would be kept in another way: sorts of entries, names, what is left out.
const VERSION: u64 = 1;

/// More slots than this, most of them empty, are not worth restoring: read anew, the entries get new ones.
const EMPTY_SLOTS: usize = 16 * 1024 * 1024;

/// A head, read.
pub(super) struct Head {
    pub(super) generation: u64,
    pub(super) built_at: SystemTime,
    pub(super) confirmed_at: SystemTime,
    pub(super) domain: Domain,
    pub(super) attributes: Attributes,
    pub(super) stamps: Stamps,
    pub(super) rejected: Vec<Rejected>,
    /// How many slots were ever given away.
    pub(super) slots: usize,
    /// How many of them have an entry.
    pub(super) entries: usize,
}

impl View {
    /// All that the view says beside its entries and its subschema, in octets for [`View::restore`]. It is
    /// small, and other in each generation.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let parts = self.parts();
        let mut packer = Packer::with_capacity(4096);
        packer.number(VERSION);
        packer.number(self.generation());
        packer.moment(self.built_at());
        packer.moment(self.confirmed_at());
        write_domain(&mut packer, self.domain());
        write_attributes(&mut packer, &parts.attributes);
        packer.bare(&parts.stamps.invocation().0);
        packer.number(parts.stamps.highest_usn());
        packer.bare(&parts.stamps.latest().to_le_bytes());
        packer.length(parts.rejected.len());
        for rejected in parts.rejected.iter() {
            packer.text(&rejected.dn);
            packer.text(&rejected.reason);
        }
        packer.length(parts.entries.len());
        packer.number(self.slots_in_use().len());
        packer.into_octets()
    }

    /// The subschema of the directory in octets for [`View::restore`], if the view has one. It is large, about
    /// a megabyte at Active Directory, and hardly ever changes ([`View::has_subschema_of`]).
    #[must_use]
    pub fn subschema_octets(&self) -> Option<Vec<u8>> {
        let subschema = self.domain().subschema.as_ref()?;
        let mut packer = Packer::default();
        packer.moment(subschema.confirmed_at());
        packer.bare(subschema.entry().octets());
        Some(packer.into_octets())
    }

    /// Whether both views have the same subschema, or none.
    #[must_use]
    pub fn has_subschema_of(&self, other: &Self) -> bool {
        match (&self.domain().subschema, &other.domain().subschema) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other) || own.same_as(other),
            (own, other) => own.is_none() && other.is_none(),
        }
    }
}

impl Head {
    /// Reads what [`View::head`] and [`View::subschema_octets`] have written.
    pub(super) fn read(head: &[u8], subschema: Option<&[u8]>) -> Result<Self, RestoreError> {
        let mut octets = Unpacker::new(head);
        match octets.number() {
            Some(VERSION) => {}
            Some(other) => {
                let text = format!("it has form {other} and this program writes form {VERSION}");
                return Err(RestoreError(text));
            }
            None => return Err(RestoreError::new("its head is empty")),
        }
        let head = Self::read_rest(&mut octets, subschema)?;
        if head.slots > head.entries.saturating_mul(64).saturating_add(EMPTY_SLOTS) {
            return Err(RestoreError::new("nearly all of its slots are empty"));
        }
        Ok(head)
    }

    fn read_rest(
        octets: &mut Unpacker<'_>,
        subschema: Option<&[u8]>,
    ) -> Result<Self, RestoreError> {
        let broken = || RestoreError::new("its head is cut short or broken");
        let generation = octets.number().ok_or_else(broken)?;
        let built_at = octets.moment().ok_or_else(broken)?;
        let confirmed_at = octets.moment().ok_or_else(broken)?;
        let mut domain = read_domain(octets).ok_or_else(broken)?;
        domain.subschema = read_subschema(octets, subschema)?;
        let attributes = read_attributes(octets, domain.kind)?;
        let stamps = read_stamps(octets).ok_or_else(broken)?;
        let rejected = read_rejected(octets).ok_or_else(broken)?;
        let slots = octets.small().filter(|slots| u32::try_from(*slots).is_ok());
        let slots = slots.ok_or_else(broken)?;
        let entries = octets.small().filter(|_| octets.is_empty()).ok_or_else(broken)?;
        let head = Self {
            generation,
            built_at,
            confirmed_at,
            domain,
            attributes,
            stamps,
            rejected,
            slots,
            entries,
        };
        Ok(head)
    }
}

fn write_domain(packer: &mut Packer, domain: &Domain) {
    packer.text(&domain.directory);
    packer.flag(domain.kind == DirectoryKind::ActiveDirectory);
    packer.text(&domain.naming_context);
    let names = [
        &domain.configuration_context,
        &domain.schema_context,
        &domain.dns_name,
        &domain.netbios_name,
    ];
    for name in names {
        packer.optional(name.as_deref().map(str::as_bytes));
    }
    packer.optional(domain.sid.as_ref().map(Sid::octets));
    packer.length(domain.upn_suffixes.len());
    domain.upn_suffixes.iter().for_each(|suffix| packer.text(suffix));
    packer.octets(PackedEntry::pack(&domain.root_dse).octets());
    let subschema = domain.subschema.as_ref().map(|subschema| subschema.entry().octets().len());
    packer.flag(subschema.is_some());
    packer.length(subschema.unwrap_or_default());
}

/// All but the subschema.
fn read_domain(octets: &mut Unpacker<'_>) -> Option<Domain> {
    let directory = Arc::from(octets.text()?);
    let kind =
        if octets.flag()? { DirectoryKind::ActiveDirectory } else { DirectoryKind::OpenLdap };
    let naming_context = octets.text()?.to_owned();
    let configuration_context = optional_text(octets)?;
    let schema_context = optional_text(octets)?;
    let dns_name = optional_text(octets)?;
    let netbios_name = optional_text(octets)?;
    let sid = match octets.optional()? {
        Some(sid) => Some(Sid::from_octets(sid)?),
        None => None,
    };
    let suffixes = octets.count()?;
    let upn_suffixes = (0..suffixes).map(|_| octets.text().map(str::to_owned));
    let upn_suffixes = upn_suffixes.collect::<Option<_>>()?;
    let root_dse = PackedEntry::read(octets.octets()?).ok()?.unpack();
    let domain = Domain {
        directory,
        kind,
        naming_context,
        configuration_context,
        schema_context,
        dns_name,
        netbios_name,
        sid,
        upn_suffixes,
        root_dse,
        subschema: None,
    };
    Some(domain)
}

fn optional_text(octets: &mut Unpacker<'_>) -> Option<Option<String>> {
    match octets.optional()? {
        Some(text) => Some(Some(std::str::from_utf8(text).ok()?.to_owned())),
        None => Some(None),
    }
}

/// The subschema that the head speaks of: whole, or none at all.
fn read_subschema(
    head: &mut Unpacker<'_>,
    octets: Option<&[u8]>,
) -> Result<Option<Arc<Subschema>>, RestoreError> {
    let wanted = head.flag().zip(head.small::<usize>());
    match wanted {
        Some((false, _)) => return Ok(None),
        Some((true, length)) => {
            let found = octets.and_then(|octets| {
                let mut octets = Unpacker::new(octets);
                let confirmed_at = octets.moment()?;
                let entry = octets.bare(octets.left()).filter(|entry| entry.len() == length)?;
                Subschema::read(PackedEntry::read(entry).ok()?, confirmed_at)
            });
            found.map(|found| Some(Arc::new(found)))
        }
        None => None,
    }
    .ok_or_else(|| RestoreError::new("its subschema is missing or another one"))
}

fn write_attributes(packer: &mut Packer, attributes: &Attributes) {
    packer.length(attributes.len());
    for (_, info) in attributes.iter() {
        packer.text(&info.spelling);
        packer.flag(info.syntax == Syntax::OctetString);
    }
    packer.bare(&fingerprint(attributes));
}

/// The attributes under their numbers. An error if this program would keep values of one of them in another
/// way than the one that wrote them: where a name is kept as the entry that it names, how values compare.
fn read_attributes(
    octets: &mut Unpacker<'_>,
    kind: DirectoryKind,
) -> Result<Attributes, RestoreError> {
    let broken = || RestoreError::new("its list of attributes is broken");
    let mut attributes = Attributes::new(kind);
    for number in 0..octets.count().ok_or_else(broken)? {
        let (spelling, is_binary) = octets.text().zip(octets.flag()).ok_or_else(broken)?;
        let description = AttributeDescription::parse(spelling).ok_or_else(broken)?;
        if !is_stored(&description.name) {
            return Err(RestoreError(format!("it has {spelling}, which is not kept any more")));
        }
        let id = attributes.intern(&description).map_err(|_| broken())?;
        if id.index() != number {
            return Err(broken());
        }
        if is_binary {
            attributes.mark_binary(id);
        }
    }
    if octets.array() != Some(fingerprint(&attributes)) {
        return Err(RestoreError::new("it was written with other tables of attribute types"));
    }
    Ok(attributes)
}

/// What records depend on: what is known of each attribute.
fn fingerprint(attributes: &Attributes) -> [u8; 32] {
    let mut digest = Sha256::new();
    for (_, info) in attributes.iter() {
        let family = AttributeId::number(info.family);
        let known = format!("{:?} {} {family}", info.syntax, info.operational);
        for text in [&info.spelling, &info.type_name, &known] {
            digest.update(text.as_bytes());
            digest.update([0]);
        }
    }
    digest.finalize().into()
}

fn read_stamps(octets: &mut Unpacker<'_>) -> Option<Stamps> {
    let invocation = Guid(octets.array()?);
    let highest = octets.number()?;
    Some(Stamps::continued(invocation, highest, i64::from_le_bytes(octets.array()?)))
}

fn read_rejected(octets: &mut Unpacker<'_>) -> Option<Vec<Rejected>> {
    let count = octets.count()?;
    let one = |_| {
        let (dn, reason) = octets.text().zip(octets.text())?;
        Some(Rejected { dn: dn.to_owned(), reason: reason.to_owned() })
    };
    (0..count).map(one).collect()
}
