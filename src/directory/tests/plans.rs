//! Selections made ready: which form an attribute has when it is asked for in several ways, and memberOf
//! with primary groups.

use super::*;

fn planned(view: &View, dn: &str, requested: &[&str], primary_groups: bool) -> Entry {
    let requested: Vec<String> = requested.iter().map(|name| (*name).to_owned()).collect();
    let plan = view.plan(&Selection::parse(&requested, false), &Everyone, primary_groups);
    let mut octets = Vec::new();
    let id = MessageId::new(1).unwrap();
    view.write_planned(&mut octets, id, at(view, dn).slot(), &plan, &Everyone, moment());
    decode(&octets)
}

/// RFC 4512 §2.5.2.1: a type stands for its descriptions with options; a special form goes before `*`.
#[test]
fn forms_of_one_attribute() {
    let mut entries = company();
    push(&mut entries[8], "description;lang-ru", "\u{410}".as_bytes());
    push(&mut entries[8], "description", b"A");
    let view = view_of(entries);
    let found = |requested: &[&str]| {
        let entry = planned(&view, ALICE, requested, false);
        names(&entry).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found(&["DESCRIPTION"]), ["description;lang-ru", "description"]);
    assert_eq!(found(&["description;LANG-RU"]), ["description;lang-ru"]);
    assert_eq!(found(&["description;lang-de"]), Vec::<String>::new());
    assert_eq!(found(&["cn", "cn;binary"]), ["cn;binary"]);
    assert_eq!(found(&["cn;binary", "cn"]), ["cn;binary"]);
    assert_eq!(found(&["cn;binary", "cn;range=0-*"]), ["cn;binary"], "the first special form");
    assert_eq!(found(&["memberOf;range=0-0", "memberOf"]), ["memberOf;range=0-0"]);
    for requested in [&["*", "objectGUID;binary"], &["objectGUID;binary", "*"]] {
        let all = found(requested);
        assert!(all.contains(&"objectGUID;binary".to_owned()) && all.contains(&"cn".to_owned()));
        assert!(!all.contains(&"objectGUID".to_owned()), "{requested:?}");
    }
}

/// Only by option: directories leave the primary group out of memberOf.
#[test]
fn primary_groups_in_member_of() {
    let view = company_view();
    let users = format!("CN=Domain Users,OU=Groups,{DOMAIN}");
    let groups = |dn: &str, requested: &[&str], primary| {
        texts(&planned(&view, dn, requested, primary), "memberOf")
    };
    let without = groups(ALICE, &["memberOf"], false);
    assert!(!without.contains(&users) && without.len() == 3);
    for requested in [&["MEMBEROF"][..], &[], &["*"], &["cn", "memberOf"]] {
        let with = groups(ALICE, requested, true);
        assert_eq!(with.len(), 4, "{requested:?}");
        assert!(with.starts_with(&without) && with.ends_with(std::slice::from_ref(&users)));
    }
    assert!(names(&planned(&view, ALICE, &["cn"], true)) == ["cn"]);
    assert!(groups(STAFF, &["memberOf"], true).is_empty(), "groups have none");
    let part = planned(&view, ALICE, &["memberOf;range=2-*"], true);
    assert_eq!(names(&part), ["memberOf;range=2-*"]);
    assert_eq!(part.attributes[0].values.len(), 2);

    // Whoever is in no other group, and a group that lists its primary members too.
    let mut entries = company();
    for entry in &mut entries {
        set(entry, "member", &[]);
    }
    let nobody = view_of(entries.clone());
    let member_of = |view: &View| texts(&planned(view, ALICE, &["memberOf"], true), "memberOf");
    assert_eq!(member_of(&nobody), std::slice::from_ref(&users));
    set(&mut entries[7], "member", &[ALICE]);
    assert_eq!(member_of(&view_of(entries)), [users]);
}

/// Syntaxes are those of the schema or of what entries have; forbidden attributes have none.
#[test]
fn syntaxes() {
    use crate::ldap::attribute::AttributeDescription;
    use crate::ldap::schema::Syntax;
    let mut entries = company();
    push(&mut entries[8], "x-shoeSize", b"44");
    let view = view_of(entries);
    for (name, syntax) in [
        ("CN", Some(Syntax::CaseIgnore)),
        ("2.5.4.3", Some(Syntax::CaseIgnore)),
        ("uidNumber", Some(Syntax::LargeInteger)),
        ("x-shoeSize", Some(Syntax::CaseIgnore)),
        ("x-hatSize", None),
        ("unicodePwd", None),
    ] {
        assert_eq!(view.syntax_of(&AttributeDescription::new(name)), syntax, "{name}");
    }
}
