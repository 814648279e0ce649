//! From the name in a bind request to one account (MS-ADTS 5.1.1.1.1).
//!
//! Every form is resolved before any rule looks at the account, so no spelling of a name escapes a
//! rule. The forms are tried in the order of MS-ADTS; the first form that matches decides, and more
//! than one match in it is a refusal.

use std::sync::Arc;

use crate::directory::{EntryKind, EntryRef, Slot, View};
use crate::ldap::dn::{Ava, DistinguishedName, NormalizedDn, Rdn};
use crate::ldap::identifier::{Guid, Sid};
use crate::ldap::matching_rule::prepare_case_ignore;
use crate::ldap::schema::DirectoryKind;

use super::application::Application;
use super::refusal::Refusal;
use super::world::{DirectoryState, World};

/// Longest bind name that is looked at, in octets. Distinguished names of real directories stay well
/// below it.
pub const MAX_NAME_OCTETS: usize = 8 * 1024;

const COMMON_NAME: &str = "cn";
const DOMAIN_COMPONENT: &str = "dc";

/// A bind name that is text without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindName(String);

impl BindName {
    /// Takes the name of a bind request.
    ///
    /// Some controllers cut a name at a NUL and accept what is left, so a name with control characters
    /// is refused here rather than handed on.
    ///
    /// # Errors
    /// [`Refusal::NameMalformed`]: control characters, too long, or not UTF-8.
    pub fn read(octets: &[u8]) -> Result<Self, Refusal> {
        if octets.len() > MAX_NAME_OCTETS {
            return Err(Refusal::NameMalformed);
        }
        let text = std::str::from_utf8(octets).map_err(|_| Refusal::NameMalformed)?;
        let is_plain = octets.iter().all(|octet| matches!(octet, b' '..=b'~'));
        let is_hidden = |character: char| character.is_control() || is_invisible(character);
        if !is_plain && text.chars().any(is_hidden) {
            return Err(Refusal::NameMalformed);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Characters that change how a name looks and not what it says: string preparation would drop them
/// (RFC 4518 §2.2), so they could dress up one name as another in a log.
const fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}')
}

/// One account in one directory.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The directory's name in the configuration.
    pub directory: Arc<str>,
    /// The account's identity there.
    pub guid: Guid,
    /// Where it was found in the view: a short cut, and no part of what it is.
    slot: Option<Slot>,
}

impl Resolved {
    /// The account of this identity.
    #[must_use]
    pub const fn new(directory: Arc<str>, guid: Guid) -> Self {
        Self { directory, guid, slot: None }
    }

    /// Its entry in a view of its directory.
    #[must_use]
    pub fn entry<'v>(&self, view: &'v View) -> Option<EntryRef<'v>> {
        match self.slot {
            Some(slot) => view.find_again(&self.guid, slot),
            None => view.find_guid(&self.guid),
        }
    }
}

impl PartialEq for Resolved {
    fn eq(&self, other: &Self) -> bool {
        self.guid == other.guid && self.directory == other.directory
    }
}

impl Eq for Resolved {}

/// The forms a name can take, in the order they are tried.
enum Form {
    Dn(NormalizedDn),
    Upn,
    ImplicitUpn { account: String, suffix: String },
    DomainAccount { domain: String, account: String },
    Canonical(DistinguishedName),
    Guid(Guid),
    Sid(Sid),
    Bare,
}

impl Form {
    const fn words(&self) -> &'static str {
        match self {
            Self::Dn(_) => "distinguished name",
            Self::Upn => "userPrincipalName",
            Self::ImplicitUpn { .. } => "account name and domain (implicit UPN)",
            Self::DomainAccount { .. } => "domain and account name",
            Self::Canonical(_) => "canonical name",
            Self::Guid(_) => "objectGUID",
            Self::Sid(_) => "objectSid",
            Self::Bare => "account name",
        }
    }
}

/// Finds the one account of the application's directories that `name` stands for.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::Ambiguous`], or [`Refusal::ViewNotReady`] when a directory that
/// could hold the account (or a second one of the same bare name) has not been synced.
pub fn resolve(
    world: &World,
    application: &Application,
    name: &BindName,
) -> Result<Resolved, Refusal> {
    let unready = world.of(application).any(|state| state.view.is_none());
    for form in forms(name.as_str()) {
        let mut matches = matches_of(world.of(application), &form, name);
        match (matches.pop(), matches.is_empty()) {
            (None, _) => {}
            (Some(_), true) if unready && matches!(form, Form::Bare) => {
                return Err(Refusal::ViewNotReady);
            }
            (Some(one), true) => return Ok(one),
            (Some(_), false) => return Err(Refusal::Ambiguous),
        }
    }
    Err(if unready { Refusal::ViewNotReady } else { Refusal::Unknown })
}

/// The accounts that the first matching form of a name found.
#[derive(Debug)]
pub struct Found {
    /// The form, in words.
    pub form: &'static str,
    /// The accounts; more than one: the name is ambiguous.
    pub accounts: Vec<Resolved>,
}

/// What [`resolve`] finds by the first form that matches; `None`: no form matches. For explanations.
#[must_use]
pub fn first_match(world: &World, application: &Application, name: &BindName) -> Option<Found> {
    forms(name.as_str()).find_map(|form| {
        let accounts = matches_of(world.of(application), &form, name);
        (!accounts.is_empty()).then(|| Found { form: form.words(), accounts })
    })
}

/// Finds the one account that answers to `name` in any form: where the forms disagree, none.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_in_every_form(
    world: &World,
    application: &Application,
    name: &BindName,
) -> Result<Resolved, Refusal> {
    let first = resolve(world, application, name)?;
    let agrees = |form: &Form| {
        matches_of(world.of(application), form, name).iter().all(|found| *found == first)
    };
    if forms(name.as_str()).all(|form| agrees(&form)) { Ok(first) } else { Err(Refusal::Ambiguous) }
}

/// All accounts that answer to `name` in any form, in these directories: for an operator, who must not hit somebody
/// else because a form that comes first happens to match.
#[must_use]
pub fn accounts(states: &[&DirectoryState], name: &BindName) -> Vec<Resolved> {
    let mut found: Vec<Resolved> = Vec::new();
    for form in forms(name.as_str()) {
        for one in matches_of(states.iter().copied(), &form, name) {
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

/// All groups that answer to `name` in these directories: its distinguished name, account name (alone or after
/// `DOMAIN\`), common name or identity.
#[must_use]
pub fn groups(states: &[&DirectoryState], name: &str) -> Vec<Resolved> {
    let name = name.trim();
    let in_view = |state: &DirectoryState| -> Vec<Resolved> {
        let Some(view) = &state.view else { return Vec::new() };
        let found = match (name.split_once('\\'), Guid::parse(name)) {
            (Some((domain, account)), _) if is_domain(view, domain) => view.groups_named(account),
            (_, Some(guid)) => view
                .find_guid(&guid)
                .filter(|entry| entry.kind() == EntryKind::Group)
                .into_iter()
                .collect(),
            (_, None) => view.groups_named(name),
        };
        found.into_iter().map(|entry| Resolved::new(state.name.clone(), entry.guid())).collect()
    };
    states.iter().copied().flat_map(in_view).collect()
}

fn matches_of<'w>(
    states: impl Iterator<Item = &'w DirectoryState>,
    form: &Form,
    name: &BindName,
) -> Vec<Resolved> {
    let in_view = |state: &DirectoryState| -> Vec<Resolved> {
        let Some(view) = &state.view else { return Vec::new() };
        find(view, form, name.as_str())
            .into_iter()
            .map(|entry| Resolved {
                directory: state.name.clone(),
                guid: entry.guid(),
                slot: Some(entry.slot()),
            })
            .collect()
    };
    states.flat_map(in_view).collect()
}

/// The forms that a name has, each taken apart only when those before it have found nobody.
fn forms(name: &str) -> impl Iterator<Item = Form> {
    let name = name.trim();
    let inner = name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let (text, readers): (&str, &[Reader]) = match inner {
        _ if name.is_empty() => (name, &[]),
        Some(inner) => (inner, &[identity]),
        None => (name, READERS),
    };
    readers.iter().filter_map(move |read| read(text))
}

/// Reads one form; `None`: the name does not have it.
type Reader = fn(&str) -> Option<Form>;

/// How each form is read, in the order of MS-ADTS.
const READERS: &[Reader] = &[
    |name| name.contains('=').then(|| NormalizedDn::parse(name).ok().map(Form::Dn))?,
    |_| Some(Form::Upn),
    |name| {
        let (account, suffix) = name.rsplit_once('@')?;
        Some(Form::ImplicitUpn { account: account.to_owned(), suffix: suffix.to_owned() })
    },
    |name| {
        let (domain, account) = name.split_once('\\')?;
        Some(Form::DomainAccount { domain: domain.to_owned(), account: account.to_owned() })
    },
    |name| canonical(name).map(Form::Canonical),
    |name| Guid::parse(name).map(Form::Guid),
    |name| Sid::parse(name).map(Form::Sid),
    |_| Some(Form::Bare),
];

/// What stands between `<` and `>`.
fn identity(inner: &str) -> Option<Form> {
    match inner.split_once('=')? {
        (key, value) if key.eq_ignore_ascii_case("GUID") => Guid::parse(value).map(Form::Guid),
        (key, value) if key.eq_ignore_ascii_case("SID") => Sid::parse(value).map(Form::Sid),
        _ => None,
    }
}

fn find<'v>(view: &'v View, form: &Form, name: &str) -> Vec<EntryRef<'v>> {
    let domain = view.domain();
    let is_user = |entry: &EntryRef<'v>| entry.kind() == EntryKind::User;
    let active_directory = domain.kind == DirectoryKind::ActiveDirectory;
    match form {
        Form::Dn(dn) => view.find_dn(dn).filter(is_user).into_iter().collect(),
        Form::Guid(guid) => view.find_guid(guid).filter(is_user).into_iter().collect(),
        Form::Sid(sid) => view.find_sid(sid).filter(is_user).into_iter().collect(),
        Form::Upn if active_directory => view.users_with("userPrincipalName", name),
        Form::ImplicitUpn { account, suffix } if active_directory && is_suffix(view, suffix) => {
            view.users_with("sAMAccountName", account)
        }
        Form::DomainAccount { domain, account } if active_directory && is_domain(view, domain) => {
            view.users_with("sAMAccountName", account)
        }
        // The directory itself knows no such forms: the domain is that of its naming context. A uid that looks
        // like one is looked for as well, so that both together are ambiguous.
        Form::ImplicitUpn { account, suffix } if is_known_as(view, suffix) => {
            either(view.users_with("uid", account), view.users_with("uid", name))
        }
        Form::DomainAccount { domain, account } if is_known_as(view, domain) => {
            either(view.users_with("uid", account), view.users_with("uid", name))
        }
        Form::Canonical(dn) if active_directory => find_canonical(view, dn),
        Form::Bare if active_directory => view.users_with("sAMAccountName", name),
        Form::Bare => view.users_with("uid", name),
        Form::Upn | Form::ImplicitUpn { .. } | Form::DomainAccount { .. } | Form::Canonical(_) => {
            Vec::new()
        }
    }
}

fn is_domain(view: &View, text: &str) -> bool {
    let domain = view.domain();
    let wanted = prepare_case_ignore(text);
    [&domain.netbios_name, &domain.dns_name]
        .into_iter()
        .flatten()
        .any(|known| prepare_case_ignore(known) == wanted)
}

/// Whether `text` is the DNS name of an OpenLDAP directory's domain.
fn is_known_as(view: &View, text: &str) -> bool {
    let domain = view.domain();
    domain.kind == DirectoryKind::OpenLdap
        && domain
            .known_as()
            .is_some_and(|known| prepare_case_ignore(&known) == prepare_case_ignore(text))
}

fn either<'v>(mut first: Vec<EntryRef<'v>>, second: Vec<EntryRef<'v>>) -> Vec<EntryRef<'v>> {
    let guids: Vec<Guid> = first.iter().map(EntryRef::guid).collect();
    first.extend(second.into_iter().filter(|entry| !guids.contains(&entry.guid())));
    first
}

/// What may follow the `@` of an implicit UPN: the domain, or one of the forest's `uPNSuffixes`
/// (MS-ADTS 5.1.1.1.1, third form).
fn is_suffix(view: &View, text: &str) -> bool {
    let wanted = prepare_case_ignore(text);
    is_domain(view, text)
        || view.domain().upn_suffixes.iter().any(|known| prepare_case_ignore(known) == wanted)
}

/// A canonical name (`corp.example/People/Alice`) as a distinguished name whose upper part is all
/// common names: the form does not tell whether a container is an OU or a CN, so only values are
/// compared (see [`find_canonical`]).
fn canonical(name: &str) -> Option<DistinguishedName> {
    let (domain, path) = name.split_once('/')?;
    if domain.is_empty() || path.is_empty() || domain.contains(['\\', '@', '=']) {
        return None;
    }
    let rdn = |attribute: &str, value: &str| Rdn(vec![Ava::new(attribute, value.as_bytes())]);
    let parts = split_canonical(path)?;
    let upper = parts.iter().rev().map(|part| rdn(COMMON_NAME, part));
    let lower = domain.split('.').map(|label| rdn(DOMAIN_COMPONENT, label));
    Some(DistinguishedName(upper.chain(lower).collect()))
}

/// Splits at `/`, where `\/` stands for a slash in a name (MS-ADTS 3.1.1.4.5.4).
fn split_canonical(path: &str) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => parts.last_mut()?.push(characters.next()?),
            '/' => parts.push(String::new()),
            other => parts.last_mut()?.push(other),
        }
    }
    parts.iter().all(|part| !part.is_empty()).then_some(parts)
}

fn find_canonical<'v>(view: &'v View, wanted: &DistinguishedName) -> Vec<EntryRef<'v>> {
    let Some(leaf) = wanted.0.first().and_then(|rdn| rdn.0.first()) else { return Vec::new() };
    let Ok(common_name) = std::str::from_utf8(leaf.value()) else { return Vec::new() };
    let wanted = wanted.normalized();
    let mut found = view.users_with(COMMON_NAME, common_name);
    found.retain(|entry| values_only(entry.dn()).as_ref() == Some(&wanted));
    found
}

/// The name with every attribute type but the domain components read as a common name.
fn values_only(dn: &str) -> Option<NormalizedDn> {
    let mut name = DistinguishedName::parse(dn).ok()?;
    for ava in name.0.iter_mut().flat_map(|rdn| &mut rdn.0) {
        if !ava.attribute().eq_ignore_ascii_case(DOMAIN_COMPONENT) {
            *ava = Ava::new(COMMON_NAME, ava.value());
        }
    }
    Some(name.normalized())
}
