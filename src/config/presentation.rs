//! The keys of `[[application]]` about how it is shown what it is shown.

use std::sync::Arc;

use super::application::{Known, not_empty, scope};
use super::error::{Fault, Findings};
use super::raw::RawApplication;
use super::{filter, value, wording};
use crate::policy::presentation::{
    AttributeSet, DisabledAccounts, Presentation, ShownAttributes, is_always_shown,
};

/// `None`: nothing is shown otherwise than the directories have it.
pub(super) fn resolve(
    raw: &RawApplication,
    at: &str,
    (directories, known): (&[Arc<str>], &Known<'_>),
    findings: &mut Findings,
) -> Option<Arc<Presentation>> {
    let key = |key: &str| format!("{at}.{key}");
    let group_filter = raw.group_filter.as_deref();
    let words = [("shown", DisabledAccounts::Shown), ("hidden", DisabledAccounts::Hidden)];
    let presentation = Presentation {
        attributes: attributes(raw, at, findings),
        visible_bases: scope(
            raw.visible_bases.as_deref(),
            &key("visible_bases"),
            directories,
            findings,
        ),
        group_filter: group_filter
            .and_then(|text| findings.take(&key("group_filter"), filter::filter(text))),
        disabled_accounts: value::word(
            findings,
            &key("disabled_accounts"),
            raw.disabled_accounts.as_deref(),
            &words,
            DisabledAccounts::default(),
        ),
        wording: wording::resolve(raw, at, known, findings),
    };
    presentation.changes_anything().then(|| Arc::new(presentation))
}

fn attributes(raw: &RawApplication, at: &str, findings: &mut Findings) -> ShownAttributes {
    let key = format!("{at}.attributes");
    let shown = raw.attributes.as_deref().map(|texts| names(texts, &key, findings));
    let key = format!("{at}.hidden_attributes");
    let hidden = raw.hidden_attributes.as_deref().map(|texts| names(texts, &key, findings));
    match (shown, hidden) {
        (None, None) => ShownAttributes::All,
        (Some(shown), None) => ShownAttributes::Only(AttributeSet::of(&shown)),
        (None, Some(hidden)) => {
            if let Some(name) = hidden.iter().find(|name| is_always_shown(name)) {
                findings.problem(
                    key,
                    format!("{name} cannot be hidden: searches and the names of entries tell it"),
                    "take it out",
                );
            }
            ShownAttributes::AllBut(AttributeSet::of(&hidden))
        }
        (Some(_), Some(_)) => {
            let instead = "choose one: what is not among attributes is hidden anyhow";
            findings.problem(key, "stands beside attributes", instead);
            ShownAttributes::All
        }
    }
}

/// Attribute types, none of them twice.
fn names(texts: &[String], key: &str, findings: &mut Findings) -> Vec<String> {
    not_empty(texts, key, findings);
    let lower = texts.iter().map(|text| text.to_lowercase());
    findings.duplicates(|index| format!("{key}[{index}]"), lower, "attribute");
    findings.take_each(key, texts, |text| match text.as_str() {
        "*" | "+" => Err(Fault::new(
            format!("{text:?} is no attribute"),
            "name the attributes one by one, or those that are left out under hidden_attributes",
        )),
        text => value::attribute_type(text),
    })
}
