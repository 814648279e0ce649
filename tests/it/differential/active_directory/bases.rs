//! Where searches start and how far they reach: RFC 4511 §4.5.1.1 and §4.5.1.2, MS-ADTS §3.1.1.3.1.2.4.

use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::identifier::{Guid, Sid};
use ldapgate::ldap::request::SearchScope::{
    self, BaseObject, SingleLevel, SubordinateSubtree, WholeSubtree,
};

use super::super::row::Row;
use super::{DOMAIN, UNIT};

const SCOPES: [(&str, SearchScope); 4] = [
    ("base", BaseObject),
    ("one", SingleLevel),
    ("sub", WholeSubtree),
    ("subordinate", SubordinateSubtree),
];

pub(super) fn rows(entries: &[Entry]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (id, base) in
        BASES.iter().map(|(id, base)| (*id, (*base).to_owned())).chain(identities(entries))
    {
        for (scope_id, scope) in SCOPES {
            // Below the root there is everything.
            let deep = matches!(scope, WholeSubtree | SubordinateSubtree);
            let filter = if base.is_empty() && deep { "(uid=jsmith)" } else { "(objectClass=*)" };
            let id = format!("base-{id}-{scope_id}");
            rows.push(Row::new(id, &base, filter).scope(scope).ask("objectClass"));
        }
    }
    for (scope_id, scope) in SCOPES {
        let row = Row::new(
            format!("base-domain-{scope_id}"),
            DOMAIN,
            "(objectCategory=organizationalUnit)",
        );
        rows.push(row.scope(scope));
        let row =
            Row::new(format!("base-domain-domain-{scope_id}"), DOMAIN, "(objectClass=domainDNS)");
        rows.push(row.scope(scope));
    }
    for size in [1, 7, 1000] {
        rows.push(
            Row::new(format!("pages-of-{size}"), UNIT, "(objectClass=user)")
                .ask("cn")
                .pages_of(size),
        );
    }
    for size in [1, 2, 5, 40] {
        let paged = |id: &str, base, filter: &str, ask: &str| {
            Row::new(format!("pages-{id}-{size}"), base, filter).ask(ask).pages_of(size)
        };
        rows.push(paged("all", UNIT, "(objectClass=*)", "*"));
        rows.push(paged("names", UNIT, "(cn=*)", "1.1"));
        rows.push(paged("none", UNIT, "(cn=nobody)", "cn"));
        rows.push(
            paged("one-level", DOMAIN, "(objectClass=organizationalUnit)", "ou").scope(SingleLevel),
        );
        rows.push(paged("base", UNIT, "(objectClass=*)", "ou").scope(BaseObject));
    }
    rows.push(Row::new("base-no-match", UNIT, "(cn=nobody)").scope(BaseObject));
    rows
}

const BASES: &[(&str, &str)] = &[
    ("root", ""),
    ("unit", UNIT),
    ("other-case", "ou=DIFFERENTIAL,dc=Corp,dc=TEST"),
    ("blanks", "OU = Differential , DC = corp , DC = test"),
    ("blanks-around", "  OU=Differential,DC=corp,DC=test  "),
    ("quoted", "OU=\"Differential\",DC=corp,DC=test"),
    ("semicolons", "OU=Differential;DC=corp;DC=test"),
    ("type-number", "2.5.4.11=Differential,DC=corp,DC=test"),
    ("type-alias", "organizationalUnitName=Differential,DC=corp,DC=test"),
    ("escaped-digits", "OU=Differentia\\6c,DC=corp,DC=test"),
    ("leaf", "CN=John Smith,OU=Values,OU=Differential,DC=corp,DC=test"),
    ("leaf-comma", "CN=Comma\\, Inc.,OU=Names,OU=Differential,DC=corp,DC=test"),
    ("leaf-comma-digits", "cn=comma\\2c inc.,ou=names,ou=differential,dc=corp,dc=test"),
    ("leaf-umlaut", "CN=ANNA MÜLLER,OU=Names,OU=Differential,DC=corp,DC=test"),
    ("leaf-umlaut-decomposed", "CN=Anna Mu\u{308}ller,OU=Names,OU=Differential,DC=corp,DC=test"),
    ("leaf-leading", "CN=\\20Leading,OU=Names,OU=Differential,DC=corp,DC=test"),
    ("leaf-leading-unescaped", "CN= Leading,OU=Names,OU=Differential,DC=corp,DC=test"),
    ("leaf-backslash", "CN=Back\\\\Slash,OU=Names,OU=Differential,DC=corp,DC=test"),
    ("leaf-quotes", "CN=\\\"Quoted\\\" Name,OU=Names,OU=Differential,DC=corp,DC=test"),
    ("leaf-hash", "CN=\\#Hash,OU=Names,OU=Differential,DC=corp,DC=test"),
    ("leaf-two-blanks", "CN=Two Blanks,OU=Names,OU=Differential,DC=corp,DC=test"),
    ("container", "CN=Box,OU=Deep,OU=Differential,DC=corp,DC=test"),
    ("empty-unit", "OU=Empty,OU=Differential,DC=corp,DC=test"),
    ("deep", "OU=Deepest,OU=Deeper,OU=Deep,OU=Differential,DC=corp,DC=test"),
    (
        "deep-escaped",
        "OU=Fa\\,r \\+ \\\"Down\\\",OU=Deepest,OU=Deeper,OU=Deep,OU=Differential,DC=corp,DC=test",
    ),
    ("renamed", "OU=After Renaming,OU=Differential,DC=corp,DC=test"),
    ("renamed-old", "OU=Before,OU=Differential,DC=corp,DC=test"),
    ("renamed-old-below", "CN=Moved,OU=Before,OU=Differential,DC=corp,DC=test"),
    ("missing", "CN=Nobody,OU=Values,OU=Differential,DC=corp,DC=test"),
    ("missing-below-leaf", "CN=Nobody,CN=John Smith,OU=Values,OU=Differential,DC=corp,DC=test"),
    ("missing-two", "CN=Nobody,OU=Nowhere,OU=Differential,DC=corp,DC=test"),
    ("missing-unit", "OU=Nowhere,DC=corp,DC=test"),
    ("missing-domain", "DC=nowhere,DC=example"),
    ("missing-above", "DC=test"),
    ("syntax", "not a name"),
    ("syntax-comma", "OU=Differential,,DC=corp,DC=test"),
    ("syntax-type", "=Differential,DC=corp,DC=test"),
    ("guid-unknown", "<GUID=00000000-0000-0000-0000-00000000002a>"),
    ("sid-unknown", "<SID=S-1-5-21-1-2-3-4>"),
    ("identity-broken", "<GUID=nonsense>"),
    ("identity-kind", "<NAME=jsmith>"),
    ("identity-open", "<GUID=00000000-0000-0000-0000-00000000002a"),
    ("identity-none", "<GUID>"),
    ("sid-broken", "<SID=S-2>"),
    ("well-known-alone", "<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd>"),
    ("well-known-short", "<WKGUID=a9d1,DC=corp,DC=test>"),
    ("well-known-no-name", "<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,corp>"),
    ("well-known-missing", "<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,DC=nowhere>"),
    ("well-known-users", "<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,DC=corp,DC=test>"),
    ("well-known-case", "<wkguid=A9D1CA15768811D1ADED00C04FD8D5CD,dc=corp,dc=test>"),
    ("well-known-computers", "<WKGUID=aa312825768811d1aded00c04fd8d5cd,DC=corp,DC=test>"),
    ("well-known-unknown", "<WKGUID=00000000000000000000000000000000,DC=corp,DC=test>"),
    (
        "well-known-elsewhere",
        "<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,OU=Differential,DC=corp,DC=test>",
    ),
];

fn identities(entries: &[Entry]) -> Vec<(&'static str, String)> {
    let unit = entries.iter().find(|entry| entry.dn == UNIT).unwrap();
    let john = entries.iter().find(|entry| entry.dn.starts_with("CN=John Smith,")).unwrap();
    let hexadecimal =
        |octets: &[u8]| -> String { octets.iter().map(|octet| format!("{octet:02x}")).collect() };
    let (guid, sid) = (john.first("objectGUID").unwrap(), john.first("objectSid").unwrap());
    let of_unit = unit.first("objectGUID").unwrap();
    let guid_text = Guid::from_ad_octets(guid).unwrap().to_string();
    let sid_text = Sid::from_octets(sid).unwrap().to_string();
    vec![
        ("guid-unit", format!("<GUID={}>", Guid::from_ad_octets(of_unit).unwrap())),
        ("guid", format!("<GUID={guid_text}>")),
        ("guid-case", format!("<guid={}>", guid_text.to_uppercase())),
        ("guid-octets", format!("<GUID={}>", hexadecimal(guid))),
        ("sid", format!("<SID={sid_text}>")),
        ("sid-octets", format!("<SID={}>", hexadecimal(sid))),
    ]
}
