//! Which entries stand above those that were copied and were not copied themselves: containers of unusual
//! classes, which no filter of a pass asks for. Tree browsers walk through them.

use std::cell::LazyCell;
use std::collections::{BTreeMap, HashSet};

use crate::ldap::dn::{DistinguishedName, NormalizedDn};

/// Ancestors that are read in one pass. A directory has few containers that the filter of a pass leaves out;
/// what would be more is not read, and the tree has gaps there.
pub const MOST_ANCESTORS: usize = 1000;

/// The names above `names`, up to the heads of `contexts`, that are not among `names`: each once, spelled as
/// below it, those nearest to a head first, and no more than [`MOST_ANCESTORS`]. Heads themselves are not
/// listed: a pass reads them anyway. Text that is no name is passed over.
pub fn missing<'n>(
    names: &(impl Iterator<Item = &'n str> + Clone),
    contexts: &[NormalizedDn],
) -> Vec<String> {
    let parse = |name: &str| NormalizedDn::parse(name).ok();
    let known = LazyCell::new(|| names.clone().filter_map(parse).collect::<HashSet<_>>());
    let mut found: BTreeMap<(usize, String), String> = BTreeMap::new();
    for (name, normalized) in without_known_parent(names) {
        let enclosing = contexts.iter().filter(|context| normalized.is_within(context));
        let Some(head) = enclosing.max_by_key(|context| context.depth()) else { continue };
        let above = normalized.ancestors().take_while(|ancestor| *ancestor != head.as_str());
        let unknown = |(_, ancestor): &(usize, &str)| !known.contains(*ancestor);
        for (levels, ancestor) in above.enumerate().skip(1).filter(unknown) {
            let key = (normalized.depth() - levels, ancestor.to_owned());
            found.entry(key).or_insert_with(|| spelled(name, levels));
        }
    }
    found.into_values().take(MOST_ANCESTORS).collect()
}

/// The names whose superior, as they spell it, is not among them; one of those with the same superior. What is
/// missing above the others is missing above their superior, too. A directory spells a name in one way, so this
/// is a handful, and the others need not be parsed.
fn without_known_parent<'n>(
    names: &(impl Iterator<Item = &'n str> + Clone),
) -> Vec<(&'n str, NormalizedDn)> {
    let spelled: HashSet<&str> = names.clone().collect();
    let mut seen = HashSet::new();
    let mut open = Vec::new();
    for name in names.clone() {
        let parent = parent(name);
        let is_known = |parent: &str| spelled.contains(parent) || seen.contains(parent);
        if parent.is_some_and(is_known) {
            continue;
        }
        if let Ok(normalized) = NormalizedDn::parse(name) {
            seen.extend(parent);
            open.push((name, normalized));
        }
    }
    open
}

/// What comes after the first RDN (RFC 4514 §2.1); `None` where that takes more than a look.
fn parent(name: &str) -> Option<&str> {
    let mut escaped = false;
    let end = name.bytes().position(|octet| {
        let ends = !escaped && matches!(octet, b',' | b';' | b'"');
        escaped = octet == b'\\' && !escaped;
        ends
    })?;
    let (_, rest) = name.split_at_checked(end)?;
    Some(rest.strip_prefix(',')?.trim_start())
}

/// The name so many levels above, as the name itself spells it.
fn spelled(name: &str, levels: usize) -> String {
    let parsed = DistinguishedName::parse(name).unwrap_or_default();
    let above = parsed.rdns().get(levels..).unwrap_or_default();
    DistinguishedName(above.to_vec()).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dn(text: &str) -> NormalizedDn {
        NormalizedDn::parse(text).unwrap()
    }

    fn above(names: &[&str]) -> Vec<String> {
        let contexts = [dn("DC=corp,DC=example"), dn("CN=Configuration,DC=corp,DC=example")];
        missing(&names.iter().copied(), &contexts)
    }

    #[test]
    fn gaps_are_named_from_the_top() {
        let names = [
            "CN=a,CN=Odd\\, One,OU=Odd,DC=corp,DC=example",
            "CN=b,cn=odd\\2C one, OU=Odd,DC=corp,DC=example",
            "OU=There,DC=corp,DC=example",
            "CN=c,ou=there,DC=corp,DC=example",
            "CN=d,CN=Odd,CN=Configuration,DC=corp,DC=example",
        ];
        assert_eq!(
            above(&names),
            [
                "OU=Odd,DC=corp,DC=example",
                "CN=Odd,CN=Configuration,DC=corp,DC=example",
                "CN=Odd\\, One,OU=Odd,DC=corp,DC=example",
            ]
        );
    }

    /// The heads are read by every pass, and what is elsewhere is not copied.
    #[test]
    fn nothing_is_missing_at_a_head_or_elsewhere() {
        assert_eq!(above(&["CN=a,DC=corp,DC=example", "DC=corp,DC=example"]), [""; 0]);
        assert_eq!(above(&["CN=Partitions,CN=Configuration,DC=corp,DC=example"]), [""; 0]);
        assert_eq!(above(&["CN=a,OU=b,DC=other", "no name", ""]), [""; 0]);
    }

    #[test]
    fn there_is_an_end_to_it() {
        let names: Vec<String> =
            (0..1500).map(|n| format!("CN=x,CN=c{n},DC=corp,DC=example")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(above(&names).len(), MOST_ANCESTORS);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// With the missing names every parent is there, and none was there before.
        #[test]
        fn every_gap_is_filled_once(paths in prop::collection::vec("[abc]{1,5}", 1..12)) {
            let names: Vec<String> = paths
                .iter()
                .map(|path| {
                    let rdns: Vec<String> = path.chars().map(|part| format!("OU={part}")).collect();
                    format!("{},DC=corp,DC=example", rdns.join(","))
                })
                .collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let found = above(&names);
            let mut all: HashSet<NormalizedDn> = names.iter().map(|name| dn(name)).collect();
            for name in &found {
                prop_assert!(all.insert(dn(name)), "{}", name);
            }
            for name in &all {
                let parent = name.parent().unwrap();
                prop_assert!(all.contains(&parent) || parent == dn("DC=corp,DC=example"));
            }
        }
    }
}
