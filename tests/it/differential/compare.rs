//! Two answers side by side.

use std::collections::{BTreeMap, BTreeSet};

use ldapgate::ldap::control::{Control, oid};
use ldapgate::ldap::controls::paged_results::PagedResults;
use ldapgate::ldap::controls::server_side_sort::{self, SortKey};
use ldapgate::ldap::dn::{DistinguishedName, NormalizedDn};
use ldapgate::ldap::entry::{AttributeValues, Entry};
use ldapgate::ldap::filter::Filter;
use ldapgate::ldap::request::{SearchRequest, SearchScope};
use ldapgate::ldap::schema::is_forbidden;

use super::row::{Instead, Renamed, Row};
use crate::world::client::{Client, search};

/// Who is asked: the directory and the gate, both as the same account.
pub(super) struct Pair {
    pub(super) directory: Client,
    pub(super) gate: Client,
    /// Names (prepared) of the directory's entries that are in the copy.
    pub(super) copied: BTreeSet<String>,
    /// Attributes whose values are no copy of the directory's, in lower case.
    pub(super) own: BTreeSet<String>,
    pub(super) gaps: Gaps,
}

/// What a directory does not do itself. It is asked for the same in another way then.
#[derive(Clone, Copy, Default)]
pub(super) struct Gaps {
    /// It does not say which entry above a missing base exists.
    pub(super) matched_name: bool,
    /// It returns values although only types are asked for.
    pub(super) types_only: bool,
    /// It does not know the scope of everything below the base.
    pub(super) subordinates: bool,
    /// It has no approximate matches, or others than equality.
    pub(super) approximate: bool,
    /// It cuts the value of an extensible match without a rule at its first zero octet.
    pub(super) rule_less_octets: bool,
}

/// An answer reduced to what is compared: entries by name, attributes by description, values without order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    code: u32,
    matched: String,
    entries: BTreeMap<String, Attributes>,
    /// Of a sorted search: the values of the keys, entry by entry.
    order: Vec<Vec<String>>,
    faults: Vec<String>,
}

type Attributes = BTreeMap<String, BTreeSet<Vec<u8>>>;

impl Pair {
    /// Asks both; what differs, in lines, or nothing.
    pub(super) fn difference(&mut self, row: &Row) -> Vec<String> {
        let mut gate = self.of_gate(row);
        let mut expected = self.of_directory(row, &row.search);
        let same = difference(&expected, &gate);
        let Some(differs) = &row.differs else { return same };
        if same.is_empty() {
            return vec![format!("does not differ; {:?} is said of it for nothing", differs.why)];
        }
        match &differs.gate {
            Instead::Entries(code, names) => unlike_names(&gate, *code, names),
            Instead::Like(search, renamed) => {
                expected = self.of_directory(row, search);
                for attributes in expected.entries.values_mut() {
                    rename(attributes, renamed);
                }
                difference(&expected, &gate)
            }
            Instead::OtherValues => {
                for answered in [&mut gate, &mut expected] {
                    answered.order.clear();
                    answered.entries.values_mut().for_each(BTreeMap::clear);
                }
                difference(&expected, &gate)
            }
        }
    }

    fn of_gate(&mut self, row: &Row) -> Answered {
        let (entries, references, code, matched) = ask(&mut self.gate, row, &row.search);
        let secrets: Vec<String> = entries
            .iter()
            .flat_map(|entry| &entry.attributes)
            .filter(|attribute| is_forbidden(&attribute.description))
            .map(|attribute| format!("{} is shown", attribute.description))
            .collect();
        let mut answered = Answered::new(row, code, matched, entries, &self.own);
        answered.faults.extend(secrets);
        if references > 0 {
            answered.faults.push(format!("{references} references"));
        }
        answered
    }

    fn of_directory(&mut self, row: &Row, search: &SearchRequest) -> Answered {
        let mut search = search.clone();
        let Gaps { matched_name, types_only, subordinates, .. } = self.gaps;
        let below = subordinates && search.scope == SearchScope::SubordinateSubtree;
        if below {
            search.scope = SearchScope::WholeSubtree;
        }
        search.filter = in_other_words(search.filter, self.gaps);
        let (mut entries, _, code, mut matched) = ask(&mut self.directory, row, &search);
        if below {
            let top = self.top(&search.base);
            entries.retain(|entry| Some(&entry.dn) != top.as_ref());
        }
        entries.retain(|entry| self.is_copied(&entry.dn));
        if code == 32 && matched_name {
            matched = self.nearest(&search.base);
        }
        let mut answered = Answered::new(row, code, matched, entries, &self.own);
        if types_only && search.types_only {
            let attributes = answered.entries.values_mut().flat_map(BTreeMap::values_mut);
            attributes.for_each(BTreeSet::clear);
        }
        answered
    }

    fn is_copied(&self, dn: &str) -> bool {
        dn.is_empty() || self.copied.contains(NormalizedDn::parse(dn).unwrap().as_str())
    }

    /// The entry called `base`, as the directory spells its name.
    fn top(&mut self, base: &str) -> Option<String> {
        let read = search(base, SearchScope::BaseObject, "(objectClass=*)", &["1.1"]);
        let (found, _, answer) = self.directory.search_past_references(&read, &[]);
        found.into_iter().next().filter(|_| answer.code() == 0).map(|entry| entry.dn)
    }

    /// The name of the lowest entry above `base` that the directory has (RFC 4511 §4.1.9).
    fn nearest(&mut self, base: &str) -> String {
        let mut name = DistinguishedName::parse(base).unwrap_or_default();
        while let Some(above) = name.parent().filter(|above| !above.is_root()) {
            if let Some(found) = self.top(&above.to_string()) {
                return found;
            }
            name = above;
        }
        String::new()
    }
}

fn rename(attributes: &mut Attributes, renamed: Renamed) {
    for (from, to) in renamed {
        if let Some(values) = attributes.remove(*from) {
            attributes.insert((*to).to_owned(), values);
        }
    }
}

/// The filter in a form that the directory knows. Approximate matches are equality, which Active Directory
/// takes them for (MS-ADTS §3.1.1.3.1.3.1), and so is an extensible match with an attribute alone (RFC 4511
/// §4.5.1.7.7).
fn in_other_words(filter: Filter, gaps: Gaps) -> Filter {
    let each = |filters: Vec<Filter>| {
        filters.into_iter().map(|filter| in_other_words(filter, gaps)).collect()
    };
    match filter {
        Filter::And(filters) => Filter::And(each(filters)),
        Filter::Or(filters) => Filter::Or(each(filters)),
        Filter::Not(filter) => Filter::Not(Box::new(in_other_words(*filter, gaps))),
        Filter::Approx { attribute, value } if gaps.approximate => {
            Filter::Equality { attribute, value }
        }
        Filter::Extensible {
            rule: None,
            attribute: Some(attribute),
            value,
            dn_attributes: false,
        } if gaps.rule_less_octets && value.contains(&0) => Filter::Equality { attribute, value },
        other => other,
    }
}

/// All entries of a search, in however many pages, with the last answer's code and matched name.
fn ask(client: &mut Client, row: &Row, search: &SearchRequest) -> (Vec<Entry>, usize, u32, String) {
    let (mut all, mut seen, mut cookie) = (Vec::new(), 0, Vec::new());
    loop {
        let paged = row.page.map(|size| PagedResults { size, cookie }.to_control(true));
        let sorted = (!row.sort.is_empty()).then(|| server_side_sort::request(&row.sort, true));
        let controls: Vec<Control> = paged.into_iter().chain(sorted).collect();
        let (entries, references, answer) = client.search_past_references(search, &controls);
        if let Some(size) = row.page {
            assert!(entries.len() <= size as usize, "{}: a page of {}", row.id, entries.len());
        }
        all.extend(entries);
        seen += references;
        cookie = next_page(&answer.controls).unwrap_or_default();
        if cookie.is_empty() || answer.code() != 0 {
            let matched = String::from_utf8_lossy(&answer.result.matched_dn).into_owned();
            return (all, seen, answer.code(), matched);
        }
    }
}

fn next_page(controls: &[u8]) -> Option<Vec<u8>> {
    let controls = Control::read_all(controls).unwrap();
    let paged = controls.iter().find(|control| control.oid == oid::PAGED_RESULTS)?;
    Some(PagedResults::read(paged).unwrap().cookie)
}

impl Answered {
    fn new(
        row: &Row,
        code: u32,
        matched: String,
        entries: Vec<Entry>,
        own: &BTreeSet<String>,
    ) -> Self {
        let mut answered =
            Self { code, matched, entries: BTreeMap::new(), order: Vec::new(), faults: Vec::new() };
        for entry in entries {
            if !row.sort.is_empty() {
                answered.order.push(row.sort.iter().map(|key| sorted_by(&entry, key)).collect());
            }
            let mut attributes = BTreeMap::new();
            for attribute in entry.attributes {
                let name = attribute.description.split(';').next().unwrap_or_default();
                if own.contains(&name.to_lowercase()) {
                    continue;
                }
                let count = attribute.values.len();
                let mut values: BTreeSet<Vec<u8>> = attribute.values.into_iter().collect();
                if values.len() != count {
                    answered.faults.push(format!("{}: {name} has a value twice", entry.dn));
                }
                if is_part(&attribute.description) {
                    values = (1..=count).map(|place| format!("{place}.").into_bytes()).collect();
                }
                if attributes.insert(attribute.description.clone(), values).is_some() {
                    answered.faults.push(format!("{}: {name} comes twice", entry.dn));
                }
            }
            if answered.entries.insert(entry.dn.clone(), attributes).is_some() {
                answered.faults.push(format!("{} comes twice", entry.dn));
            }
        }
        answered
    }
}

/// Whether it has some of the values: which ones is the server's own matter (RFC 4511 §4.1.7).
fn is_part(description: &str) -> bool {
    description.contains(";range=") && !description.ends_with(";range=0-*")
}

/// An entry's value for a key, in the way in which it counts.
fn sorted_by(entry: &Entry, key: &SortKey) -> String {
    let values = entry.values_of(&key.attribute);
    let texts = values.map(|value| String::from_utf8_lossy(value).to_lowercase());
    texts.collect::<Vec<String>>().join(" | ")
}

/// Lines that are shown of one row.
const MOST_LINES: usize = 12;

fn difference(directory: &Answered, gate: &Answered) -> Vec<String> {
    let mut lines = Vec::new();
    if directory.code != gate.code {
        lines.push(format!("code {} there, {} here", directory.code, gate.code));
    } else if directory.matched != gate.matched {
        lines.push(format!("matched {:?} there, {:?} here", directory.matched, gate.matched));
    }
    lines.extend(gate.faults.iter().filter(|fault| !directory.faults.contains(fault)).cloned());
    for dn in directory.entries.keys().filter(|dn| !gate.entries.contains_key(*dn)) {
        lines.push(format!("only there: {dn}"));
    }
    for dn in gate.entries.keys().filter(|dn| !directory.entries.contains_key(*dn)) {
        lines.push(format!("only here:  {dn}"));
    }
    for (dn, there) in &directory.entries {
        let Some(here) = gate.entries.get(dn).filter(|here| *here != there) else { continue };
        let names: BTreeSet<&String> = there.keys().chain(here.keys()).collect();
        for name in names {
            let (a, b) = (there.get(name), here.get(name));
            if a != b {
                lines.push(format!("{dn}: {name}: {} there, {} here", shown(a, b), shown(b, a)));
            }
        }
    }
    if lines.is_empty() && directory.order != gate.order {
        let pairs = directory.order.iter().zip(&gate.order);
        let place = pairs.take_while(|(there, here)| there == here).count();
        let around = |order: &[Vec<String>]| {
            format!("{:?}", order.iter().skip(place.saturating_sub(1)).take(4).collect::<Vec<_>>())
        };
        lines.push(format!("in order from {place}: {} there", around(&directory.order)));
        lines.push(format!("in order from {place}: {} here", around(&gate.order)));
    }
    if lines.len() > MOST_LINES {
        let more = lines.len() - MOST_LINES;
        lines.truncate(MOST_LINES);
        lines.push(format!("… and {more} more"));
    }
    lines
}

/// The values that the other side does not have.
fn shown(values: Option<&BTreeSet<Vec<u8>>>, others: Option<&BTreeSet<Vec<u8>>>) -> String {
    let Some(values) = values else { return "absent".to_owned() };
    let extra = values.iter().filter(|value| others.is_none_or(|others| !others.contains(*value)));
    let texts: Vec<String> = extra.take(4).map(|value| value.escape_ascii().to_string()).collect();
    format!("{} values {:?}", values.len(), texts)
}

/// What is not as the row says it is.
fn unlike_names(gate: &Answered, code: u32, names: &[&str]) -> Vec<String> {
    let first = |dn: &String| DistinguishedName::parse(dn).unwrap().rdn().unwrap().to_string();
    let found: BTreeSet<String> = gate.entries.keys().map(first).collect();
    let wanted: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    if gate.code == code && found == wanted && gate.faults.is_empty() {
        return Vec::new();
    }
    vec![
        format!("meant to differ: code {code}, {wanted:?}"),
        format!("but found:       code {}, {found:?} {:?}", gate.code, gate.faults),
    ]
}
