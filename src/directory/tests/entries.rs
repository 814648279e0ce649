//! Entries as they are kept and written out: RFC 4511 §4.5.1.8 and §4.5.2, MS-ADTS §3.1.1.3.1.3.

use super::*;

fn alice(requested: &[&str]) -> Entry {
    let view = company_view();
    answer(&view, at(&view, ALICE), requested, false, &Everyone)
}

/// RFC 4511 §4.5.1.8: an empty list and `*` are all user attributes; memberOf is one of them.
#[test]
fn all_user_attributes() {
    for requested in [&[][..], &["*"], &["*", "cn", "CN", "memberof"]] {
        let entry = alice(requested);
        assert_eq!(entry.dn, ALICE);
        let names = names(&entry);
        for name in
            ["objectClass", "cn", "sAMAccountName", "distinguishedName", "memberOf", "manager"]
        {
            assert_eq!(
                names.iter().filter(|found| **found == name).count(),
                1,
                "{name} {requested:?}"
            );
        }
        for name in ["canonicalName", "tokenGroups", "modifyTimeStamp"] {
            assert!(!names.contains(&name), "{name} {requested:?}");
        }
        assert_eq!(entry.first("objectGUID"), Some(guid(11).ad_octets().as_slice()));
        assert_eq!(entry.first("thumbnailPhoto"), Some([0xff, 0xd8, 0x00, 0x01].as_slice()));
    }
}

/// RFC 4511 §4.5.1.8: names in any case, unknown ones passed over, `1.1` for none; the answer has the
/// schema's spelling.
#[test]
fn attributes_by_name() {
    assert_eq!(
        names(&alice(&["SAMACCOUNTNAME", "dn", "nothing", "MemberOf"])),
        ["sAMAccountName", "memberOf"]
    );
    assert_eq!(names(&alice(&["2.5.4.3"])), ["cn"]);
    assert_eq!(names(&alice(&["1.1"])), Vec::<&str>::new());
    assert_eq!(names(&alice(&["1.1", "cn"])), ["cn"]);
    assert_eq!(names(&alice(&["dn"])), Vec::<&str>::new());
    assert_eq!(names(&alice(&["objectguid;BINARY"])), ["objectGUID;binary"]);
}

/// RFC 3673: `+` is the operational attributes.
#[test]
fn operational_attributes() {
    let entry = alice(&["+"]);
    assert_eq!(texts(&entry, "canonicalName"), ["corp.example/People/alice"]);
    assert_eq!(texts(&entry, "msDS-PrincipalName"), ["CORP\\alice"]);
    assert_eq!(texts(&entry, "modifyTimeStamp"), ["20231114221325.0Z"]);
    assert!(!names(&entry).contains(&"cn"));
    assert!(!names(&entry).contains(&"tokenGroups"));
}

/// RFC 4511 §4.5.1.7: names without values.
#[test]
fn types_only() {
    let view = company_view();
    let requested = ["cn", "memberOf", "canonicalName"];
    let entry = answer(&view, at(&view, ALICE), &requested, true, &Everyone);
    assert_eq!(names(&entry), ["cn", "memberOf", "canonicalName"]);
    assert!(entry.attributes.iter().all(|attribute| attribute.values.is_empty()));
    // Asked for in two forms, an attribute is called alike with and without its values.
    for requested in
        [["objectGUID", "objectGUID;binary"], ["member", "member;range=0-*"], ["cn", "CN"]]
    {
        for requested in [requested, [requested[1], requested[0]]] {
            let asked = |dn: &str, types_only| {
                let entry = answer(&view, at(&view, dn), &requested, types_only, &Everyone);
                entry.attributes.into_iter().map(|found| found.description).collect::<Vec<_>>()
            };
            assert_eq!(asked(STAFF, true), asked(STAFF, false), "{requested:?}");
            assert_eq!(asked(STAFF, true).len(), 1, "{requested:?}");
        }
    }
}

/// MS-ADTS §3.1.1.3.1.3.3: a slice of values says which it is, and the last one ends in `*`.
#[test]
fn value_ranges() {
    let view = company_view();
    let members = |range: &str| {
        let entry = answer(&view, at(&view, STAFF), &[range], false, &Everyone);
        entry.attributes.first().map(|found| (found.description.clone(), found.values.len()))
    };
    let cases = [
        ("member", Some(("member", 4))),
        ("MEMBER;Range=0-1", Some(("member;range=0-1", 2))),
        ("member;range=1-2", Some(("member;range=1-2", 2))),
        ("member;range=2-3", Some(("member;range=2-*", 2))),
        ("member;range=2-99", Some(("member;range=2-*", 2))),
        ("member;range=0-*", Some(("member;range=0-*", 4))),
        ("member;range=4-*", Some(("member;range=4-*", 0))),
        ("member;range=3-2", None),
        ("member;range=x", None),
    ];
    for (range, expected) in cases {
        let expected = expected.map(|(name, count)| (name.to_owned(), count));
        assert_eq!(members(range), expected, "{range}");
    }
    let both = answer(&view, at(&view, STAFF), &["member", "member;range=0-0"], false, &Everyone);
    assert_eq!(names(&both), ["member;range=0-0"]);
}

/// MS-ADTS §3.1.1.4.5: attributes that are worked out on request.
#[test]
fn constructed_attributes() {
    let view = company_view();
    let of = |dn: &str, name: &str| answer(&view, at(&view, dn), &[name], false, &Everyone);
    assert_eq!(texts(&of(STAFF, "PrimaryGroupToken"), "primaryGroupToken"), ["1021"]);
    assert!(of(ALICE, "primaryGroupToken").attributes.is_empty());
    assert_eq!(texts(&of(DOMAIN, "canonicalname"), "canonicalName"), ["corp.example/"]);
    assert_eq!(
        texts(&of(JM, "canonicalName"), "canonicalName"),
        ["corp.example/People/J\u{fc}rgen M\u{fc}ller, Dr. \"JM\""]
    );
    let mut groups: Vec<Vec<u8>> = of(ALICE, "tokengroups").values("tokenGroups").to_vec();
    groups.sort();
    // Security groups only: the distribution group 1027 is not among them; 513 is the primary group.
    let mut expected: Vec<Vec<u8>> =
        [1021, 1022, 1023, 1024, 513].map(|id| sid(id).octets().to_vec()).to_vec();
    expected.sort();
    assert_eq!(groups, expected);
}

/// MS-ADTS §3.1.1.1.9 calls memberOf a back link: what one end says, the other says.
#[test]
fn both_ends_of_a_membership_agree() {
    let mut entries = company();
    // A controller that said something else a moment ago, and a group that is not copied.
    push(&mut entries[8], "memberOf", b"CN=loop-x,OU=Groups,DC=corp,DC=example");
    push(&mut entries[8], "memberOf", b"CN=elsewhere,DC=other,DC=example");
    let view = view_of(entries);
    let mut groups = texts(&answer(&view, at(&view, ALICE), &[], false, &Everyone), "memberOf");
    groups.sort();
    assert_eq!(
        groups,
        [
            "CN=elsewhere,DC=other,DC=example",
            "CN=news,OU=Groups,DC=corp,DC=example",
            STAFF,
            "CN=vpn,OU=Groups,DC=corp,DC=example",
        ]
    );
    assert_eq!(found(&view, "(memberOf=cn=elsewhere,dc=other,dc=example)"), ["alice"]);
    for group in view.groups() {
        for member in group.values("member") {
            let Some(member) = view.find_dn(&dn(std::str::from_utf8(&member).unwrap())) else {
                continue;
            };
            let ends = member.values("memberOf");
            assert!(ends.iter().any(|end| end.as_ref() == group.dn().as_bytes()), "{}", group.dn());
        }
    }
}

/// Values of DN syntax are written as their targets are called, whatever the spelling that came.
#[test]
fn names_follow_a_rename() {
    let view = company_view();
    let vpn =
        answer(&view, at(&view, "CN=vpn,OU=Groups,DC=corp,DC=example"), &[], false, &Everyone);
    assert_eq!(texts(&vpn, "member"), [ALICE]);

    let mut entries = company();
    let renamed = "CN=Alicia,OU=Sales,OU=People,DC=corp,DC=example";
    for entry in &mut entries {
        for attribute in &mut entry.attributes {
            for value in &mut attribute.values {
                if value.eq_ignore_ascii_case(ALICE.as_bytes()) {
                    *value = renamed.as_bytes().to_vec();
                }
            }
        }
    }
    renamed.clone_into(&mut entries[8].dn);
    set(&mut entries[1], "member", &["cn=alicia,ou=sales,ou=people,dc=corp,dc=example"]);
    let view = view_of(entries);
    let vpn =
        answer(&view, at(&view, "CN=vpn,OU=Groups,DC=corp,DC=example"), &[], false, &Everyone);
    assert_eq!(texts(&vpn, "member"), [renamed]);
    assert_eq!(at(&view, renamed).text("distinguishedName").as_deref(), Some(renamed));
    assert_eq!(at(&view, renamed).guid(), guid(11));
}

/// A name that is outside keeps the text that came, also when it is no name at all.
#[test]
fn outside_names_keep_their_text() {
    let view = company_view();
    assert_eq!(at(&view, JM).text("manager").as_deref(), Some(OUTSIDER));
    let mut entries = company();
    set(&mut entries[9], "manager", &["the boss"]);
    let view = view_of(entries);
    assert_eq!(at(&view, BOB).text("manager").as_deref(), Some("the boss"));
    assert_eq!(found(&view, "(&(cn=bob)(manager=*))"), ["bob"]);
}

/// Passwords and keys are not there for anyone, whatever a controller sends.
#[test]
fn forbidden_attributes_are_not_there() {
    let mut entries = company();
    for name in ["userPassword", "unicodePwd", "supplementalCredentials", "ms-Mcs-AdmPwd"] {
        push(&mut entries[8], name, b"secret");
    }
    let view = view_of(entries);
    for requested in [&["*", "+"][..], &["userPassword", "UNICODEPWD", "ms-Mcs-AdmPwd"]] {
        let entry = answer(&view, at(&view, ALICE), requested, false, &Everyone);
        assert!(entry.attributes.iter().all(|found| !found.values.contains(&b"secret".to_vec())));
    }
    for name in ["userPassword", "unicodePwd", "supplementalCredentials", "ms-Mcs-AdmPwd"] {
        assert_eq!(at(&view, ALICE).first(name), None);
        assert_eq!(at(&view, ALICE).compare(name, b"secret", None), None);
        for filter in [format!("({name}=secret)"), format!("({name}=*)"), format!("(!({name}=x))")]
        {
            assert_eq!(found(&view, &filter), Vec::<String>::new(), "{filter}");
        }
    }
}

/// What each controller counts for itself cannot be told by a copy.
#[test]
fn notes_of_single_controllers_are_not_kept() {
    let mut entries = company();
    push(&mut entries[8], "lastLogon", b"1");
    push(&mut entries[8], "badPwdCount", b"1");
    let view = view_of(entries);
    assert_eq!(at(&view, ALICE).first("lastLogon"), None);
    // The schema knows them, so that a filter is False and not Undefined.
    assert_eq!(found(&view, "(&(cn=alice)(!(badPwdCount>=1)))"), ["alice"]);
}

#[test]
fn an_audience_decides_about_attributes() {
    struct OnlyNames;
    impl Audience for OnlyNames {
        fn sees(&self, _: EntryRef<'_>) -> bool {
            true
        }
        fn shows(&self, attribute: &str) -> bool {
            ["cn", "memberOf", "canonicalName"].contains(&attribute)
        }
    }
    let view = company_view();
    let shown = |requested: &[&str]| {
        let entry = answer(&view, at(&view, ALICE), requested, false, &OnlyNames);
        entry.attributes.iter().map(|found| found.description.clone()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&[]), ["cn", "memberOf"]);
    assert_eq!(shown(&["mail", "manager", "tokenGroups", "canonicalName"]), ["canonicalName"]);
}

/// RFC 4511 §4.10: true, false, and no such attribute are three answers.
#[test]
fn compare() {
    let view = company_view();
    let cases: [(&str, &str, Option<bool>); 9] = [
        ("sAMAccountName", "ALICE", Some(true)),
        ("samaccountname", "bob", Some(false)),
        ("description", "x", None),
        ("memberOf", "cn=staff,ou=groups,dc=corp,dc=example", Some(true)),
        ("memberOf", "cn=nested-b,ou=groups,dc=corp,dc=example", Some(false)),
        ("objectClass", "person", Some(true)),
        ("userAccountControl", "no number", Some(false)),
        ("canonicalName", "CORP.example/people/alice", Some(true)),
        ("not a name", "x", None),
    ];
    for (attribute, value, expected) in cases {
        assert_eq!(
            at(&view, ALICE).compare(attribute, value.as_bytes(), None),
            expected,
            "{attribute}"
        );
    }
}

#[test]
fn what_makes_no_view() {
    let error = |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut entries = company();
        change(&mut entries);
        View::build(1, domain(), entries, moment()).map(|_| ()).unwrap_err().to_string()
    };
    let twice = error(&|entries| {
        let mut again = entries[8].clone();
        set(&mut again, "objectGUID", &[]);
        push(&mut again, "objectGUID", &[9; 16]);
        set(&mut again, "objectSid", &[]);
        entries.push(again);
    });
    assert_eq!(twice, format!("two entries are called {ALICE}"));
    let identity = error(&|entries| {
        let mut again = entries[8].clone();
        again.dn.insert_str(3, "second ");
        set(&mut again, "objectSid", &[]);
        entries.push(again);
    });
    assert!(identity.starts_with("two entries have the identity of CN="), "{identity}");
    let part = error(&|entries| push(&mut entries[0], "member;range=0-1499", b"CN=x"));
    assert_eq!(part, format!("{STAFF} has only a part of its member;range=0-1499"));
}

#[test]
fn what_cannot_be_kept_is_listed() {
    let mut entries = company();
    set(&mut entries[8], "objectGUID", &[]);
    entries[9].dn = "no name".to_owned();
    let view = view_of(entries);
    let rejected: Vec<&str> = view.rejected().iter().map(|found| found.dn.as_str()).collect();
    assert_eq!(rejected, [ALICE, "no name"]);
    assert_eq!(view.counts().users, 1);
}

/// Only normal accounts are users, whatever their classes say (MS-SAMR §2.2.1.9).
#[test]
fn sorts_of_entries() {
    let mut entries = company();
    let mut computer = user(50, "pc$", DOMAIN);
    push(&mut computer, "objectClass", b"computer");
    set(&mut computer, "sAMAccountType", &["805306369"]);
    let mut managed = user(51, "gmsa$", DOMAIN);
    set(&mut managed, "sAMAccountType", &["805306369"]);
    let mut unreadable = user(52, "hidden", DOMAIN);
    set(&mut unreadable, "sAMAccountType", &[]);
    entries.extend([computer, managed, unreadable]);
    let view = view_of(entries);
    assert_eq!(view.counts(), Counts { users: 4, groups: 8, containers: 6, others: 2 + OWN.len() });
    assert_eq!(view.users_with("sAMAccountName", "PC$").len(), 0);
    assert_eq!(view.users_with("sAMAccountName", "HIDDEN").len(), 1);
    assert!(at(&view, BOB).is_disabled() && !at(&view, ALICE).is_disabled());
}

#[test]
fn groups_by_name() {
    let mut entries = company();
    set(&mut entries[2], "cn", &["Staff"]);
    let view = view_of(entries);
    let found = |name: &str| view.groups_named(name).into_iter().map(short).collect::<Vec<_>>();
    assert_eq!(found("cn=STAFF,ou=groups,dc=corp,dc=example"), ["staff"]);
    assert_eq!(found("VPN"), ["vpn"]);
    assert_eq!(found("staff"), ["nested-a", "staff"]);
    assert_eq!(found("alice"), Vec::<String>::new());
    assert_eq!(found(ALICE), Vec::<String>::new());
}

/// The age follows the last confirmation, not the building.
#[test]
fn age() {
    let view = company_view();
    let later = moment() + Duration::from_secs(600);
    assert_eq!(view.age(later), Duration::from_secs(600));
    view.confirm(moment() + Duration::from_secs(590));
    assert_eq!(view.age(later), Duration::from_secs(10));
    assert_eq!(view.age(moment()), Duration::ZERO);
    assert_eq!(view.built_at(), moment());
}
