//! Invariant 9: whatever the filter, base and scope, a search through the indices finds what a plain
//! reading of RFC 4511 §4.5 over the entries as they came finds.

use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::super::budget::Meter;
use super::super::plan::Planner;
use super::super::tree::Extent;
use super::*;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::matching_rule::{generalized_time, prepare};
use crate::ldap::schema::{self, Syntax};

const BIT_AND: &str = "1.2.840.113556.1.4.803";
const BIT_OR: &str = "1.2.840.113556.1.4.804";
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

const WORDS: [&str; 9] = [
    "a",
    "ab",
    "abc",
    "b",
    "ba",
    "Ab",
    // Longer than a key of the index holds, and alike as far as it does.
    "abababababababababababababababababababababababababab",
    "ababababababababababababababababababababababABABABBA",
    "ababababababababababababababababababababab b",
];
const TIMES: [&str; 4] =
    ["20240101000000.0Z", "20240101000000Z", "20240101000000.5Z", "20240102000000Z"];
const NUMBERS: [&str; 5] = ["0", "2", "512", "514", "-3"];
/// Indexed and not indexed, references, numbers, a known one that nobody has, an unknown one, a
/// forbidden one.
const ATTRIBUTES: [&str; 17] = [
    "cn",
    "department",
    "sn",
    "sn;lang-de",
    "displayName",
    "whenCreated",
    "createTimeStamp",
    "description",
    "mail",
    "userAccountControl",
    "countryCode",
    "member",
    "memberOf",
    "manager",
    "isDeleted",
    "fooBar",
    "unicodePwd",
];

fn name(number: usize) -> String {
    match number {
        0 => DOMAIN.to_owned(),
        1 => format!("OU=x,{DOMAIN}"),
        2 => format!("OU=y,OU=x,{DOMAIN}"),
        // Its parent is not there.
        3 => format!("CN=n3,OU=gone,{DOMAIN}"),
        4..=6 => format!("CN=n{number},OU=y,OU=x,{DOMAIN}"),
        7..=9 => format!("CN=n{number},OU=x,{DOMAIN}"),
        _ => format!("CN=n{number},{DOMAIN}"),
    }
}

fn any_name() -> impl Strategy<Value = String> {
    // 12 and above are not in the view.
    (0_usize..14, any::<bool>()).prop_map(|(number, lower)| {
        let name = name(number);
        if lower { name.to_lowercase().replace(',', ", ") } else { name }
    })
}

fn word() -> impl Strategy<Value = String> {
    proptest::sample::select(&WORDS[..]).prop_map(str::to_owned)
}

fn integer() -> impl Strategy<Value = String> {
    proptest::sample::select(&NUMBERS[..]).prop_map(str::to_owned)
}

pub(super) fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let one = (
        proptest::collection::vec(word(), 0..3),
        proptest::option::of(word()),
        proptest::option::of(word()),
        proptest::option::of(integer()),
        proptest::option::of(integer()),
        proptest::collection::vec(any_name(), 0..3),
        proptest::option::of(any_name()),
        (
            proptest::collection::vec(word(), 0..2),
            proptest::option::of(word()),
            proptest::option::of(proptest::sample::select(&TIMES[..])),
        ),
    );
    proptest::collection::vec(one, 12).prop_map(|ones| {
        let mut entries = Vec::new();
        for (number, (cn, sn, description, control, count, members, manager, more)) in
            ones.into_iter().enumerate()
        {
            let (german, display, created) = more;
            let classes = if number % 2 == 0 { ["top", "group"] } else { ["top", "person"] };
            let mut entry = entry(&name(number), &[("objectClass", &classes)]);
            push(&mut entry, "objectGUID", &guid(u8::try_from(number).unwrap()).ad_octets());
            for cn in cn {
                push(&mut entry, "cn", cn.as_bytes());
            }
            let optional = [
                ("sn", sn),
                ("department", description.clone()),
                ("description", description),
                ("userAccountControl", control),
                ("countryCode", count),
                ("manager", manager),
                ("displayName", display),
                ("whenCreated", created.map(str::to_owned)),
            ];
            for value in german {
                push(&mut entry, "sn;lang-de", value.as_bytes());
            }
            for (name, value) in optional {
                if let Some(value) = value {
                    push(&mut entry, name, value.as_bytes());
                }
            }
            for member in members {
                push(&mut entry, "member", member.as_bytes());
            }
            entries.push(entry);
        }
        entries
    })
}

fn description() -> impl Strategy<Value = AttributeDescription> {
    proptest::sample::select(&ATTRIBUTES[..])
        .prop_map(|name| AttributeDescription::parse(name).unwrap())
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let time = || proptest::sample::select(&TIMES[..]).prop_map(str::to_owned);
    prop_oneof![2 => word(), 2 => integer(), 2 => any_name(), 1 => time()]
        .prop_map(String::into_bytes)
}

fn leaf() -> impl Strategy<Value = Filter> {
    let word = || word().prop_map(String::into_bytes);
    // Parts of words too, so that they are found in the middle.
    let part = || prop_oneof![word(), Just(b"bab".to_vec()), Just(b"abA b".to_vec())];
    let rule = proptest::sample::select(vec![
        Some(BIT_AND),
        Some(BIT_OR),
        Some(IN_CHAIN),
        None,
        Some("1.2"),
    ]);
    let class = proptest::sample::select(vec!["top", "GROUP", "person", "user"]);
    prop_oneof![
        4 => (description(), value()).prop_map(|(attribute, value)| Filter::Equality { attribute, value }),
        1 => (description(), value()).prop_map(|(attribute, value)| Filter::Approx { attribute, value }),
        1 => word().prop_map(|value| Filter::Equality {
            attribute: AttributeDescription::new("anr"),
            value,
        }),
        2 => description().prop_map(Filter::Present),
        1 => class.prop_map(|class| Filter::Equality {
            attribute: AttributeDescription::new("objectClass"),
            value: class.as_bytes().to_vec(),
        }),
        2 => (
            description(),
            proptest::option::of(part()),
            proptest::collection::vec(part(), 0..3),
            proptest::option::of(part()),
        )
            .prop_filter("a piece", |(_, initial, any, last)| {
                initial.is_some() || last.is_some() || !any.is_empty()
            })
            .prop_map(|(attribute, initial, any, last)| Filter::Substrings { attribute, initial, any, last }),
        1 => (description(), value())
            .prop_map(|(attribute, value)| Filter::GreaterOrEqual { attribute, value }),
        1 => (description(), value()).prop_map(|(attribute, value)| Filter::LessOrEqual { attribute, value }),
        3 => (rule, description(), value()).prop_map(|(rule, attribute, value)| Filter::Extensible {
            rule: rule.map(str::to_owned),
            attribute: Some(attribute),
            value,
            dn_attributes: false,
        }),
    ]
}

pub(super) fn filter() -> impl Strategy<Value = Filter> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Filter::And),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

/// The entries as they came.
struct World<'w>(&'w [Entry]);

impl World<'_> {
    /// The value of the filter; `None` is Undefined.
    fn holds(&self, filter: &Filter, entry: &Entry) -> Option<bool> {
        match filter {
            Filter::And(filters) => {
                let values: Vec<Option<bool>> =
                    filters.iter().map(|f| self.holds(f, entry)).collect();
                if values.contains(&Some(false)) {
                    return Some(false);
                }
                (!values.contains(&None)).then_some(true)
            }
            Filter::Or(filters) => {
                let values: Vec<Option<bool>> =
                    filters.iter().map(|f| self.holds(f, entry)).collect();
                if values.contains(&Some(true)) {
                    return Some(true);
                }
                (!values.contains(&None)).then_some(false)
            }
            Filter::Not(filter) => self.holds(filter, entry).map(|holds| !holds),
            Filter::Equality { attribute, value } if attribute.name == "anr" => {
                self.holds(&Filter::ambiguous_name(DirectoryKind::ActiveDirectory, value), entry)
            }
            Filter::Equality { attribute, value } | Filter::Approx { attribute, value } => {
                let syntax = self.syntax(attribute)?;
                let wanted = canonical(syntax, value)?;
                Some(
                    self.values(entry, attribute)
                        .iter()
                        .any(|v| canonical(syntax, v).as_ref() == Some(&wanted)),
                )
            }
            Filter::Present(attribute) => {
                self.syntax(attribute)?;
                Some(!self.values(entry, attribute).is_empty())
            }
            Filter::Substrings { attribute, initial, any, last } => {
                if self.syntax(attribute)? != Syntax::CaseIgnore {
                    return None;
                }
                let lower =
                    |octets: &Vec<u8>| String::from_utf8(octets.to_ascii_lowercase()).unwrap();
                let initial = initial.as_ref().map(lower).unwrap_or_default();
                let last = last.as_ref().map(lower).unwrap_or_default();
                let any: Vec<String> = any.iter().map(lower).collect();
                Some(
                    self.values(entry, attribute)
                        .iter()
                        .any(|v| splits(&lower(v), &initial, &any, &last)),
                )
            }
            Filter::GreaterOrEqual { attribute, value } => {
                self.order(entry, attribute, value, std::cmp::Ordering::is_ge)
            }
            Filter::LessOrEqual { attribute, value } => {
                self.order(entry, attribute, value, std::cmp::Ordering::is_le)
            }
            Filter::Extensible { rule, attribute, value, .. } => {
                self.extensible(rule.as_deref(), attribute.as_ref().unwrap(), value, entry)
            }
        }
    }

    fn extensible(
        &self,
        rule: Option<&str>,
        attribute: &AttributeDescription,
        value: &[u8],
        entry: &Entry,
    ) -> Option<bool> {
        let syntax = self.syntax(attribute)?;
        let number = |octets: &[u8]| std::str::from_utf8(octets).unwrap().parse::<i64>().ok();
        let bits = |test: fn(i64, i64) -> bool| {
            if !matches!(syntax, Syntax::Integer | Syntax::LargeInteger) {
                return None;
            }
            let bits = number(value)?;
            Some(self.values(entry, attribute).iter().any(|v| test(number(v).unwrap(), bits)))
        };
        match rule {
            None => {
                let equality =
                    Filter::Equality { attribute: attribute.clone(), value: value.to_vec() };
                self.holds(&equality, entry)
            }
            Some(BIT_AND) => bits(|value, bits| value & bits == bits),
            Some(BIT_OR) => bits(|value, bits| value & bits != 0),
            Some(IN_CHAIN) if syntax == Syntax::DistinguishedName => {
                let wanted = canonical(syntax, value)?;
                let mut seen: Vec<Vec<u8>> = Vec::new();
                let mut open: Vec<&Entry> = vec![entry];
                while let Some(at) = open.pop() {
                    for next in self.values(at, attribute) {
                        let next = canonical(syntax, &next)?;
                        if next == wanted {
                            return Some(true);
                        }
                        if !seen.contains(&next) {
                            let entry = self.0.iter().find(|e| {
                                canonical(syntax, e.dn.as_bytes()).as_ref() == Some(&next)
                            });
                            open.extend(entry);
                            seen.push(next);
                        }
                    }
                }
                Some(false)
            }
            Some(_) => None,
        }
    }

    fn order(
        &self,
        entry: &Entry,
        attribute: &AttributeDescription,
        value: &[u8],
        accept: fn(std::cmp::Ordering) -> bool,
    ) -> Option<bool> {
        let syntax = self.syntax(attribute)?;
        let number = |octets: &[u8]| std::str::from_utf8(octets).unwrap().parse::<i64>().ok();
        let values = self.values(entry, attribute);
        match syntax {
            Syntax::CaseIgnore => {
                let wanted = value.to_ascii_lowercase();
                let wanted = canonical(syntax, &wanted)?;
                Some(values.iter().any(|v| accept(canonical(syntax, v).unwrap().cmp(&wanted))))
            }
            Syntax::Integer | Syntax::LargeInteger => {
                let wanted = number(value)?;
                Some(values.iter().any(|v| accept(number(v).unwrap().cmp(&wanted))))
            }
            Syntax::GeneralizedTime => {
                let wanted = generalized_time(value)?;
                Some(values.iter().any(|v| accept(generalized_time(v).unwrap().cmp(&wanted))))
            }
            Syntax::CaseExact
            | Syntax::TelephoneNumber
            | Syntax::Boolean
            | Syntax::DistinguishedName
            | Syntax::OctetString
            | Syntax::ObjectIdentifier
            | Syntax::Sid => None,
        }
    }

    /// The syntax of an attribute that a filter may name.
    fn syntax(&self, attribute: &AttributeDescription) -> Option<Syntax> {
        if schema::is_forbidden(&attribute.name) {
            return None;
        }
        schema::attribute_type(&attribute.name).map(|known| known.syntax)
    }

    fn values(&self, entry: &Entry, attribute: &AttributeDescription) -> Vec<Vec<u8>> {
        if attribute.name != "memberOf" {
            // createTimeStamp says what whenCreated says (MS-ADTS §3.1.1.4.5.15).
            let name = attribute.to_string().replace("createTimeStamp", "whenCreated");
            let described = entry.attributes.iter().filter(|found| {
                let plain = found.description.split(';').next() == Some(&name);
                found.description == name || plain
            });
            return described.flat_map(|found| found.values.clone()).collect();
        }
        let own = dn(&entry.dn);
        let lists = |group: &&Entry| {
            group
                .values("member")
                .iter()
                .any(|member| dn(std::str::from_utf8(member).unwrap()) == own)
        };
        self.0.iter().filter(lists).map(|group| group.dn.clone().into_bytes()).collect()
    }

    fn within(&self, entry: &Entry, base: &NormalizedDn, scope: SearchScope) -> bool {
        let own = dn(&entry.dn);
        match scope {
            SearchScope::BaseObject => own == *base,
            SearchScope::SingleLevel => own.parent().as_ref() == Some(base),
            SearchScope::WholeSubtree => own.is_within(base),
            SearchScope::SubordinateSubtree => own.is_within(base) && own != *base,
        }
    }
}

fn canonical(syntax: Syntax, value: &[u8]) -> Option<Vec<u8>> {
    if syntax == Syntax::DistinguishedName {
        let name = NormalizedDn::parse(std::str::from_utf8(value).unwrap()).ok()?;
        return Some(name.as_str().as_bytes().to_vec());
    }
    prepare(syntax, value)
}

/// Whether the text is the parts with anything between, tried at every place.
fn splits(text: &str, initial: &str, any: &[String], last: &str) -> bool {
    fn middle(text: &str, any: &[String]) -> bool {
        match any.split_first() {
            None => true,
            Some((first, rest)) => (0..=text.len()).any(|at| {
                text[at..].strip_prefix(first.as_str()).is_some_and(|after| middle(after, rest))
            }),
        }
    }
    text.strip_prefix(initial)
        .and_then(|rest| rest.strip_suffix(last))
        .is_some_and(|rest| middle(rest, any))
}

fn found_when_few_are(few: u64, view: &View, filter: &Filter) -> RoaringBitmap {
    let mut found = RoaringBitmap::new();
    let mut meter = Meter::new(None);
    let mut planner = Planner { few, ..Planner::new(view, &mut meter) };
    planner.run(&view.compile(filter), Extent::Everything, |slot| _ = found.insert(slot)).unwrap();
    found
}

fn scope() -> impl Strategy<Value = SearchScope> {
    proptest::sample::select(vec![
        SearchScope::BaseObject,
        SearchScope::SingleLevel,
        SearchScope::WholeSubtree,
        SearchScope::SubordinateSubtree,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn indexed_search_is_a_full_scan(
        before in entries(),
        kept in proptest::collection::vec(any::<bool>(), 12),
        entries in entries(),
        filters in proptest::collection::vec(filter(), 4),
        base in 0_usize..11,
        scope in scope(),
    ) {
        // From an older view of which some is gone, some new, most changed.
        let before = before.into_iter().zip(&kept).filter(|(_, kept)| **kept);
        let before: Vec<Entry> = before.map(|(entry, _)| entry).collect();
        let mut entries = entries;
        entries.truncate(if kept[0] { 12 } else { 11 });
        let view = next(&view_of(before), entries.clone()).0;
        let world = World(&entries);
        for filter in &filters {
            // Whatever counts as few entries, the answer is the same.
            let found: Vec<RoaringBitmap> =
                [0, 2, 64].map(|few| found_when_few_are(few, &view, filter)).to_vec();
            prop_assert!(found.iter().all(|one| *one == found[0]), "{} {:?}", filter, found);
        }
        let base = dn(&name(base));
        for filter in &filters {
            let slots = view.search(&base, scope, filter, &Everyone).unwrap();
            let mut found: Vec<String> =
                slots.iter().map(|slot| view.entry(*slot).unwrap().dn().to_owned()).collect();
            found.sort();
            let mut expected: Vec<String> = entries
                .iter()
                .filter(|entry| world.within(entry, &base, scope))
                .filter(|entry| world.holds(filter, entry) == Some(true))
                .map(|entry| entry.dn.clone())
                .collect();
            expected.sort();
            prop_assert_eq!(&found, &expected, "{:?} {:?} {}", base, scope, filter);
            for entry in view.iter() {
                let plain = world.0.iter().find(|e| e.dn == entry.dn()).unwrap();
                prop_assert_eq!(view.matches(entry, filter), world.holds(filter, plain) == Some(true));
            }
        }
    }

    /// RFC 4511 §4.5.1.7: the operators obey the laws of three-valued logic.
    #[test]
    fn laws(entries in entries(), f in filter(), g in filter()) {
        let view = view_of(entries);
        let not = |filter: &Filter| Filter::Not(Box::new(filter.clone()));
        prop_assert_eq!(view.matching(&not(&not(&f))), view.matching(&f));
        let neither = not(&Filter::Or(vec![f.clone(), g.clone()]));
        prop_assert_eq!(view.matching(&neither), view.matching(&Filter::And(vec![not(&f), not(&g)])));
        let not_both = not(&Filter::And(vec![f.clone(), g.clone()]));
        prop_assert_eq!(view.matching(&not_both), view.matching(&Filter::Or(vec![not(&f), not(&g)])));
    }
}
