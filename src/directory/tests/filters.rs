//! Filters over the company: RFC 4511 §4.5.1.7, RFC 4517, MS-ADTS §3.1.1.3.1.3 and §3.1.1.3.4.4.

use super::*;

fn check(view: &View, cases: &[(&str, &[&str])]) {
    for (filter, expected) in cases {
        let mut found = found(view, filter);
        found.sort();
        let mut expected: Vec<&str> = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{filter}");
    }
}

/// RFC 4511 §4.5.1.7: an attribute that is not recognised is Undefined; MS-ADTS §3.1.1.3.1.3.1: a known
/// one without value is False, so that its negation holds.
#[test]
fn a_known_attribute_without_a_value_is_false() {
    check(
        &company_view(),
        &[
            ("(&(objectCategory=person)(!(isDeleted=TRUE)))", &["alice", "bob", "jm"]),
            (
                "(&(sAMAccountName=staff)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
                &["staff"],
            ),
            ("(&(sAMAccountName=alice)(!(nobodyKnowsThis=x)))", &[]),
            ("(&(sAMAccountName=alice)(!(nobodyKnowsThis=*)))", &[]),
            ("(|(sAMAccountName=alice)(nobodyKnowsThis=x))", &["alice"]),
            // The assertion value is no integer, so both are Undefined (RFC 4511 §4.5.1.7).
            ("(userAccountControl=many)", &[]),
            ("(&(sAMAccountName=alice)(!(userAccountControl=many)))", &[]),
        ],
    );
}

/// RFC 4526: absolute True and False filters.
#[test]
fn empty_sets() {
    let view = company_view();
    check(&view, &[("(&(&)(sAMAccountName=bob))", &["bob"]), ("(|)", &[]), ("(&(|)(cn=*))", &[])]);
    assert_eq!(found(&view, "(&)").len(), company().len() + OWN.len());
}

/// RFC 4517 §4.2.11 and RFC 4518: case, blanks and composition do not count.
#[test]
fn equality_by_syntax() {
    check(
        &company_view(),
        &[
            ("(sAMAccountName=ALICE)", &["alice"]),
            ("(displayname= alice   \u{c5}NGSTR\u{d6}M )", &["alice"]),
            ("(displayName=Alice A\u{30a}ngstro\u{308}m)", &["alice"]),
            ("(userAccountControl=514)", &["bob"]),
            ("(employeeID=42)", &[]),
            ("(employeeID=0042)", &["alice"]),
            ("(thumbnailPhoto=\\ff\\d8\\00\\01)", &["alice"]),
            ("(thumbnailPhoto=\\ff\\d8\\00\\02)", &[]),
            (
                "(whenCreated=20240101000000Z)",
                &[
                    "Configuration",
                    "Partitions",
                    "DC",
                    "People",
                    "Sales",
                    "Groups",
                    "alice",
                    "bob",
                    "jm",
                    "staff",
                    "vpn",
                    "nested-a",
                    "nested-b",
                    "loop-x",
                    "loop-y",
                    "news",
                    "Domain Users",
                ]
                .map(|name| if name == "DC" { "corp" } else { name }),
            ),
            ("(manager=cn=BOB, ou=sales,ou=People,dc=corp,dc=example)", &["alice"]),
            ("(manager=CN=nobody,DC=corp,DC=example)", &[]),
            ("(manager=no name)", &[]),
            ("(distinguishedName=CN=alice,OU=People,DC=corp,DC=example)", &["alice"]),
            ("(sAMAccountName~=Alice)", &["alice"]),
            ("(1.2.840.113556.1.4.221=alice)", &["alice"]),
        ],
    );
}

/// MS-ADTS §3.1.1.3.1.3.5: class names in place of category names.
#[test]
fn object_categories_and_classes() {
    let people: &[&str] = &["alice", "bob", "jm"];
    check(
        &company_view(),
        &[
            ("(objectCategory=person)", people),
            ("(objectCategory=USER)", people),
            ("(objectCategory=CN=Person,CN=Schema,CN=Configuration,DC=corp,DC=example)", people),
            ("(objectCategory=organizationalUnit)", &["Groups", "People", "Sales"]),
            ("(objectCategory=computer)", &[]),
            // The common name of a class, and no name of one.
            ("(objectCategory=Organizational-Unit)", &[]),
            ("(objectCategory=no-such-class)", &[]),
            ("(&(objectClass=user)(objectCategory=PERSON)(sAMAccountName=bob))", &["bob"]),
            ("(objectClass=organizationalperson)", people),
            ("(objectClass=computer)", &[]),
        ],
    );
}

/// MS-ADTS §3.1.1.3.1.3.1: objectGUID as octets, objectSid as octets and as text.
#[test]
fn identities() {
    let view = company_view();
    let octets =
        |octets: &[u8]| -> String { octets.iter().map(|o| format!("\\{o:02x}")).collect() };
    let guid_octets = octets(&guid(11).ad_octets());
    let sid_octets = octets(sid(1012).octets());
    check(
        &view,
        &[
            (&format!("(objectGUID={guid_octets})"), &["alice"]),
            (&format!("(objectGUID={})", guid(11)), &["alice"]),
            (&format!("(objectSid={sid_octets})"), &["bob"]),
            ("(objectSid=S-1-5-21-1-2-3-1012)", &["bob"]),
            ("(objectSid=S-1-5-21-1-2-3-99)", &[]),
            (
                "(objectSid=*)",
                &[
                    "Domain Users",
                    "alice",
                    "bob",
                    "jm",
                    "loop-x",
                    "loop-y",
                    "nested-a",
                    "nested-b",
                    "news",
                    "staff",
                    "vpn",
                ],
            ),
        ],
    );
}

/// RFC 4517 §4.2.6 and RFC 4518 §2.6.1: parts in order, without overlap, inner spaces significant.
#[test]
fn substrings() {
    check(
        &company_view(),
        &[
            ("(mail=*@CORP.example)", &["alice", "bob"]),
            ("(mail=al*e@*ple)", &["alice"]),
            ("(mail=alice@corp.example*alice)", &[]),
            ("(mail=*ice*ice*)", &[]),
            ("(sAMAccountName=a*e)", &["alice"]),
            ("(sAMAccountName=a*x)", &[]),
            ("(employeeID=00*42)", &["alice"]),
            ("(employeeID=00*43)", &[]),
            ("(displayName=alice *)", &["alice"]),
            ("(displayName=alic *)", &[]),
            ("(displayName=*e  \u{e5}n*)", &["alice"]),
            ("(displayName=* *)", &["alice"]),
            ("(description=*x*)", &[]),
            ("(&(cn=alice)(!(memberOf=CN=*)))", &[]),
            ("(thumbnailPhoto=\\ff\\d8*)", &["alice"]),
        ],
    );
}

/// RFC 4517 §4.2.17, §4.2.20 and §4.2.12: numbers as numbers, times with and without fraction, text.
#[test]
fn ordering() {
    let mut entries = company();
    for (index, (count, created)) in
        [("9", "20240101000000.0Z"), ("10", "20240101000000.5Z"), ("-1", "20240102000000Z")]
            .iter()
            .enumerate()
    {
        set(&mut entries[8 + index], "countryCode", &[count]);
        set(&mut entries[8 + index], "whenCreated", &[created]);
    }
    check(
        &view_of(entries),
        &[
            ("(countryCode>=9)", &["alice", "bob"]),
            ("(countryCode<=9)", &["alice", "jm"]),
            ("(&(objectClass=user)(whenCreated>=20240101000000.1Z))", &["bob", "jm"]),
            ("(&(objectClass=user)(whenCreated>=20240101000001Z))", &["jm"]),
            ("(&(objectClass=user)(whenCreated<=20240101000000Z))", &["alice"]),
            ("(&(objectClass=user)(createTimestamp>=20240101000001.0Z))", &["jm"]),
            ("(&(objectClass=user)(sAMAccountName>=b))", &["bob", "jm"]),
            ("(memberOf>=CN=a)", &[]),
            ("(&(cn=alice)(!(memberOf>=CN=a)))", &[]),
        ],
    );
}

/// MS-ADTS §3.1.1.3.4.4.1 and .2, also with a flag written as a positive number.
#[test]
fn bitwise_rules() {
    check(
        &company_view(),
        &[
            ("(userAccountControl:1.2.840.113556.1.4.803:=2)", &["bob"]),
            ("(userAccountControl:1.2.840.113556.1.4.803:=514)", &["bob"]),
            (
                "(&(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
                &["alice", "jm"],
            ),
            ("(userAccountControl:1.2.840.113556.1.4.804:=18)", &["bob"]),
            ("(userAccountControl:1.2.840.113556.1.4.804:=0)", &[]),
            ("(&(cn=staff)(groupType:1.2.840.113556.1.4.803:=2147483648))", &["staff"]),
            ("(&(cn=news)(groupType:1.2.840.113556.1.4.803:=2147483648))", &[]),
            ("(cn:1.2.840.113556.1.4.803:=2)", &[]),
            ("(&(cn=alice)(!(cn:1.2.840.113556.1.4.803:=2)))", &[]),
        ],
    );
}

/// MS-ADTS §3.1.1.3.4.4.3, in both directions and through a cycle.
#[test]
fn in_chain() {
    let group = |name: &str| format!("CN={name},OU=Groups,{DOMAIN}");
    check(
        &company_view(),
        &[
            (
                &format!("(memberOf:1.2.840.113556.1.4.1941:={})", group("nested-b")),
                &["alice", "nested-a", "vpn"],
            ),
            (
                &format!("(member:1.2.840.113556.1.4.1941:={ALICE})"),
                &["nested-a", "nested-b", "news", "staff", "vpn"],
            ),
            (
                &format!("(memberOf:1.2.840.113556.1.4.1941:={})", group("loop-x")),
                &["bob", "loop-x", "loop-y"],
            ),
            (&format!("(member:1.2.840.113556.1.4.1941:={OUTSIDER})"), &["staff"]),
            // AD leaves the primary group out of the chain.
            (&format!("(memberOf:1.2.840.113556.1.4.1941:={})", group("Domain Users")), &[]),
            ("(memberOf:1.2.840.113556.1.4.1941:=CN=gone,DC=corp,DC=example)", &[]),
            ("(cn:1.2.840.113556.1.4.1941:=alice)", &[]),
        ],
    );
}

/// Membership equality both ways, with names in any spelling.
#[test]
fn membership_equality() {
    check(
        &company_view(),
        &[
            ("(memberOf=cn=STAFF,ou=groups,dc=corp,dc=example)", &["alice", "bob", "jm"]),
            (
                "(member=cn=j\u{fc}rgen m\u{fc}ller\\5c2c dr. \\5c22jm\\5c22,ou=people,dc=corp,dc=example)",
                &["staff"],
            ),
            (&format!("(member={OUTSIDER})"), &["staff"]),
            ("(&(objectClass=group)(!(member=*)))", &["Domain Users"]),
        ],
    );
}

/// RFC 4511 §4.5.1.7.7: extensible match with named rules and with the parts of the name.
#[test]
fn extensible_match() {
    check(
        &company_view(),
        &[
            ("(sAMAccountName:caseExactMatch:=alice)", &["alice"]),
            ("(sAMAccountName:caseExactMatch:=Alice)", &[]),
            ("(sAMAccountName:2.5.13.2:=ALICE)", &["alice"]),
            ("(cn:=alice)", &["alice"]),
            ("(ou:dn:=Sales)", &["Sales", "bob"]),
            ("(&(objectClass=user)(ou:dn:=people))", &["alice", "bob", "jm"]),
            ("(cn:9.9.9:=alice)", &[]),
            ("(&(cn=alice)(!(cn:9.9.9:=alice)))", &[]),
            ("(:caseExactMatch:=alice)", &[]),
        ],
    );
}

/// RFC 4512 §2.5.2.1: a type means all of its descriptions; RFC 4522: `;binary` is no other attribute.
#[test]
fn options() {
    let mut entries = company();
    push(&mut entries[8], "displayName;lang-ru", "\u{410}\u{43b}\u{438}\u{441}\u{430}".as_bytes());
    push(&mut entries[8], "userCertificate;binary", &[0x30, 0x00]);
    let view = view_of(entries);
    check(
        &view,
        &[
            ("(displayName=\u{430}\u{43b}\u{438}\u{441}\u{430})", &["alice"]),
            ("(displayName;LANG-RU=\u{430}\u{43b}\u{438}\u{441}\u{430})", &["alice"]),
            ("(displayName;lang-ru=Alice \u{c5}ngstr\u{f6}m)", &[]),
            ("(displayName=*\u{43b}\u{438}*)", &["alice"]),
            ("(userCertificate=\\30\\00)", &["alice"]),
            ("(userCertificate;binary=*)", &["alice"]),
        ],
    );
}

/// RFC 4512 §2.4.1: an entry of a class is one of its superclasses, listed or not.
#[test]
fn openldap_superclasses() {
    let view = openldap_view();
    assert_eq!(found(&view, "(objectClass=person)"), ["anna", "boris"]);
    assert_eq!(found(&view, "(&(objectClass=top)(uid=anna))"), ["anna"]);
    assert_eq!(found(&view, "(entryUUID=03030303-0303-0303-0303-030303030303)"), ["anna"]);
}

/// What an audience is not shown it cannot search for either: the assertion is Undefined.
#[test]
fn hidden_attributes_cannot_be_guessed() {
    struct NoNumbers;
    impl Audience for NoNumbers {
        fn sees(&self, _: EntryRef<'_>) -> bool {
            true
        }
        fn shows(&self, attribute: &str) -> bool {
            attribute != "employeeID" && attribute != "objectClass"
        }
    }
    let view = company_view();
    let find = |filter: &str| {
        let filter = Filter::parse(filter).unwrap();
        view.search(&dn(""), SearchScope::WholeSubtree, &filter, &NoNumbers).unwrap().len()
    };
    for filter in ["(employeeID=0042)", "(employeeid=*)", "(employeeID=0*)", "(employeeID>=0)"] {
        assert_eq!(find(filter), 0, "{filter}");
        assert_eq!(find(&format!("(&(cn=alice)(!{filter}))")), 0, "not {filter}");
    }
    assert_eq!(find("(&(objectClass=user)(cn=alice))"), 1);
}

/// MS-ADTS §3.1.1.3.1.3.4.
#[test]
fn ambiguous_names() {
    check(
        &company_view(),
        &[
            ("(anr=ali)", &["alice"]),
            ("(aNR=ALICE \u{e5}n)", &["alice"]),
            ("(anr==alice)", &["alice"]),
            ("(anr==ali)", &[]),
            ("(&(objectCategory=person)(anr=b))", &["bob"]),
            ("(&(objectClass=user)(!(anr=ali)))", &["bob", "jm"]),
            ("(anr=ali*)", &["alice"]),
            ("(anr=*ali)", &[]),
            ("(anr=*ali*)", &[]),
            ("(&(cn=bob)(!(anr=ali*)))", &["bob"]),
            ("(anr=*)", &[]),
        ],
    );
}

/// An audience may count primary groups as groups; Active Directory does not (MS-ADTS §3.1.1.2.3.1).
#[test]
fn primary_groups_count_if_the_audience_says_so() {
    struct WithPrimary;
    impl Audience for WithPrimary {
        fn sees(&self, _: EntryRef<'_>) -> bool {
            true
        }
        fn shows(&self, _: &str) -> bool {
            true
        }
        fn counts_primary_groups(&self) -> bool {
            true
        }
    }
    let mut entries = company();
    let domain_users = format!("CN=Domain Users,OU=Groups,{DOMAIN}");
    let outer = group(28, "outer", &[&domain_users]);
    let outer_dn = outer.dn.clone();
    entries.push(outer);
    let view = view_of(entries);
    let count = |filter: &str, audience: &dyn Audience| {
        let filter = Filter::parse(filter).unwrap();
        view.search(&dn(""), SearchScope::WholeSubtree, &filter, audience).unwrap().len()
    };
    let direct = format!("(memberOf={domain_users})");
    let chain = format!("(memberOf:1.2.840.113556.1.4.1941:={outer_dn})");
    assert_eq!((count(&direct, &Everyone), count(&direct, &WithPrimary)), (0, 3));
    assert_eq!((count(&chain, &Everyone), count(&chain, &WithPrimary)), (1, 4));
    let one = format!("(&(cn=bob){chain})");
    assert_eq!((count(&one, &Everyone), count(&one, &WithPrimary)), (0, 1));
    let not = format!("(&(objectClass=user)(!{direct}))");
    assert_eq!((count(&not, &Everyone), count(&not, &WithPrimary)), (3, 0));
}

/// More keys than one block holds, values longer than a key, and what is found after all have changed.
#[test]
fn many_values() {
    let people = format!("OU=People,{DOMAIN}");
    let long = "a.very.long.name.that.goes.beyond.the.length.of.a.key";
    let users = |mail: &str| -> Vec<Entry> {
        let mut entries = company();
        for number in 0..400_u32 {
            let mut entry = user(30, &format!("u{number}"), &people);
            set(&mut entry, "objectGUID", &[]);
            let mut octets = [9; 16];
            octets[..4].copy_from_slice(&number.to_le_bytes());
            push(&mut entry, "objectGUID", &octets);
            set(&mut entry, "objectSid", &[]);
            push(&mut entry, "objectSid", sid(5000 + number).octets());
            set(&mut entry, "mail", &[&format!("{mail}.{number}@corp.example")]);
            entries.push(entry);
        }
        entries
    };
    let (view, _) = next(&view_of(users("x")), users(long));
    let not_disabled = "(!(userAccountControl:1.2.840.113556.1.4.803:=2))";
    let cases = [
        (format!("(mail={long}.7@CORP.example)"), 1),
        (format!("(mail={long}.7@corp.exampl)"), 0),
        (format!("(mail={long}.39*)"), 11),
        ("(mail=*.399@*)".to_owned(), 1),
        ("(mail=x.7@corp.example)".to_owned(), 0),
        ("(mail=*x.7@*)".to_owned(), 0),
        // .4 to .9, .40 to .99, alice and bob.
        (format!("(&(objectClass=user)(mail>={long}.4))"), 68),
        (format!("(&(objectClass=user)(!(mail=a*)){not_disabled})"), 1),
        (format!("(&(objectClass=user){not_disabled})"), 402),
        ("(&(objectCategory=person)(sAMAccountName=u1*))".to_owned(), 111),
        ("(|(sAMAccountName=u1*)(sAMAccountName=*9)(objectClass=group))".to_owned(), 148),
    ];
    for (filter, count) in cases {
        assert_eq!(found(&view, &filter).len(), count, "{filter}");
    }
}
