//! How filters are put together, and what is not known: RFC 4511 §4.5.1.7, RFC 4526, MS-ADTS §3.1.1.3.1.3.1.

use ldapgate::ldap::filter::{Filter, MAX_DEPTH};

use super::super::row::Row;
use super::{DOMAIN, UNIT};

pub(super) fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> =
        FILTERS.iter().map(|(id, filter)| Row::new(*id, UNIT, filter)).collect();
    rows.extend(WHOLE_DOMAIN.iter().map(|(id, filter)| Row::new(*id, DOMAIN, filter)));
    rows.extend(large());
    rows
}

const FILTERS: &[(&str, &str)] = &[
    // RFC 4526
    ("and-of-nothing", "(&)"),
    ("or-of-nothing", "(|)"),
    ("not-or-of-nothing", "(!(|))"),
    ("and-with-true", "(&(&)(cn=John Smith))"),
    ("or-with-false", "(|(|)(cn=John Smith))"),
    ("and-of-one", "(&(cn=John Smith))"),
    ("double-not", "(!(!(cn=John Smith)))"),
    ("de-morgan-and", "(!(&(objectClass=user)(sn=Smith)))"),
    ("de-morgan-or", "(|(!(objectClass=user))(!(sn=Smith)))"),
    // A known attribute without a value is False: RFC 4511 §4.5.1.7 as MS-ADTS §3.1.1.3.1.3.1 reads it.
    ("not-deleted", "(!(isDeleted=TRUE))"),
    ("not-recycled", "(&(objectClass=group)(!(isRecycled=TRUE)))"),
    ("not-critical", "(!(isCriticalSystemObject=TRUE))"),
    ("not-absent", "(!(employeeNumber=17))"),
    ("not-present", "(!(employeeNumber=*))"),
    ("or-absent", "(|(employeeNumber=17)(cn=nobody))"),
    // Unknown attributes are Undefined.
    ("unknown-equal", "(noSuchAttribute=x)"),
    ("unknown-present", "(noSuchAttribute=*)"),
    ("unknown-not", "(!(noSuchAttribute=x))"),
    ("unknown-not-present", "(!(noSuchAttribute=*))"),
    ("unknown-or", "(|(noSuchAttribute=x)(cn=John Smith))"),
    ("unknown-or-not", "(|(!(noSuchAttribute=x))(cn=John Smith))"),
    ("unknown-and", "(&(noSuchAttribute=x)(cn=John Smith))"),
    ("unknown-and-not", "(&(!(noSuchAttribute=x))(cn=John Smith))"),
    ("unknown-not-and", "(!(&(noSuchAttribute=x)(cn=nobody)))"),
    ("unknown-not-or", "(!(|(noSuchAttribute=x)(cn=nobody)))"),
    ("unknown-substring", "(noSuchAttribute=x*)"),
    ("unknown-at-least", "(noSuchAttribute>=1)"),
    ("unknown-bits", "(noSuchAttribute:1.2.840.113556.1.4.803:=1)"),
    // Attributes by number and alias.
    ("by-number", "(2.5.4.3=John Smith)"),
    ("by-number-of-account", "(1.2.840.113556.1.4.221=jsmith)"),
    ("by-other-name", "(commonName=John Smith)"),
    ("by-other-name-surname", "(surname=Smith)"),
    ("with-option", "(cn;lang-en=John Smith)"),
    ("with-binary", "(userCertificate;binary=*)"),
    // Values that the syntax does not allow (RFC 4511 §4.5.1.7: Undefined).
    ("ill-integer", "(userAccountControl=abc)"),
    ("ill-integer-not", "(!(userAccountControl=abc))"),
    ("ill-integer-empty", "(userAccountControl=)"),
    ("ill-integer-huge", "(userAccountControl=99999999999999999999)"),
    ("ill-boolean", "(msNPAllowDialin=yes)"),
    ("ill-boolean-not", "(!(msNPAllowDialin=yes))"),
    ("ill-boolean-lower", "(msNPAllowDialin=true)"),
    ("ill-time", "(whenCreated>=yesterday)"),
    ("ill-time-not", "(!(whenCreated>=yesterday))"),
    ("ill-dn", "(member=not a name)"),
    ("ill-dn-not", "(!(member=not a name))"),
    ("ill-sid", "(objectSid=S-1-)"),
    ("ill-guid", "(objectGUID=abc)"),
    ("ill-class", "(objectClass=noSuchClass)"),
    ("ill-class-not", "(!(objectClass=noSuchClass))"),
    ("ill-category", "(objectCategory=noSuchCategory)"),
    ("empty-value", "(description=)"),
    ("empty-value-not", "(!(description=))"),
    // Extensible match, RFC 4511 §4.5.1.7.7.
    ("rule-unknown", "(cn:1.2.3.4.5:=John Smith)"),
    ("rule-unknown-not", "(!(cn:1.2.3.4.5:=John Smith))"),
    ("rule-case-ignore", "(cn:caseIgnoreMatch:=JOHN SMITH)"),
    ("rule-case-ignore-number", "(cn:2.5.13.2:=JOHN SMITH)"),
    ("rule-case-exact", "(cn:caseExactMatch:=JOHN SMITH)"),
    ("rule-case-exact-number", "(cn:2.5.13.5:=John Smith)"),
    ("rule-without-attribute", "(:caseIgnoreMatch:=John Smith)"),
    ("rule-bits-on-text", "(cn:1.2.840.113556.1.4.803:=1)"),
    ("rule-bits-ill-value", "(userAccountControl:1.2.840.113556.1.4.803:=x)"),
    ("rule-chain-on-text", "(cn:1.2.840.113556.1.4.1941:=John Smith)"),
    ("dn-attributes-unit", "(ou:dn:=Values)"),
    ("dn-attributes-rule", "(ou:dn:caseIgnoreMatch:=values)"),
    ("dn-attributes-domain", "(dc:dn:=corp)"),
    // MS-ADTS §3.1.1.3.1.3.4
    ("anr-start", "(anr=ali)"),
    ("anr-words", "(anr=John Smi)"),
    ("anr-words-swapped", "(anr=Smith John)"),
    ("anr-words-start", "(anr=Jo Sm)"),
    ("anr-exact", "(anr==John Smith)"),
    ("anr-exact-word", "(anr==Smith)"),
    ("anr-exact-start", "(anr==Smi)"),
    ("anr-star", "(anr=ali*)"),
    ("anr-any", "(anr=*ali*)"),
    ("anr-final", "(anr=*ali)"),
    ("anr-present", "(anr=*)"),
    ("anr-not", "(&(objectClass=user)(!(anr=jo)))"),
    ("anr-address", "(anr=SMTP:john)"),
    ("anr-legacy", "(anr=/o=Corp/ou=First/cn=jsmith)"),
    ("anr-phonetic", "(anr=alifon)"),
    ("anr-office", "(anr=Johnst)"),
    ("anr-approx", "(anr~=ali)"),
    ("anr-at-least", "(anr>=ali)"),
    ("anr-cyrillic", "(anr=Иван Ив)"),
    ("anr-inside", "(&(objectCategory=person)(|(anr=mue)(anr=plus)))"),
    ("anr-blank-last", "(anr=John )"),
    // MS-ADTS §3.1.1.3.1.3.5
    ("category-person", "(objectCategory=person)"),
    ("category-user", "(objectCategory=user)"),
    ("category-upper", "(objectCategory=PERSON)"),
    ("category-group", "(objectCategory=group)"),
    ("category-unit", "(objectCategory=organizationalUnit)"),
    ("category-container", "(objectCategory=container)"),
    ("category-inet", "(objectCategory=inetOrgPerson)"),
    ("category-computer", "(objectCategory=computer)"),
    ("category-full", "(objectCategory=CN=Person,CN=Schema,CN=Configuration,DC=corp,DC=test)"),
    (
        "category-full-case",
        "(objectCategory=cn=person, cn=schema,cn=configuration,dc=corp,dc=test)",
    ),
    ("category-not", "(!(objectCategory=person))"),
    ("category-present", "(objectCategory=*)"),
    ("category-common-name", "(objectCategory=Organizational-Unit)"),
    ("category-start", "(objectCategory=CN=Per*)"),
    // Classes over the whole chain: RFC 4512 §3.3.
    ("class-top", "(objectClass=top)"),
    ("class-person", "(objectClass=person)"),
    ("class-organizational-person", "(objectClass=organizationalPerson)"),
    ("class-user", "(objectClass=user)"),
    ("class-inet", "(objectClass=inetOrgPerson)"),
    ("class-number", "(objectClass=2.5.6.6)"),
    ("class-number-of-group", "(objectClass=1.2.840.113556.1.5.8)"),
    ("class-upper", "(objectClass=GROUP)"),
    ("class-start", "(objectClass=organizational*)"),
    ("class-auxiliary", "(objectClass=securityPrincipal)"),
    ("class-mail-recipient", "(objectClass=mailRecipient)"),
    ("class-not-person", "(!(objectClass=person))"),
    ("login", "(&(objectCategory=person)(objectClass=user)(sAMAccountName=jsmith))"),
    (
        "login-enabled",
        "(&(objectCategory=person)(sAMAccountName=st-disabled)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
    ),
    ("enabled", "(&(objectCategory=person)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))"),
    ("passwords-asked", "(unicodePwd=*)"),
    ("passwords-asked-not", "(!(unicodePwd=*))"),
    ("password-asked", "(userPassword=*)"),
];

const WHOLE_DOMAIN: &[(&str, &str)] = &[
    ("domain-login", "(&(objectCategory=person)(sAMAccountName=jsmith))"),
    ("domain-critical", "(isCriticalSystemObject=TRUE)"),
    ("domain-groups", "(&(objectCategory=group)(groupType:1.2.840.113556.1.4.803:=2147483648))"),
    (
        "domain-groups-signed",
        "(&(objectCategory=group)(groupType:1.2.840.113556.1.4.803:=-2147483648))",
    ),
    ("domain-units", "(objectCategory=organizationalUnit)"),
    ("domain-built-in", "(groupType:1.2.840.113556.1.4.803:=1)"),
    ("domain-class-domain", "(objectClass=domain)"),
    ("domain-member-of-many", "(memberOf=CN=big,OU=Groups,DC=corp,DC=test)"),
    ("domain-primary-group", "(primaryGroupID=513)"),
    ("domain-memberships-with-primary", "(memberOf=CN=Domain Users,CN=Users,DC=corp,DC=test)"),
    ("domain-locked", "(lockoutTime>=1)"),
    ("domain-tombstones", "(isDeleted=TRUE)"),
    ("domain-service-names", "(servicePrincipalName=http/*)"),
    ("domain-unit-policies", "(gPLink=*)"),
];

/// Hundreds of clauses, and deep ones.
fn large() -> Vec<Row> {
    let names = ["jsmith", "alistair", "mueller", "comma", "nobody"];
    let clauses: String = (0..400)
        .map(|number| {
            format!(
                "(sAMAccountName={}{})",
                names[number % 5],
                if number < 5 { String::new() } else { number.to_string() }
            )
        })
        .collect();
    let nots = |levels| {
        let inner = Filter::parse("(cn=John Smith)").unwrap();
        (0..levels).fold(inner, |filter, _| Filter::Not(Box::new(filter)))
    };
    let mut alternating = Filter::parse("(sn=Smith)").unwrap();
    for level in 0..30 {
        let other = Filter::parse("(objectClass=user)").unwrap();
        alternating = match level % 2 {
            0 => Filter::And(vec![alternating, other]),
            _ => Filter::Or(vec![alternating, Filter::Not(Box::new(other))]),
        };
    }
    vec![
        Row::new("hundreds-of-clauses", UNIT, &format!("(|{clauses})")),
        Row::new("hundreds-of-clauses-not", UNIT, &format!("(&(objectClass=user)(!(|{clauses})))")),
        Row::of("as-deep-as-it-goes", UNIT, nots(MAX_DEPTH)),
        Row::of("almost-as-deep", UNIT, nots(MAX_DEPTH - 1)),
        Row::new("domain-everything", DOMAIN, "(objectClass=*)").ask("*"),
        Row::of("thirty-levels", UNIT, alternating),
    ]
}
