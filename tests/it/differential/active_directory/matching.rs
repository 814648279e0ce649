//! How values match: RFC 4517 §4.2, RFC 4518, MS-ADTS §3.1.1.2.2.4 and §3.1.1.3.4.4.

use ldapgate::ldap::attribute::AttributeDescription;
use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::filter::Filter;
use ldapgate::ldap::identifier::{Guid, Sid};

use super::super::row::Row;
use super::UNIT;

pub(super) fn rows(entries: &[Entry]) -> Vec<Row> {
    let mut rows: Vec<Row> =
        FILTERS.iter().map(|(id, filter)| Row::new(*id, UNIT, filter)).collect();
    rows.extend(identities(entries));
    rows
}

const FILTERS: &[(&str, &str)] = &[
    // Text: RFC 4518 §2.
    ("text-case", "(cn=JOHN SMITH)"),
    ("text-blanks-outside", "(cn=  John Smith  )"),
    ("text-blanks-inside", "(cn=John   Smith)"),
    ("text-two-blanks-stored", "(cn=Two Blanks)"),
    ("text-two-blanks-asked", "(cn=Two  Blanks)"),
    ("text-leading-stored", "(cn=Leading)"),
    ("text-leading-asked", "(cn= Leading)"),
    ("text-trailing-stored", "(cn=Trailing)"),
    ("text-padded", "(description=padded inside)"),
    ("text-umlaut", "(sn=müller)"),
    ("text-umlaut-upper", "(sn=MÜLLER)"),
    ("text-umlaut-decomposed", "(sn=Mu\u{308}ller)"),
    ("text-umlaut-stripped", "(sn=Muller)"),
    ("text-umlaut-start", "(sn=MÜ*)"),
    ("text-accent", "(cn=élodie êtoile)"),
    ("text-accent-stripped", "(cn=Elodie Etoile)"),
    ("text-sharp-s", "(cn=straße)"),
    ("text-sharp-s-capital", "(cn=STRAẞE)"),
    ("text-sharp-s-as-ss", "(cn=STRASSE)"),
    ("text-cyrillic", "(cn=иван иванов)"),
    ("text-cyrillic-upper", "(cn=ИВАН ИВАНОВ)"),
    ("text-cyrillic-any", "(cn=*ИВАН*)"),
    ("text-sigma", "(sn=σίσυφος)"),
    ("text-sigma-final", "(sn=σίσυφοσ)"),
    ("text-dotted-i", "(givenName=İpek)"),
    ("text-dotted-i-lower", "(givenName=i\u{307}pek)"),
    ("text-dotted-i-plain", "(givenName=ipek)"),
    ("text-dotless-i", "(sn=ışık)"),
    ("text-dotless-i-upper", "(sn=IŞIK)"),
    ("text-ligature", "(givenName=fin)"),
    ("text-ligature-same", "(givenName=ﬁn)"),
    ("text-circled", "(sn=1)"),
    ("text-han", "(cn=张 伟)"),
    ("text-han-start", "(cn=张*)"),
    ("text-emoji", "(cn=smile 😀 face)"),
    ("text-emoji-any", "(cn=*😀*)"),
    ("text-not-utf8", "(cn=\\ff\\fe)"),
    ("text-nul", "(cn=John\\00Smith)"),
    ("text-comma", "(cn=comma, inc.)"),
    ("text-plus", "(cn=plus + minus)"),
    ("text-quotes", "(cn=\"quoted\" name)"),
    ("text-backslash", "(cn=back\\5cslash)"),
    ("text-parentheses", "(cn=\\28paren\\29 theses)"),
    ("text-star", "(cn=star \\2a name)"),
    ("text-star-any", "(cn=*\\2a*)"),
    ("text-hash", "(cn=#hash)"),
    ("text-slash", "(cn=slash/name)"),
    ("text-lines", "(info=line one\\0d\\0aline two)"),
    ("text-lines-as-blank", "(info=line one line two)"),
    // Case counts: unixHomeDirectory, loginShell (IA5 and printable strings).
    ("exact-same", "(unixHomeDirectory=/home/JSmith)"),
    ("exact-other", "(unixHomeDirectory=/home/jsmith)"),
    ("exact-start", "(loginShell=/bin/b*)"),
    ("exact-start-upper", "(loginShell=/bin/B*)"),
    // Substrings: RFC 4517 §4.2.6 and its like.
    ("substring-initial", "(cn=joh*)"),
    ("substring-final", "(cn=*smith)"),
    ("substring-any", "(cn=*hn sm*)"),
    ("substring-all", "(cn=j*n*m*th)"),
    ("substring-order", "(cn=*smith*john*)"),
    ("substring-overlap", "(sAMAccountName=jsm*smith)"),
    ("substring-twice", "(sAMAccountName=*s*s*)"),
    ("substring-blank-inside", "(cn=john *)"),
    ("substring-blank-before", "(cn=* smith)"),
    ("substring-blank-two", "(cn=john  *)"),
    ("substring-of-nothing-left", "(cn=john smith*)"),
    ("substring-on-number", "(employeeNumber=1*)"),
    ("substring-on-integer", "(userAccountControl=5*)"),
    ("substring-on-large-integer", "(accountExpires=13*)"),
    ("substring-on-boolean", "(msNPAllowDialin=T*)"),
    ("substring-on-time", "(whenCreated=20*)"),
    ("substring-on-name", "(member=CN=John*)"),
    ("substring-on-name-any", "(manager=*Smith*)"),
    ("substring-on-octets", "(mS-DS-ConsistencyGuid=\\00\\01*)"),
    ("substring-on-sid", "(objectSid=S-1-5-21-*)"),
    ("substring-multi-valued", "(proxyAddresses=smtp:j*)"),
    ("substring-multi-valued-across", "(otherTelephone=*0001*0002*)"),
    ("substring-phone", "(telephoneNumber=*7946*)"),
    ("substring-phone-unblanked", "(telephoneNumber=+442079460000)"),
    // Ordering: RFC 4517 §4.2.
    ("order-integer", "(countryCode>=826)"),
    ("order-integer-above", "(countryCode>=827)"),
    ("order-integer-negative", "(groupType<=0)"),
    ("order-integer-text-like", "(uidNumber>=10000)"),
    ("order-integer-at-most", "(uidNumber<=10001)"),
    ("order-integer-with-zeros", "(uidNumber=0010001)"),
    ("order-integer-with-plus", "(uidNumber=+10001)"),
    ("order-integer-blank", "(uidNumber= 10001)"),
    ("order-large", "(accountExpires>=132539328000000000)"),
    ("order-large-most", "(accountExpires>=9223372036854775807)"),
    ("order-large-least", "(accountExpires<=0)"),
    ("order-time", "(msTSExpireDate>=20300102030405.0Z)"),
    ("order-time-no-fraction", "(msTSExpireDate>=20300102030405Z)"),
    ("order-time-equal-no-fraction", "(msTSExpireDate=20300102030405Z)"),
    ("order-time-equal-fraction", "(msTSExpireDate=20300102030405.0Z)"),
    ("order-time-offset", "(msTSExpireDate=20300102040405.0+0100)"),
    ("order-time-minutes", "(msTSExpireDate>=203001020304Z)"),
    ("order-time-short-year", "(whenCreated>=300102030405Z)"),
    ("order-created", "(whenCreated>=20000101000000.0Z)"),
    ("order-created-most", "(whenCreated<=20000101000000.0Z)"),
    (
        "order-created-between",
        "(&(whenCreated>=20000101000000.0Z)(whenCreated<=20990101000000.0Z))",
    ),
    ("order-created-offset-most", "(whenCreated<=20990101000000.0Z)"),
    ("order-created-not", "(!(whenCreated>=20990101000000.0Z))"),
    ("order-created-present", "(&(objectClass=group)(whenCreated=*)(createTimeStamp=*))"),
    ("order-create-stamp", "(createTimeStamp>=20000101000000.0Z)"),
    ("order-expire-not", "(!(msTSExpireDate<=20300102030405.0Z))"),
    (
        "order-expire-day",
        "(&(msTSExpireDate>=20300102000000.0Z)(msTSExpireDate<=20300103000000.0Z))",
    ),
    ("order-password-set", "(pwdLastSet>=1)"),
    ("order-password-set-never", "(pwdLastSet=0)"),
    ("order-text", "(sAMAccountName>=s)"),
    ("order-text-most", "(sAMAccountName<=b)"),
    ("order-text-number", "(employeeID>=17)"),
    ("order-name", "(manager>=CN=A)"),
    ("order-boolean", "(msNPAllowDialin>=FALSE)"),
    ("order-octets", "(mS-DS-ConsistencyGuid>=\\00)"),
    ("order-class", "(objectClass>=user)"),
    // Approx, as equality.
    ("approx-text", "(cn~=john smith)"),
    ("approx-near", "(cn~=jon smith)"),
    ("approx-integer", "(countryCode~=826)"),
    // Booleans.
    ("boolean-true", "(msNPAllowDialin=TRUE)"),
    ("boolean-false", "(msNPAllowDialin=FALSE)"),
    ("boolean-not", "(!(msNPAllowDialin=TRUE))"),
    // Names: RFC 4517 §4.2.15.
    ("name-same", "(manager=CN=John Smith,OU=Values,OU=Differential,DC=corp,DC=test)"),
    ("name-case", "(manager=cn=john smith,ou=values,ou=differential,dc=CORP,dc=test)"),
    ("name-blanks", "(manager=CN = John Smith , OU=Values, OU=Differential, DC=corp, DC=test)"),
    (
        "name-type-alias",
        "(manager=commonName=John Smith,OU=Values,OU=Differential,DC=corp,DC=test)",
    ),
    ("name-type-number", "(manager=2.5.4.3=John Smith,OU=Values,OU=Differential,DC=corp,DC=test)"),
    ("name-nobody", "(manager=CN=Nobody,OU=Values,OU=Differential,DC=corp,DC=test)"),
    ("name-escaped", "(secretary=CN=Comma\\5c, Inc.,OU=Names,OU=Differential,DC=corp,DC=test)"),
    (
        "name-escaped-digits",
        "(secretary=CN=Comma\\5c2C Inc.,OU=Names,OU=Differential,DC=corp,DC=test)",
    ),
    ("name-quoted", "(secretary=CN=\"Comma, Inc.\",OU=Names,OU=Differential,DC=corp,DC=test)"),
    ("name-backslash", "(seeAlso=CN=Back\\5c\\5cSlash,OU=Names,OU=Differential,DC=corp,DC=test)"),
    ("name-leading-blank", "(assistant=CN=\\5c20Leading,OU=Names,OU=Differential,DC=corp,DC=test)"),
    (
        "name-leading-blank-escaped",
        "(assistant=CN=\\5c Leading,OU=Names,OU=Differential,DC=corp,DC=test)",
    ),
    ("name-umlaut", "(member=CN=ANNA MÜLLER,OU=Names,OU=Differential,DC=corp,DC=test)"),
    ("name-cyrillic", "(managedBy=CN=иван иванов,OU=Names,OU=Differential,DC=corp,DC=test)"),
    ("name-renamed-unit", "(member=CN=Moved,OU=After Renaming,OU=Differential,DC=corp,DC=test)"),
    ("name-old-unit", "(member=CN=Moved,OU=Before,OU=Differential,DC=corp,DC=test)"),
    ("name-moved", "(member=CN=Boxed,OU=Deep,OU=Differential,DC=corp,DC=test)"),
    ("name-own", "(distinguishedName=CN=John Smith,OU=Values,OU=Differential,DC=corp,DC=test)"),
    (
        "name-own-case",
        "(distinguishedName=cn=john smith,ou=values,ou=differential,dc=corp,dc=test)",
    ),
    (
        "name-own-escaped",
        "(distinguishedName=CN=Plus \\5c+ Minus,OU=Names,OU=Differential,DC=corp,DC=test)",
    ),
    ("name-member-of", "(memberOf=CN=chain-a,OU=Circles,OU=Differential,DC=corp,DC=test)"),
    (
        "name-member-of-escaped",
        "(memberOf=CN=Ümläut \\5c+ Grüppe,OU=Circles,OU=Differential,DC=corp,DC=test)",
    ),
    (
        "name-direct-reports",
        "(directReports=CN=Johnny Smithers,OU=Values,OU=Differential,DC=corp,DC=test)",
    ),
    ("name-managed-objects", "(managedObjects=*)"),
    // Chains: MS-ADTS §3.1.1.3.4.4.3.
    (
        "chain-member-of",
        "(memberOf:1.2.840.113556.1.4.1941:=CN=chain-d,OU=Circles,OU=Differential,DC=corp,DC=test)",
    ),
    (
        "chain-member-of-near",
        "(memberOf:1.2.840.113556.1.4.1941:=CN=chain-a,OU=Circles,OU=Differential,DC=corp,DC=test)",
    ),
    (
        "chain-member",
        "(member:1.2.840.113556.1.4.1941:=CN=John Smith,OU=Values,OU=Differential,DC=corp,DC=test)",
    ),
    (
        "chain-ring-member-of",
        "(memberOf:1.2.840.113556.1.4.1941:=CN=ring-x,OU=Circles,OU=Differential,DC=corp,DC=test)",
    ),
    (
        "chain-ring-member",
        "(member:1.2.840.113556.1.4.1941:=CN=Salima,OU=Values,OU=Differential,DC=corp,DC=test)",
    ),
    (
        "chain-ring-itself",
        "(member:1.2.840.113556.1.4.1941:=CN=ring-y,OU=Circles,OU=Differential,DC=corp,DC=test)",
    ),
    (
        "chain-manager",
        "(manager:1.2.840.113556.1.4.1941:=CN=John Smith,OU=Values,OU=Differential,DC=corp,DC=test)",
    ),
    (
        "chain-reports",
        "(directReports:1.2.840.113556.1.4.1941:=CN=Salima,OU=Values,OU=Differential,DC=corp,DC=test)",
    ),
    (
        "chain-nobody",
        "(member:1.2.840.113556.1.4.1941:=CN=Nobody,OU=Values,OU=Differential,DC=corp,DC=test)",
    ),
    (
        "member-of-either",
        "(|(memberOf=CN=many,OU=Circles,OU=Differential,DC=corp,DC=test)(memberOf=cn=CHAIN-A,ou=circles,OU=Differential,DC=corp,DC=test))",
    ),
    (
        "member-of-not",
        "(&(objectClass=user)(!(memberOf=CN=many,OU=Circles,OU=Differential,DC=corp,DC=test)))",
    ),
    ("member-of-present", "(memberOf=*)"),
    ("member-of-none", "(&(objectClass=user)(!(memberOf=*)))"),
    (
        "member-quotes",
        "(member=CN=\\5c\"Quoted\\5c\" Name,OU=Names,OU=Differential,DC=corp,DC=test)",
    ),
    ("member-quoted", "(member=CN=\"Comma, Inc.\",OU=Names,OU=Differential,DC=corp,DC=test)"),
    ("member-hash", "(member=CN=\\5c#Hash,OU=Names,OU=Differential,DC=corp,DC=test)"),
    ("member-hash-digits", "(member=CN=\\5c23Hash,OU=Names,OU=Differential,DC=corp,DC=test)"),
    ("member-trailing", "(member=CN=Trailing\\5c20,OU=Names,OU=Differential,DC=corp,DC=test)"),
    ("member-trailing-blank", "(member=CN=Trailing\\5c ,OU=Names,OU=Differential,DC=corp,DC=test)"),
    ("member-equals", "(member=CN=Equals = Sign,OU=Names,OU=Differential,DC=corp,DC=test)"),
    (
        "member-parentheses",
        "(member=CN=\\28Paren\\29 Theses,OU=Names,OU=Differential,DC=corp,DC=test)",
    ),
    ("member-star", "(member=CN=Star \\2a Name,OU=Names,OU=Differential,DC=corp,DC=test)"),
    (
        "chain-escaped",
        "(member:1.2.840.113556.1.4.1941:=CN=Comma\\5c, Inc.,OU=Names,OU=Differential,DC=corp,DC=test)",
    ),
    (
        "chain-unit",
        "(memberOf:1.2.840.113556.1.4.1941:=OU=Circles,OU=Differential,DC=corp,DC=test)",
    ),
    (
        "chain-ring-not",
        "(&(objectClass=*)(!(memberOf:1.2.840.113556.1.4.1941:=CN=ring-z,OU=Circles,OU=Differential,DC=corp,DC=test)))",
    ),
    (
        "chain-both",
        "(&(memberOf:1.2.840.113556.1.4.1941:=CN=chain-d,OU=Circles,OU=Differential,DC=corp,DC=test)(memberOf:1.2.840.113556.1.4.1941:=CN=local,OU=Circles,OU=Differential,DC=corp,DC=test))",
    ),
    ("chain-ill", "(member:1.2.840.113556.1.4.1941:=nothing)"),
    (
        "chain-not",
        "(&(objectClass=group)(!(member:1.2.840.113556.1.4.1941:=CN=Salima,OU=Values,OU=Differential,DC=corp,DC=test)))",
    ),
    (
        "chain-by-name",
        "(member:LDAP_MATCHING_RULE_TRANSITIVE_EVAL:=CN=Salima,OU=Values,OU=Differential,DC=corp,DC=test)",
    ),
    // Bits: MS-ADTS §3.1.1.3.4.4.1 and .2.
    ("bits-disabled", "(userAccountControl:1.2.840.113556.1.4.803:=2)"),
    ("bits-none", "(userAccountControl:1.2.840.113556.1.4.803:=0)"),
    ("bits-two", "(userAccountControl:1.2.840.113556.1.4.803:=66048)"),
    ("bits-or", "(userAccountControl:1.2.840.113556.1.4.804:=327680)"),
    ("bits-or-none", "(userAccountControl:1.2.840.113556.1.4.804:=0)"),
    ("bits-security-group", "(groupType:1.2.840.113556.1.4.803:=2147483648)"),
    ("bits-security-group-signed", "(groupType:1.2.840.113556.1.4.803:=-2147483648)"),
    ("bits-large", "(accountExpires:1.2.840.113556.1.4.803:=1)"),
    ("bits-by-name", "(userAccountControl:integerBitAndMatch:=2)"),
    ("bits-absent", "(!(countryCode:1.2.840.113556.1.4.803:=2))"),
    // Octets: RFC 4517 §4.2.27.
    ("octets-equal", "(mS-DS-ConsistencyGuid=\\00\\01\\02\\03\\fe\\ff\\2a\\28\\29\\5c\\00)"),
    ("octets-part", "(mS-DS-ConsistencyGuid=\\00\\01)"),
    ("octets-second", "(jpegPhoto=\\ff\\d8\\ff\\00\\02\\0a\\0d)"),
    ("octets-certificate", "(userCertificate=\\30\\03\\02\\01\\05)"),
    ("octets-photo-present", "(thumbnailPhoto=*)"),
    ("octets-photo-not", "(&(objectClass=user)(!(thumbnailPhoto=*)))"),
];

/// objectGUID and objectSid in all their spellings: MS-ADTS §3.1.1.3.1.3.1.
fn identities(entries: &[Entry]) -> Vec<Row> {
    let john = entries.iter().find(|entry| entry.dn.starts_with("CN=John Smith,")).unwrap();
    let guid = john.first("objectGUID").unwrap();
    let sid = john.first("objectSid").unwrap();
    let equality = |name: &str, value: &[u8]| Filter::Equality {
        attribute: AttributeDescription::new(name),
        value: value.to_vec(),
    };
    let guid_text = Guid::from_ad_octets(guid).unwrap().to_string();
    let sid_text = Sid::from_octets(sid).unwrap().to_string();
    let as_name = |text: String| format!("(manager={text})");
    vec![
        Row::of("identity-guid-octets", UNIT, equality("objectGUID", guid)),
        Row::of("identity-guid-text", UNIT, equality("objectGUID", guid_text.as_bytes())),
        Row::of(
            "identity-guid-text-upper",
            UNIT,
            equality("objectGUID", guid_text.to_uppercase().as_bytes()),
        ),
        Row::of(
            "identity-guid-text-braces",
            UNIT,
            equality("objectGUID", format!("{{{guid_text}}}").as_bytes()),
        ),
        Row::of("identity-guid-part", UNIT, equality("objectGUID", &guid[..8])),
        Row::of("identity-sid-octets", UNIT, equality("objectSid", sid)),
        Row::of("identity-sid-text", UNIT, equality("objectSid", sid_text.as_bytes())),
        Row::of(
            "identity-sid-text-lower",
            UNIT,
            equality("objectSid", sid_text.to_lowercase().as_bytes()),
        ),
        Row::of(
            "identity-sid-not",
            UNIT,
            Filter::Not(Box::new(equality("objectSid", sid_text.as_bytes()))),
        ),
        Row::new("identity-manager-by-guid", UNIT, &as_name(format!("<GUID={guid_text}>"))),
        Row::new("identity-manager-by-sid", UNIT, &as_name(format!("<SID={sid_text}>"))),
    ]
}
