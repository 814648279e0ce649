//! The rows in which the gate differs from slapd on purpose, and what it answers instead.

use super::super::row::{Renamed, Row};

/// The rows with their differences.
pub(super) fn marked(rows: Vec<Row>) -> Vec<Row> {
    let is_row = |id: &str| rows.iter().any(|row| row.id.contains(id));
    let strays: Vec<&str> =
        known().into_iter().map(|(id, _)| id).filter(|id| !is_row(id)).collect();
    assert!(strays.is_empty(), "no rows are called {strays:?}");
    rows.into_iter().map(mark).collect()
}

/// Every row that is named here, by its name or the start or middle of it, with the reason.
pub(super) fn known() -> Vec<(&'static str, &'static str)> {
    FINDS
        .iter()
        .map(|(id, why, _)| (*id, *why))
        .chain(LIKE.iter().map(|(id, why, _)| (*id, *why)))
        .chain(OTHER_VALUES.iter().map(|(id, why)| (*id, *why)))
        .chain(REFUSED.iter().map(|(id, why, _)| (*id, *why)))
        .chain(ASKED.iter().map(|(id, why, ..)| (*id, *why)))
        .chain(BEYOND.iter().map(|(id, ..)| (*id, "rules-beyond-schema")))
        .collect()
}

fn mark(row: Row) -> Row {
    let id = row.id.clone();
    let plain = id.strip_suffix("-types").unwrap_or(&id);
    if let Some((_, why, entries)) = FINDS.iter().find(|(known, ..)| *known == id) {
        return row.finds(why, entries);
    }
    if let Some((_, why, filter)) = LIKE.iter().find(|(known, ..)| *known == id) {
        return row.like(why, filter);
    }
    if let Some((_, why, code)) = REFUSED.iter().find(|(known, ..)| *known == id) {
        return row.refuses(why, *code);
    }
    if let Some((_, why, asked, renamed)) = ASKED.iter().find(|(known, ..)| *known == plain) {
        return row.like_asked(why, asked, renamed);
    }
    if let Some((_, why)) = OTHER_VALUES.iter().find(|(known, _)| *known == plain) {
        return row.other_values(why);
    }
    if SAME.contains(&id.as_str()) {
        return row;
    }
    let generated = id.strip_prefix("generated-").and_then(|rest| rest.split_once('-'));
    let Some((attribute, kind)) = generated else { return row };
    let kind = kind.rsplit_once('-').map_or(kind, |(kind, _)| kind);
    match BEYOND.iter().find(|(known, kinds, _)| *known == attribute && kinds.contains(&kind)) {
        // slapd has no rule for it and so finds nothing, nor anything that it is not.
        Some((.., has)) if kind == "unequal" => row.like("rules-beyond-schema", &not(has)),
        Some((.., has)) => row.like("rules-beyond-schema", has),
        None => row,
    }
}

fn not(filter: &str) -> String {
    format!("(!{filter})")
}

const JOHN: &[&str] = &["uid=jsmith"];

/// Row, reason, entries.
const FINDS: &[(&str, &str, &[&str])] = &[
    ("supertype", "supertypes", &[]),
    ("supertype-of-names", "supertypes", &[]),
    ("class-structural-above", "supertypes", &[]),
    ("text-sharp-s-capital", "text-preparation", &["cn=Straße"]),
    ("text-sigma", "text-preparation", &["cn=Σίσυφος"]),
    ("text-dotted-i", "text-preparation", &["cn=İpek Işık"]),
    ("text-dotted-i-plain", "text-preparation", &[]),
    ("text-soft-hyphen", "text-preparation", JOHN),
    ("order-integer-zeros", "integer-spelling", &["uid=sjohnson"]),
    (
        "order-uid",
        "rules-beyond-schema",
        &["uid=jsmith", "uid=jsmithers", "uid=moved", "uid=sjohnson"],
    ),
    (
        "order-text",
        "rules-beyond-schema",
        &[
            "cn=Semi\\3B Colon",
            "cn=Smile 😀",
            "cn=Star * Name",
            "cn=Strasse",
            "cn=Straße",
            "cn=Trailing\\20",
            "cn=Two  Blanks",
            "cn=Two+sn=Parts",
            "cn=unique",
            "cn=Élodie",
            "cn=Σίσυφος",
            "cn=Иван Иванов",
            "cn=张 伟",
            "uid=jsmithers",
            "uid=sjohnson",
        ],
    ),
    ("order-number-text", "rules-beyond-schema", &["uid=jsmithers", "uid=sjohnson"]),
    ("exact-start", "rules-beyond-schema", &["uid=sjohnson"]),
    ("substring-octets", "rules-beyond-schema", JOHN),
    ("subordinates", "filters-on-constructed", &[]),
    ("subordinates-none", "filters-on-constructed", &[]),
    ("base-root-one", "root-base", &["cn=ldapgate", "dc=example"]),
    ("base-root-sub", "root-base", JOHN),
    ("base-root-subordinate", "root-base", JOHN),
    (
        "sort-no-rule",
        "rules-beyond-schema",
        &["uid=alistair", "uid=jsmith", "uid=jsmithers", "uid=moved", "uid=sjohnson"],
    ),
    ("generated-homeDirectory-any-1209", "rules-beyond-schema", &["uid=sjohnson"]),
    ("generated-homeDirectory-any-8be1", "rules-beyond-schema", JOHN),
];

/// Row, reason, the filter to which the directory answers alike.
const LIKE: &[(&str, &str, &str)] =
    &[("ill-class-not", "unknown-class", "(objectClass=*)"), ("chain", "named-rules", CHAIN)];

const CHAIN: &str = "(&(objectClass=groupOfNames)(|(cn=chain-a)(cn=chain-b)(cn=chain-c)))";

/// Row, reason, code.
const REFUSED: &[(&str, &str, u32)] =
    &[("sort-unknown", "sort-keys", 12), ("sort-rule-unknown", "sort-keys", 12)];

/// Row, reason, what the directory has to be asked for instead, and under which names it comes.
const ASKED: &[(&str, &str, &str, Renamed)] = &[
    ("ask-class", "object-class-selection", "1.1", &[]),
    ("ask-supertype", "supertypes", "1.1", &[]),
    ("ask-binary", "binary-option", "jpegPhoto", &[("jpegPhoto", "jpegPhoto;binary")]),
];

/// Row, reason.
const OTHER_VALUES: &[(&str, &str)] =
    &[("ask-range", "ranges"), ("ask-made-leaf", "subordinates-counted")];

/// Generated rows in which what slapd has no rule for makes no difference.
const SAME: &[&str] = &["generated-jpegPhoto-unequal-45fd"];

/// Attribute and kinds of generated rows for which slapd's schema has no rule; who has a value that matches.
const BEYOND: &[(&str, &[&str], &str)] = &[
    ("facsimileTelephoneNumber", EVERY_RULE, "(uid=jsmith)"),
    ("jpegPhoto", EVERY_RULE, "(uid=jsmith)"),
    ("homeDirectory", PIECES, "(homeDirectory=*)"),
    ("loginShell", PIECES, "(loginShell=*)"),
    ("labeledURI", PIECES, "(uid=jsmith)"),
    ("shadowExpire", ORDER, "(uid=jsmith)"),
    ("shadowMax", ORDER, "(uid=jsmith)"),
];

const EVERY_RULE: &[&str] = &[
    "equal",
    "unequal",
    "other-case",
    "approx",
    "rule-less",
    "dn-attributes",
    "initial",
    "any",
    "final",
    "pieces",
];
const PIECES: &[&str] = &["initial", "any", "final", "pieces"];
const ORDER: &[&str] = &["at-least", "at-most"];
