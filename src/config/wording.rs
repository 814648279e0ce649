//! The keys of `[[application]]` about what it calls attributes and entries.

use super::application::{Known, not_empty};
use super::attributes::DEEPEST;
use super::error::{Fault, Findings};
use super::raw::{RawAddition, RawApplication, RawRename, RawRewrite};
use super::value;
use crate::directory::{Addition, Additions, Bases, OWN_CONTEXT, RenameFault, Renames, Wording};
use crate::ldap::dn::{DistinguishedName, NormalizedDn};
use crate::ldap::schema::{self, Syntax};
use crate::policy::presentation::is_always_shown;

/// `None`: everything is called as in the directories.
pub(super) fn resolve(
    raw: &RawApplication,
    at: &str,
    known: &Known<'_>,
    findings: &mut Findings,
) -> Option<Wording> {
    let mut wording = Wording::default();
    for (index, raw) in raw.rename_attributes.iter().enumerate() {
        let at = format!("{at}.rename_attributes[{index}]");
        rename(raw, &at, &mut wording.renames, findings);
    }
    for (index, raw) in raw.rewrite_bases.iter().enumerate() {
        let at = format!("{at}.rewrite_bases[{index}]");
        rewrite(raw, &at, known, &mut wording.bases, findings);
    }
    for (index, raw) in raw.add_attributes.iter().enumerate() {
        let at = format!("{at}.add_attributes[{index}]");
        add(raw, &at, &mut wording.additions, findings);
    }
    (!wording.is_plain()).then_some(wording)
}

fn rename(raw: &RawRename, at: &str, renames: &mut Renames, findings: &mut Findings) {
    let keys = [("attribute", &raw.attribute), ("to", &raw.to)];
    let [own, shown] = keys.map(|(key, text)| {
        let text = text.as_deref().ok_or_else(|| missing("the name of an attribute"));
        findings.take(&format!("{at}.{key}"), text.and_then(renamable))
    });
    let (Some(own), Some(shown)) = (own, shown) else { return };
    let added = renames.add(&own, &shown).map_err(|fault| match fault {
        RenameFault::Again => ("attribute", format!("{own} has another name already")),
        RenameFault::Taken => ("to", format!("another attribute is called {shown} already")),
        RenameFault::Same => ("to", format!("{own} and {shown} are the same attribute")),
    });
    if let Err((key, reason)) = added {
        findings.problem(format!("{at}.{key}"), reason, "give each attribute one name of its own");
    }
}

fn add(raw: &RawAddition, at: &str, additions: &mut Additions, findings: &mut Findings) {
    let key = format!("{at}.attribute");
    let text = raw.attribute.as_deref().ok_or_else(|| missing("the name of an attribute"));
    let name = findings.take(&key, text.and_then(renamable));
    let addition = addition(raw, at, findings);
    let (Some(name), Some(addition)) = (name, addition) else { return };
    let is_member_of = same_type(&name, "memberOf");
    if is_member_of != (addition == Addition::NestedGroups) {
        let reason = "memberOf can have nested groups, and no other attribute can";
        findings.problem(key, reason, "write attribute = \"memberOf\", nested = true");
    } else if schema_names(&name) && !is_member_of {
        let reason = format!("the values of {name} are names of entries");
        findings.problem(key, reason, "choose an attribute of text");
    } else if !additions.add(&name, addition) {
        findings.problem(key, format!("{name} is in the list already"), "remove one of them");
    }
}

fn addition(raw: &RawAddition, at: &str, findings: &mut Findings) -> Option<Addition> {
    match (raw.values.as_deref(), raw.from_path, raw.nested) {
        (Some(values), None, None) => {
            let key = format!("{at}.values");
            not_empty(values, &key, findings);
            let values = findings.take_each(&key, values, |text| match text.trim() {
                "" => Err(Fault::new("is empty", "write a value")),
                _ => Ok(text.as_str().into()),
            });
            Some(Addition::Constant(values))
        }
        (None, Some(place), None) => {
            let key = format!("{at}.from_path");
            let place = value::bounded_count(findings, &key, Some(place), 1, (1, DEEPEST));
            usize::try_from(place).ok().map(Addition::OrganizationalUnit)
        }
        (None, None, Some(true)) => Some(Addition::NestedGroups),
        _ => {
            let instead = "write values = [\"…\"], from_path = 1, or nested = true";
            findings.problem(at, "does not say in one way where the values come from", instead);
            None
        }
    }
}

fn same_type(one: &str, other: &str) -> bool {
    let name = |name| schema::attribute_type(name).map_or(name, |known| known.name);
    name(one).eq_ignore_ascii_case(name(other))
}

fn schema_names(attribute: &str) -> bool {
    schema::attribute_type(attribute).is_some_and(|known| known.syntax == Syntax::DistinguishedName)
}

fn renamable(text: &str) -> Result<String, Fault> {
    let name = value::attribute_type(text)?;
    if is_always_shown(&name) {
        let reason = format!("{name} is a part of names and searches, and keeps its own");
        return Err(Fault::new(reason, "take it out"));
    }
    Ok(name)
}

fn rewrite(
    raw: &RawRewrite,
    at: &str,
    known: &Known<'_>,
    bases: &mut Bases,
    findings: &mut Findings,
) {
    let keys = [("from", &raw.from), ("to", &raw.to)];
    let [from, to] = keys.map(|(key, text)| {
        let text = text.as_deref().ok_or_else(|| missing("a distinguished name"));
        findings.take(&format!("{at}.{key}"), text.and_then(name))
    });
    let (Some(from), Some(to)) = (from, to) else { return };
    let instead = "choose a place that is apart from every other name";
    let key = format!("{at}.to");
    if let Some(context) = taken(&from, &to, known) {
        let reason = format!("names there could be taken for those of {context:?}");
        findings.problem(key, reason, instead);
    } else if let Err(fault) = bases.add(from, to) {
        findings.problem(key, fault.to_string(), instead);
    }
}

fn name(text: &str) -> Result<DistinguishedName, Fault> {
    value::dn(text)?;
    DistinguishedName::parse(text)
        .map_err(|fault| Fault::new(fault.to_string(), "write a distinguished name"))
}

/// A context of names that a place lies in or around, other than the one that is moved. What a controller names is
/// not known yet; entries that are in the way nevertheless are not shown.
fn taken(from: &DistinguishedName, to: &DistinguishedName, known: &Known<'_>) -> Option<String> {
    let (from, to) = (from.normalized(), to.normalized());
    let configured = known.directories.iter().filter_map(|other| other.upstream.base_dn.as_deref());
    let mut contexts = configured.chain([OWN_CONTEXT]);
    let overlaps = |context: &&str| {
        NormalizedDn::parse(context)
            .is_ok_and(|context| to != from && (to.is_within(&context) || context.is_within(&to)))
    };
    contexts.find(overlaps).map(str::to_owned)
}

fn missing(what: &str) -> Fault {
    Fault::new("is missing", format!("write {what}"))
}
