//! The rows in which the gate differs from Samba on purpose, and what it answers instead.
//!
//! Where Samba is not as MS-ADTS or the RFCs have it, the gate follows those.

use super::super::row::{Renamed, Row};
use super::UNIT;

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
        .chain(AT.iter().map(|(id, why, _)| (*id, *why)))
        .chain(GENERATED.iter().map(|(id, why, _)| (*id, *why)))
        .collect()
}

fn mark(row: Row) -> Row {
    let id = row.id.clone();
    if let Some((_, why, entries)) = FINDS.iter().find(|(known, ..)| *known == id) {
        return row.finds(why, entries);
    }
    if let Some((_, why, filter)) = LIKE.iter().find(|(known, ..)| *known == id) {
        return row.like(why, filter);
    }
    if let Some((_, why, code)) = REFUSED.iter().find(|(known, ..)| *known == id) {
        return row.refuses(why, *code);
    }
    let other = |(known, why): &&(&str, &str)| {
        id == *known || without_types(&id) == *known && *why != CANONICAL
    };
    if let Some((_, why)) = OTHER_VALUES.iter().find(other) {
        return row.other_values(why);
    }
    if let Some((_, why, asked, renamed)) =
        ASKED.iter().find(|(known, ..)| without_types(&id) == *known)
    {
        return row.like_asked(why, asked, renamed);
    }
    if let Some((_, why, base)) = AT.iter().find(|(known, ..)| id.starts_with(known)) {
        return row.like_at(why, base);
    }
    let generated = id.strip_prefix("generated-").and_then(|rest| rest.rsplit_once('-'));
    let Some((made_of, _)) = generated else { return row };
    match GENERATED.iter().find(|(known, ..)| made_of == *known) {
        Some((_, why, filter)) => row.like(why, filter),
        None => row,
    }
}

fn without_types(id: &str) -> &str {
    id.strip_suffix("-types").unwrap_or(id)
}

/// Here the types alone do not differ.
const CANONICAL: &str = "canonical-name";

const JOHN: &[&str] = &["CN=John Smith"];
const REPORTS: &[&str] = &["CN=Deep One", "CN=Johnny Smithers", "CN=Moved"];
const VALUES: &[&str] = &[
    "CN=Alice Alistair",
    "CN=Inge Person",
    "CN=John Smith",
    "CN=Johnny Smithers",
    "CN=Salima",
    "CN=Smith Johnson",
    "OU=Values",
];

/// Row, reason, entries.
const FINDS: &[(&str, &str, &[&str])] = &[
    ("unknown-not", "unknown-attribute", &[]),
    ("unknown-not-present", "unknown-attribute", &[]),
    ("unknown-or-not", "unknown-attribute", JOHN),
    ("unknown-and-not", "unknown-attribute", &[]),
    ("unknown-not-or", "unknown-attribute", &[]),
    ("base-root-one", "root-base", &["CN=Configuration", "CN=Schema", "DC=corp"]),
    ("base-root-sub", "root-base", JOHN),
    ("base-root-subordinate", "root-base", JOHN),
    ("passwords-asked-not", "unknown-attribute", &[]),
    ("ill-integer-not", "value-of-no-syntax", &[]),
    ("ill-boolean-not", "value-of-no-syntax", &[]),
    ("ill-dn-not", "value-of-no-syntax", &[]),
    ("ill-time", "value-of-no-syntax", &[]),
    ("rule-bits-on-text", "value-of-no-syntax", &[]),
    ("rule-bits-ill-value", "value-of-no-syntax", &[]),
    ("rule-unknown-not", "named-rules", &[]),
    ("rule-case-ignore", "named-rules", JOHN),
    ("rule-case-ignore-number", "named-rules", JOHN),
    ("rule-case-exact-number", "named-rules", JOHN),
    ("bits-by-name", "named-rules", &["CN=Disabled"]),
    ("chain-by-name", "named-rules", &["CN=ring-x", "CN=ring-y", "CN=ring-z"]),
    ("by-number", "attribute-spelling", JOHN),
    ("by-number-of-account", "attribute-spelling", JOHN),
    ("by-other-name", "attribute-spelling", JOHN),
    ("by-other-name-surname", "attribute-spelling", JOHN),
    ("with-binary", "binary-option", JOHN),
    ("dn-attributes-unit", "dn-attributes", VALUES),
    ("dn-attributes-rule", "dn-attributes", VALUES),
    ("order-time-no-fraction", "time-spelling", JOHN),
    ("order-time-equal-no-fraction", "time-spelling", JOHN),
    ("order-time-offset", "time-spelling", JOHN),
    ("order-time-minutes", "time-spelling", JOHN),
    ("category-start", "substrings", &[]),
    ("class-start", "substrings", &[]),
    ("substring-on-integer", "substrings", &[]),
    ("substring-on-large-integer", "substrings", &[]),
    ("substring-on-name", "substrings", &[]),
    ("substring-on-octets", "octets", JOHN),
    ("substring-blank-inside", "blanks-in-substrings", JOHN),
    ("substring-blank-two", "blanks-in-substrings", JOHN),
    ("text-umlaut", "text-preparation", &["CN=Anna Müller", "CN=Anna Mu\u{308}ller-Decomposed"]),
    (
        "text-umlaut-upper",
        "text-preparation",
        &["CN=Anna Müller", "CN=Anna Mu\u{308}ller-Decomposed"],
    ),
    (
        "text-umlaut-decomposed",
        "text-preparation",
        &["CN=Anna Müller", "CN=Anna Mu\u{308}ller-Decomposed"],
    ),
    (
        "text-umlaut-start",
        "text-preparation",
        &["CN=Anna Müller", "CN=Anna Mu\u{308}ller-Decomposed"],
    ),
    ("text-sharp-s-capital", "text-preparation", &["CN=Straße"]),
    ("text-dotted-i-lower", "text-preparation", &["CN=İpek Işık"]),
    ("text-ligature", "text-preparation", &["CN=ﬁnancial ①"]),
    ("text-circled", "text-preparation", &["CN=ﬁnancial ①"]),
    ("text-lines-as-blank", "text-preparation", JOHN),
    ("order-integer-with-zeros", "integer-spelling", JOHN),
    ("order-integer-with-plus", "integer-spelling", &[]),
    ("order-integer-blank", "integer-spelling", &[]),
    ("order-boolean", "ordering", &[]),
    ("order-class", "ordering", &[]),
    ("name-blanks", "name-spelling", REPORTS),
    ("name-type-alias", "name-spelling", REPORTS),
    ("name-type-number", "name-spelling", REPORTS),
    ("member-equals", "name-spelling", &["CN=many"]),
    ("identity-sid-text-lower", "sid-spelling", JOHN),
];

/// Row, reason, the filter to which the directory answers alike.
const LIKE: &[(&str, &str, &str)] = &[
    ("unknown-not-and", "unknown-attribute", "(!(cn=nobody))"),
    ("dn-attributes-domain", "dn-attributes", "(objectClass=*)"),
];

/// Row, reason.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("made-canonical-slash", CANONICAL),
    ("all-users-canonical", CANONICAL),
    ("made-groups-group", "token-groups-of-groups"),
    ("made-control-group", "computed-control-of-groups"),
    ("made-principal-user", "principal-name"),
    ("made-principal-group", "principal-name"),
    ("made-principal-built-in", "principal-name"),
    ("base-root-base", "root-dse"),
    ("made-subordinates", "subordinates-counted"),
    ("made-subordinates-leaf", "subordinates-counted"),
    ("made-entry-dn", "subordinates-counted"),
    ("made-possible", "not-constructed"),
    ("made-key-version", "not-constructed"),
    ("made-expiry", "not-constructed"),
    ("all-plus", "plus"),
    ("range-reversed", "ill-range"),
    ("sort-all-names", "sorted"),
    ("sort-all-names-down", "sorted"),
    ("sort-absent-down", "sorted"),
    ("sort-names-of-entries", "sorted"),
    ("sort-many", "sorted"),
];

/// Row, reason, code.
const REFUSED: &[(&str, &str, u32)] = &[
    ("sort-account-rule-unknown", "sort-keys", 12),
    ("sort-unknown", "sort-keys", 12),
    ("sort-secret", "sort-keys", 12),
];

/// Row, reason, what the directory has to be asked for instead, and under which names it comes.
const ASKED: &[(&str, &str, &str, Renamed)] = &[
    ("ask-alias", "attribute-spelling", "cn sn", &[]),
    (
        "ask-binary",
        "binary-option",
        "userCertificate",
        &[("userCertificate", "userCertificate;binary")],
    ),
    ("ask-binary-text", "binary-option", "cn", &[("cn", "cn;binary")]),
    (
        "ask-binary-and-plain",
        "binary-option",
        "userCertificate",
        &[("userCertificate", "userCertificate;binary")],
    ),
    ("range-case", "attribute-spelling", "member;range=0-0", &[]),
    ("range-ill", "ill-range", "1.1", &[]),
];

/// Start of a row's name, reason, the spelling of its base that the directory reads.
const AT: &[(&str, &str, &str)] = &[
    ("base-blanks-base", "name-spelling", UNIT),
    ("base-blanks-one", "name-spelling", UNIT),
    ("base-blanks-sub", "name-spelling", UNIT),
    ("base-semicolons-", "name-spelling", UNIT),
    ("base-type-number-", "name-spelling", UNIT),
    ("base-type-alias-", "name-spelling", UNIT),
    (
        "base-leaf-umlaut-decomposed-",
        "text-preparation",
        "CN=Anna Müller,OU=Names,OU=Differential,DC=corp,DC=test",
    ),
];

/// Attribute and kind of a generated row, reason, the filter to which the directory answers alike.
const GENERATED: &[(&str, &str, &str)] = &[
    ("audio-initial", "octets", "(audio=*)"),
    ("mS-DS-ConsistencyGuid-initial", "octets", "(mS-DS-ConsistencyGuid=*)"),
    ("mS-DS-ConsistencyGuid-final", "octets", "(mS-DS-ConsistencyGuid=*)"),
    ("mS-DS-ConsistencyGuid-pieces", "octets", "(mS-DS-ConsistencyGuid=*)"),
    ("thumbnailPhoto-initial", "octets", "(thumbnailPhoto=*)"),
    ("thumbnailPhoto-pieces", "octets", "(thumbnailPhoto=*)"),
    (
        "objectCategory-chain",
        "chains",
        "(objectCategory=CN=Person,CN=Schema,CN=Configuration,DC=corp,DC=test)",
    ),
    ("distinguishedName-chain", "chains", "(objectClass=*)"),
    ("assistant-chain", "chains", "(assistant=*)"),
    ("secretary-chain", "chains", "(secretary=*)"),
    ("seeAlso-chain", "chains", "(seeAlso=*)"),
];
