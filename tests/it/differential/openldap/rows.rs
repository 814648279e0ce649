//! Searches written by hand: RFC 4511 §4.5, RFC 4517 §4.2, RFC 4518, RFC 3672, RFC 3673, RFC 4526, RFC 4530.

use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::filter::{Filter, MAX_DEPTH};
use ldapgate::ldap::request::SearchScope::{
    self, BaseObject, SingleLevel, SubordinateSubtree, WholeSubtree,
};

use super::super::row::Row;
use super::{SUFFIX, UNIT};

const SCOPES: [(&str, SearchScope); 4] = [
    ("base", BaseObject),
    ("one", SingleLevel),
    ("sub", WholeSubtree),
    ("subordinate", SubordinateSubtree),
];

pub(super) fn rows(entries: &[Entry]) -> Vec<Row> {
    let mut rows: Vec<Row> =
        FILTERS.iter().map(|(id, filter)| Row::new(*id, UNIT, filter)).collect();
    for (id, base) in BASES {
        for (scope_id, scope) in SCOPES {
            // Below the root there is everything.
            let deep = matches!(scope, WholeSubtree | SubordinateSubtree);
            let filter = if base.is_empty() && deep { "(uid=jsmith)" } else { "(objectClass=*)" };
            let row = Row::new(format!("base-{id}-{scope_id}"), base, filter);
            rows.push(row.scope(scope).ask("objectClass"));
        }
    }
    for (id, base, ask) in SELECTIONS {
        let row = Row::new(*id, base, "(objectClass=*)").scope(BaseObject).ask(ask);
        rows.push(Row { id: format!("{id}-types"), ..row.clone() }.types_only());
        rows.push(row);
    }
    rows.push(Row::new("suffix-people", SUFFIX, "(objectClass=person)").ask("*"));
    rows.push(Row::new("suffix-groups", SUFFIX, "(objectClass=groupOfNames)").ask("*"));
    rows.push(Row::new("unit-all", UNIT, "(objectClass=*)").ask("*"));
    rows.push(Row::new("unit-all-and-more", UNIT, "(objectClass=*)").ask("* +"));
    rows.push(Row::new("pages", UNIT, "(objectClass=person)").ask("cn").pages_of(7));
    rows.extend(large());
    rows.extend(SORTED.iter().map(|(id, filter, keys)| {
        let row = Row::new(*id, UNIT, filter).sorted_by(keys);
        if id.ends_with("-paged") { row.pages_of(3) } else { row }
    }));
    let john = entries.iter().find(|entry| entry.dn.starts_with("uid=jsmith,")).unwrap();
    let uuid = john.text("entryUUID").unwrap();
    rows.push(Row::new("uuid", UNIT, &format!("(entryUUID={uuid})")));
    rows.push(Row::new("uuid-upper", UNIT, &format!("(entryUUID={})", uuid.to_uppercase())));
    rows.push(Row::new("uuid-not", UNIT, &format!("(!(entryUUID={uuid}))")));
    rows
}

/// RFC 2891.
const SORTED: &[(&str, &str, &str)] = &[
    ("sort-uid", "(uid=*)", "uid:caseIgnoreOrderingMatch"),
    ("sort-uid-number", "(uid=*)", "uid:2.5.13.3"),
    ("sort-uid-down", "(uid=*)", "-uid:caseIgnoreOrderingMatch"),
    ("sort-uid-paged", "(uid=*)", "uid:caseIgnoreOrderingMatch"),
    ("sort-integer", "(uidNumber=*)", "uidNumber:integerOrderingMatch"),
    ("sort-integer-own", "(uidNumber=*)", "uidNumber"),
    ("sort-integer-down", "(uidNumber=*)", "-uidNumber"),
    ("sort-time", "(uid=*)", "createTimestamp"),
    ("sort-absent", "(objectClass=*)", "uidNumber"),
    ("sort-absent-down", "(objectClass=*)", "-uidNumber"),
    ("sort-several", "(uid=*)", "uidNumber uid:caseIgnoreOrderingMatch"),
    ("sort-several-down", "(uid=*)", "-gidNumber -uid:caseIgnoreOrderingMatch"),
    ("sort-unknown", "(uid=*)", "noSuchAttribute"),
    ("sort-no-rule", "(uid=*)", "uid"),
    ("sort-rule-unknown", "(uid=*)", "uid:1.2.3.4"),
    ("sort-nothing-found", "(uid=nobody at all)", "uidNumber"),
];

fn large() -> Vec<Row> {
    let clauses: String = (0..400).map(|number| format!("(uid=nobody{number})")).collect();
    let nots = |levels| {
        let inner = Filter::parse("(uid=jsmith)").unwrap();
        (0..levels).fold(inner, |filter, _| Filter::Not(Box::new(filter)))
    };
    vec![
        Row::new("hundreds-of-clauses", UNIT, &format!("(|{clauses}(uid=jsmith))")),
        Row::of("as-deep-as-it-goes", UNIT, nots(MAX_DEPTH)),
        Row::of("almost-as-deep", UNIT, nots(MAX_DEPTH - 1)),
        Row::new("suffix-everything", SUFFIX, "(objectClass=*)").ask("* +"),
    ]
}

const FILTERS: &[(&str, &str)] = &[
    // RFC 4526
    ("and-of-nothing", "(&)"),
    ("or-of-nothing", "(|)"),
    ("not-or-of-nothing", "(!(|))"),
    // RFC 4511 §4.5.1.7
    ("absent", "(employeeNumber=nobody)"),
    ("absent-not", "(!(employeeNumber=17))"),
    ("absent-not-present", "(!(employeeNumber=*))"),
    ("unknown", "(noSuchAttribute=x)"),
    ("unknown-not", "(!(noSuchAttribute=x))"),
    ("unknown-not-present", "(!(noSuchAttribute=*))"),
    ("unknown-or", "(|(noSuchAttribute=x)(uid=jsmith))"),
    ("unknown-and-not", "(&(!(noSuchAttribute=x))(uid=jsmith))"),
    ("unknown-not-and", "(!(&(noSuchAttribute=x)(uid=nobody)))"),
    ("ill-integer", "(uidNumber=abc)"),
    ("ill-integer-not", "(!(uidNumber=abc))"),
    ("ill-name", "(member=no name)"),
    ("ill-name-not", "(!(member=no name))"),
    ("ill-time", "(createTimestamp>=yesterday)"),
    ("ill-time-not", "(!(createTimestamp>=yesterday))"),
    ("ill-class", "(objectClass=noSuchClass)"),
    ("ill-class-not", "(!(objectClass=noSuchClass))"),
    ("empty-value", "(description=)"),
    ("de-morgan", "(|(!(objectClass=person))(!(sn=Smith)))"),
    ("login", "(&(objectClass=inetOrgPerson)(uid=jsmith))"),
    ("login-two-ways", "(&(objectClass=person)(|(uid=ali)(mail=ali)))"),
    ("secret", "(userPassword=*)"),
    // RFC 4512 §2.5: names of attributes and classes
    ("by-number", "(2.5.4.3=John Smith)"),
    ("by-alias", "(commonName=John Smith)"),
    ("by-alias-mail", "(rfc822Mailbox=john.smith@example.org)"),
    ("by-alias-uid", "(userid=jsmith)"),
    ("with-option", "(cn;lang-en=John Smith)"),
    ("supertype", "(name=John Smith)"),
    (
        "supertype-of-names",
        "(distinguishedName=uid=jsmith,ou=values,ou=differential,dc=example,dc=org)",
    ),
    ("class-top", "(objectClass=top)"),
    ("class-person", "(objectClass=person)"),
    ("class-organizational", "(objectClass=organizationalPerson)"),
    ("class-inet", "(objectClass=inetOrgPerson)"),
    ("class-number", "(objectClass=2.5.6.6)"),
    ("class-upper", "(objectClass=POSIXACCOUNT)"),
    ("class-not", "(!(objectClass=person))"),
    ("class-structural", "(structuralObjectClass=inetOrgPerson)"),
    ("class-structural-above", "(structuralObjectClass=person)"),
    // RFC 4518
    ("text-case", "(cn=JOHN SMITH)"),
    ("text-blanks", "(cn=  John   Smith )"),
    ("text-two-blanks", "(cn=Two Blanks)"),
    ("text-leading", "(cn=Leading)"),
    ("text-padded", "(description=padded inside)"),
    ("text-umlaut", "(sn=MÜLLER)"),
    ("text-umlaut-decomposed", "(sn=mu\u{308}ller)"),
    ("text-umlaut-stripped", "(sn=muller)"),
    ("text-umlaut-start", "(sn=mü*)"),
    ("text-sharp-s", "(cn=STRAßE)"),
    ("text-sharp-s-capital", "(cn=STRAẞE)"),
    ("text-sharp-s-as-ss", "(cn=STRASSE)"),
    ("text-cyrillic", "(cn=ИВАН ИВАНОВ)"),
    ("text-cyrillic-any", "(cn=*ВАН*)"),
    ("text-sigma", "(sn=σίσυφος)"),
    ("text-sigma-other", "(sn=σίσυφοσ)"),
    ("text-dotted-i", "(givenName=i\u{307}pek)"),
    ("text-dotted-i-plain", "(givenName=ipek)"),
    ("text-dotless-i", "(sn=IŞIK)"),
    ("text-ligature", "(givenName=fin)"),
    ("text-circled", "(sn=1)"),
    ("text-han", "(cn=张*)"),
    ("text-emoji", "(cn=*😀)"),
    ("text-accent", "(cn=élodie)"),
    ("text-star", "(cn=star \\2a name)"),
    ("text-not-utf8", "(cn=\\ff)"),
    ("text-soft-hyphen", "(cn=Jo\u{ad}hn Smith)"),
    ("text-no-break-space", "(cn=John\u{a0}Smith)"),
    ("exact-same", "(homeDirectory=/home/JSmith)"),
    ("exact-other", "(homeDirectory=/home/jsmith)"),
    ("exact-start", "(loginShell=/bin/b*)"),
    ("exact-member-uid", "(memberUid=JSMITH)"),
    ("ignore-gecos", "(gecos=JOHN SMITH)"),
    ("phone-blanks", "(telephoneNumber=+442079460000)"),
    ("phone-hyphens", "(telephoneNumber=+44 207 946-0000)"),
    ("phone-part", "(telephoneNumber=*7946*)"),
    ("phone-part-unblanked", "(telephoneNumber=+4420*)"),
    ("phone-mobile", "(mobile=+447700900001)"),
    ("list-address", "(postalAddress=1 test street$london)"),
    // Substrings
    ("substring-initial", "(cn=joh*)"),
    ("substring-final", "(cn=*SMITH)"),
    ("substring-any", "(cn=*hn sm*)"),
    ("substring-all", "(cn=j*n*m*th)"),
    ("substring-order", "(cn=*smith*john*)"),
    ("substring-blank", "(cn=john *)"),
    ("substring-blank-first", "(cn=* smith)"),
    ("substring-integer", "(uidNumber=1*)"),
    ("substring-name", "(member=uid=j*)"),
    ("substring-class", "(objectClass=inet*)"),
    ("substring-octets", "(jpegPhoto=\\ff*)"),
    ("substring-mail", "(mail=*@EXAMPLE.org)"),
    // Ordering
    ("order-integer", "(uidNumber>=10001)"),
    ("order-integer-most", "(uidNumber<=9)"),
    ("order-integer-zeros", "(uidNumber=009)"),
    ("order-time", "(createTimestamp>=20000101000000Z)"),
    ("order-time-fraction", "(createTimestamp>=20000101000000.0Z)"),
    ("order-time-most", "(createTimestamp<=20000101000000Z)"),
    ("order-text", "(cn>=s)"),
    ("order-uid", "(uid>=j)"),
    ("order-number-text", "(employeeNumber>=10)"),
    ("order-name", "(member>=uid=a)"),
    // Approximate and extensible matches
    ("approx", "(cn~=john smith)"),
    ("rule-ignore", "(cn:caseIgnoreMatch:=JOHN SMITH)"),
    ("rule-ignore-number", "(cn:2.5.13.2:=JOHN SMITH)"),
    ("rule-exact", "(cn:caseExactMatch:=John Smith)"),
    ("rule-exact-other", "(cn:caseExactMatch:=JOHN SMITH)"),
    ("rule-none", "(cn:=john smith)"),
    ("rule-unknown", "(cn:1.2.3.4:=x)"),
    ("rule-unknown-not", "(!(cn:1.2.3.4:=x))"),
    ("rule-other-kind", "(cn:integerMatch:=1)"),
    ("rule-bits", "(uidNumber:1.2.840.113556.1.4.803:=1)"),
    ("rule-bits-any", "(uidNumber:1.2.840.113556.1.4.804:=6)"),
    ("rule-bits-name", "(uidNumber:integerBitAndMatch:=1)"),
    ("rule-dn", "(ou:dn:=values)"),
    ("rule-dn-rule", "(ou:dn:caseIgnoreMatch:=VALUES)"),
    ("rule-dn-two", "(sn:dn:=parts)"),
    ("rule-dn-exact", "(ou:dn:caseExactMatch:=VALUES)"),
    // Names: RFC 4517 §4.2.15
    ("name", "(manager=uid=jsmith,ou=values,ou=differential,dc=example,dc=org)"),
    ("name-case", "(manager=UID=JSMITH, OU=Values,ou=differential,dc=example,dc=org)"),
    ("name-alias", "(manager=userid=jsmith,ou=values,ou=differential,dc=example,dc=org)"),
    ("name-escaped", "(secretary=cn=comma\\5c2c inc.,ou=names,ou=differential,dc=example,dc=org)"),
    ("name-two-parts", "(member=sn=parts+cn=two,ou=names,ou=differential,dc=example,dc=org)"),
    ("name-leading", "(member=cn=\\5c20Leading,ou=names,ou=differential,dc=example,dc=org)"),
    ("name-member-of", "(memberOf=cn=chain-a,ou=circles,ou=differential,dc=example,dc=org)"),
    ("name-unique", "(uniqueMember=uid=jsmith,ou=values,ou=differential,dc=example,dc=org)"),
    ("name-entry", "(entryDN=uid=jsmith,ou=values,ou=differential,dc=example,dc=org)"),
    ("name-entry-case", "(entryDN=UID=jsmith,OU=values,ou=differential,dc=example,dc=org)"),
    (
        "chain",
        "(member:1.2.840.113556.1.4.1941:=uid=jsmith,ou=values,ou=differential,dc=example,dc=org)",
    ),
    ("subordinates", "(hasSubordinates=TRUE)"),
    ("subordinates-none", "(&(objectClass=organizationalUnit)(hasSubordinates=FALSE))"),
];

const JOHN: &str = "uid=jsmith,ou=values,ou=differential,dc=example,dc=org";

const BASES: &[(&str, &str)] = &[
    ("root", ""),
    ("suffix", SUFFIX),
    ("unit", UNIT),
    ("other-case", "OU=DIFFERENTIAL,DC=Example,DC=ORG"),
    ("blanks", "ou = differential , dc = example , dc = org"),
    ("alias", "organizationalUnitName=differential,dc=example,dc=org"),
    ("number", "2.5.4.11=differential,dc=example,dc=org"),
    ("leaf", "cn=Comma\\, Inc.,ou=names,ou=differential,dc=example,dc=org"),
    ("leaf-digits", "cn=comma\\2c inc.,ou=names,ou=differential,dc=example,dc=org"),
    ("leaf-umlaut", "cn=ANNA MÜLLER,ou=names,ou=differential,dc=example,dc=org"),
    ("leaf-decomposed", "cn=anna mu\u{308}ller,ou=names,ou=differential,dc=example,dc=org"),
    ("two-parts", "sn=parts+cn=two,ou=names,ou=differential,dc=example,dc=org"),
    ("person-with-entry", JOHN),
    ("below-person", "cn=below,uid=jsmith,ou=values,ou=differential,dc=example,dc=org"),
    ("deep", "ou=deepest,ou=deeper,ou=deep,ou=differential,dc=example,dc=org"),
    ("empty", "ou=empty,ou=differential,dc=example,dc=org"),
    ("missing", "uid=nobody,ou=values,ou=differential,dc=example,dc=org"),
    ("missing-below-leaf", "cn=x,uid=jsmith,ou=values,ou=differential,dc=example,dc=org"),
    ("missing-two", "uid=nobody,ou=nowhere,ou=differential,dc=example,dc=org"),
    ("missing-suffix", "dc=nowhere,dc=example"),
    ("missing-above", "dc=org"),
    ("syntax", "no name"),
    ("syntax-comma", "ou=differential,,dc=example,dc=org"),
];

const SELECTIONS: &[(&str, &str, &str)] = &[
    ("ask-default", JOHN, ""),
    ("ask-all", JOHN, "*"),
    ("ask-plus", JOHN, "+"),
    ("ask-everything", JOHN, "* +"),
    ("ask-none", JOHN, "1.1"),
    ("ask-none-and-one", JOHN, "1.1 cn"),
    ("ask-case", JOHN, "CN MAIL UIDNUMBER"),
    ("ask-number", JOHN, "2.5.4.3"),
    ("ask-alias", JOHN, "commonName surname"),
    ("ask-unknown", JOHN, "noSuchAttribute cn"),
    ("ask-twice", JOHN, "cn CN"),
    ("ask-all-and-one", JOHN, "* entryUUID"),
    ("ask-class", JOHN, "@posixAccount"),
    ("ask-option", JOHN, "cn;lang-en"),
    ("ask-binary", JOHN, "jpegPhoto;binary"),
    ("ask-supertype", JOHN, "name"),
    ("ask-secret", "uid=anna,ou=people,dc=example,dc=org", "userPassword cn"),
    ("ask-made", JOHN, "entryDN hasSubordinates structuralObjectClass"),
    (
        "ask-made-leaf",
        "ou=empty,ou=differential,dc=example,dc=org",
        "hasSubordinates numSubordinates",
    ),
    ("ask-times", JOHN, "createTimestamp creatorsName entryCSN"),
    ("ask-member-of", JOHN, "memberOf"),
    ("ask-member-of-all", JOHN, "* memberOf"),
    ("ask-group", "cn=chain-a,ou=circles,ou=differential,dc=example,dc=org", "*"),
    ("ask-group-more", "cn=chain-a,ou=circles,ou=differential,dc=example,dc=org", "+"),
    ("ask-ad", JOHN, "objectGUID sAMAccountName distinguishedName cn"),
    ("ask-range", "cn=many,ou=circles,ou=differential,dc=example,dc=org", "member;range=0-1"),
];
