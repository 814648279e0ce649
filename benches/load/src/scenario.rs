//! What is asked, and what the whole answer must be.

use std::collections::HashMap;

use crate::ber::BerError;
use crate::dataset::{ALL, CATEGORY, Company, EIGHT, PEOPLE, SUFFIX, mix};
use crate::ldap;

/// Most different requests of a scenario, spread evenly over everybody.
const QUESTIONS: u32 = 20_000;
/// Entries of one page of a dump.
const PAGE: u32 = 1000;

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `(sAMAccountName=x)`: one entry.
    Equality,
    /// `(&(objectCategory=cn=Person,…)(sAMAccountName=x))`: one entry.
    AdLogin,
    /// `(memberOf=x)`: ten entries.
    MemberOf,
    /// `(displayName=*x*)`: about ten entries.
    Substring,
    /// Every person with every attribute, a thousand at a time.
    Dump,
    /// A bind with the right password, on a connection that stays.
    Bind,
    /// The same on a connection of its own.
    Login,
}

impl Kind {
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "equality" => Self::Equality,
            "ad-login" => Self::AdLogin,
            "member-of" => Self::MemberOf,
            "substring" => Self::Substring,
            "dump" => Self::Dump,
            "bind" => Self::Bind,
            "login" => Self::Login,
            _ => return Err(format!("{name} is no scenario")),
        })
    }

    /// Whether connections are bound as the service account first.
    pub(crate) fn is_search(self) -> bool {
        !matches!(self, Self::Bind | Self::Login)
    }

    /// Entries asked for by each request, for paging.
    pub(crate) fn page(self) -> Option<u32> {
        (self == Self::Dump).then_some(PAGE)
    }
}

/// A request, and what must come back. Entries are known by their number and the sum of their digests, in
/// whatever order they come: a value that is lost, foreign or changed alters the sum.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) operation: Vec<u8>,
    pub(crate) entries: u64,
    pub(crate) digest: u64,
}

/// The requests of a scenario in the order in which they are asked, written before the clock starts.
pub(crate) fn questions(kind: Kind, company: Company) -> Vec<Question> {
    if kind == Kind::Dump {
        return vec![dump(company)];
    }
    let sharers = if kind == Kind::Substring { sharers(company) } else { HashMap::new() };
    let count = company.people.min(QUESTIONS);
    let mut order: Vec<u32> = (0..count).collect();
    order.sort_by_key(|place| mix(u64::from(*place)));
    let person_of =
        |place| (u64::from(place) * u64::from(company.people) / u64::from(count)) as u32;
    order.into_iter().map(|place| question(kind, company, person_of(place), &sharers)).collect()
}

fn question(
    kind: Kind,
    company: Company,
    person: u32,
    sharers: &HashMap<String, Vec<u32>>,
) -> Question {
    let account = ldap::equality("sAMAccountName", &Company::account(person));
    let one = |filter: &[u8]| search(company, filter, &[person]);
    match kind {
        Kind::Equality | Kind::Dump => one(&account),
        Kind::AdLogin => one(&ldap::both(&ldap::equality("objectCategory", CATEGORY), &account)),
        Kind::MemberOf => {
            let first = person / 10 * 10;
            let team: Vec<u32> = (first..company.people.min(first + 10)).collect();
            search(company, &ldap::equality("memberOf", &Company::team(person)), &team)
        }
        Kind::Substring => {
            let part = Company::name_part(person);
            let people = sharers.get(&part).map(Vec::as_slice).unwrap_or_default();
            search(company, &ldap::containing("displayName", &part), people)
        }
        Kind::Bind | Kind::Login => {
            let operation = ldap::bind(&Company::dn(person), &Company::password(person));
            Question { operation, entries: 0, digest: 0 }
        }
    }
}

fn search(company: Company, filter: &[u8], people: &[u32]) -> Question {
    Question {
        operation: ldap::search(SUFFIX, filter, &EIGHT),
        entries: people.len() as u64,
        digest: digest_of_all(company, people.iter().copied(), &EIGHT),
    }
}

fn dump(company: Company) -> Question {
    Question {
        operation: ldap::search(PEOPLE, &ldap::equality("objectClass", "user"), &ALL),
        entries: u64::from(company.people),
        digest: digest_of_all(company, 0..company.people, &ALL),
    }
}

/// Who has a part of a family name in the display name. The part is a whole name but for its first letter,
/// so whoever has it in the name has it at that place.
fn sharers(company: Company) -> HashMap<String, Vec<u32>> {
    let mut sharers: HashMap<String, Vec<u32>> = HashMap::new();
    for person in 0..company.people {
        sharers.entry(Company::name_part(person)).or_default().push(person);
    }
    sharers
}

/// The sum of the digests of entries, each reduced to `attributes`.
fn digest_of_all(company: Company, people: impl Iterator<Item = u32>, attributes: &[&str]) -> u64 {
    people.fold(0, |sum, person| sum.wrapping_add(digest_of(company, person, attributes)))
}

fn digest_of(company: Company, person: u32, attributes: &[&str]) -> u64 {
    let values = company.attributes(person);
    let asked = values.iter().filter(|(name, _)| attributes.contains(name));
    let sum = asked.fold(0_u64, |sum, (name, value)| {
        sum.wrapping_add(value_digest(name.as_bytes(), value.as_bytes()))
    });
    entry_digest(Company::dn(person).as_bytes(), sum)
}

/// The digest of an entry that was received.
pub(crate) fn received(body: &[u8]) -> Result<u64, BerError> {
    let mut sum = 0_u64;
    let dn = ldap::read_entry(body, |name, value| {
        sum = sum.wrapping_add(value_digest(name, value));
    })?;
    Ok(entry_digest(dn, sum))
}

fn entry_digest(dn: &[u8], values: u64) -> u64 {
    mix(values.wrapping_add(hash(0x0d17, dn, 0x20)))
}

/// Attribute names and distinguished names have no case, values have.
fn value_digest(name: &[u8], value: &[u8]) -> u64 {
    hash(hash(0x0a77, name, 0x20), value, 0)
}

/// Seven octets at a time with their number, the bits of `fold` set in each; well mixed at the end.
fn hash(seed: u64, octets: &[u8], fold: u8) -> u64 {
    let step = |sum: u64, word: &[u8]| {
        let word =
            word.iter().fold(word.len() as u64, |all, octet| (all << 8) | u64::from(octet | fold));
        (sum ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29)
    };
    mix(octets.chunks(7).fold(seed, step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ber::Reader;

    const COMPANY: Company = Company { people: 2_000 };

    fn read_back(values: &[(&str, String)]) -> u64 {
        let octets = ldap::entry(&Company::dn(7), values);
        received(Reader(&octets).expect(ldap::SEARCH_ENTRY).unwrap()).unwrap()
    }

    #[test]
    fn a_digest_sees_values_but_neither_order_nor_the_case_of_names() {
        let mut values = COMPANY.attributes(7);
        values.retain(|(name, _)| EIGHT.contains(name));
        let expected = digest_of(COMPANY, 7, &EIGHT);
        assert_eq!(read_back(&values), expected);
        values.reverse();
        assert_eq!(read_back(&values), expected);
        let upper: Vec<_> = values.iter().map(|(name, _)| name.to_uppercase()).collect();
        let renamed: Vec<_> = upper
            .iter()
            .zip(&values)
            .map(|(name, (_, value))| (name.as_str(), value.clone()))
            .collect();
        assert_eq!(read_back(&renamed), expected);
        let first = values.first_mut().unwrap();
        first.1 = first.1.to_uppercase() + "X";
        assert_ne!(read_back(&values), expected);
        values.pop();
        assert_ne!(read_back(&values), expected);
    }

    #[test]
    fn parts_of_names_are_had_by_about_ten() {
        let questions = questions(Kind::Substring, COMPANY);
        let sum: u64 = questions.iter().map(|question| question.entries).sum();
        assert!((10.0..12.0).contains(&(sum as f64 / questions.len() as f64)));
        for person in [0, 777, 1999] {
            let part = Company::name_part(person);
            let found = (0..COMPANY.people).filter(|other| {
                let values = COMPANY.attributes(*other);
                values.iter().any(|(name, value)| *name == "displayName" && value.contains(&part))
            });
            assert_eq!(found.count(), sharers(COMPANY)[&part].len());
        }
    }
}
