//! Attributes that are worked out (MS-ADTS §3.1.1.4.5), and comparisons on them (RFC 4511 §4.10).

use super::*;
use crate::ldap::attribute::AttributeDescription;

/// 100-nanosecond steps in a day.
const DAY: i64 = 864_000_000_000;

/// `moment()` in 100-nanosecond steps since 1601.
fn now() -> i64 {
    (1_700_000_000 + 11_644_473_600) * 10_000_000
}

fn asked(view: &View, at: EntryRef<'_>, name: &str, audience: &dyn Audience) -> Vec<String> {
    let plan = view.plan(&Selection::parse(&[name.to_owned()], false), audience, false);
    let mut octets = Vec::new();
    let id = MessageId::new(5).unwrap();
    view.write_planned(&mut octets, id, at.slot(), &plan, audience, moment());
    texts(&decode(&octets), name)
}

/// A company whose domain ends passwords after 42 days and locks for half a day.
fn with_policy(alice: &[(&str, String)], policy: &[(&str, &str)]) -> View {
    let mut entries = company();
    for (name, value) in policy {
        set(&mut entries[14], name, &[value]);
    }
    for (name, value) in alice {
        set(&mut entries[8], name, &[value]);
    }
    assert_eq!((entries[8].dn.as_str(), entries[14].dn.as_str()), (ALICE, DOMAIN));
    view_of(entries)
}

const POLICY: [(&str, &str); 2] =
    [("maxPwdAge", "-36288000000000"), ("lockoutDuration", "-432000000000")];
const FOREVER: [(&str, &str); 2] =
    [("maxPwdAge", "-9223372036854775808"), ("lockoutDuration", "-9223372036854775808")];
const ZERO: [(&str, &str); 2] = [("maxPwdAge", "0"), ("lockoutDuration", "0")];

/// MS-ADTS §3.1.1.4.5.17: 0x10 while the lockout lasts, 0x800000 once the password is too old.
#[test]
fn account_control() {
    let set_at = |days: i64| ("pwdLastSet", (now() - days * DAY).to_string());
    let locked = |hours: i64| ("lockoutTime", (now() - hours * DAY / 24).to_string());
    let flags = |flags: i64| ("userAccountControl", flags.to_string());
    let cases = [
        (vec![set_at(41)], POLICY, "0"),
        (vec![set_at(43)], POLICY, "8388608"),
        (vec![set_at(43)], FOREVER, "0"),
        (vec![set_at(43)], ZERO, "0"),
        (vec![("pwdLastSet", "0".to_owned())], FOREVER, "8388608"),
        (vec![], POLICY, "8388608"),
        (vec![set_at(43), flags(0x1_0200)], POLICY, "0"),
        (vec![set_at(43), flags(0x4_0200)], POLICY, "0"),
        (vec![set_at(43), flags(0x0800)], POLICY, "0"),
        (vec![set_at(1), locked(11)], POLICY, "16"),
        (vec![set_at(1), locked(13)], POLICY, "0"),
        (vec![set_at(1), locked(1000)], FOREVER, "16"),
        (vec![set_at(1), locked(1000)], ZERO, "16"),
        (vec![set_at(1), ("lockoutTime", "0".to_owned())], ZERO, "0"),
        (vec![set_at(43), locked(11)], POLICY, "8388624"),
    ];
    for (alice, policy, expected) in cases {
        let view = with_policy(&alice, &policy);
        let name = "msDS-User-Account-Control-Computed";
        assert_eq!(asked(&view, at(&view, ALICE), name, &Everyone), [expected], "{alice:?}");
        assert!(asked(&view, at(&view, STAFF), name, &Everyone).is_empty(), "users only");
    }
    let unknown = company_view();
    let name = "msDS-User-Account-Control-Computed";
    assert!(
        asked(&unknown, at(&unknown, ALICE), name, &Everyone).is_empty(),
        "no policy, no flags"
    );
}

/// Nobody but users below OU=People is shown.
struct NoUsers;

impl Audience for NoUsers {
    fn sees(&self, entry: EntryRef<'_>) -> bool {
        entry.kind() != EntryKind::User
    }

    fn shows(&self, _: &str) -> bool {
        true
    }
}

/// MS-ADTS §3.1.1.4.5.15, X.501 §14.4.4: what tree browsers ask; hidden entries do not count.
#[test]
fn subordinates() {
    let view = company_view();
    let people = format!("OU=People,{DOMAIN}");
    let sales = format!("OU=Sales,{people}");
    for (dn, audience, count) in [
        (DOMAIN, &Everyone as &dyn Audience, "2"),
        (&people, &Everyone, "3"),
        (&people, &NoUsers, "1"),
        (&sales, &Everyone, "1"),
        (&sales, &NoUsers, "0"),
        (ALICE, &Everyone, "0"),
    ] {
        let any = if count == "0" { "FALSE" } else { "TRUE" };
        let entry = at(&view, dn);
        assert_eq!(asked(&view, entry, "hasSubordinates", audience), [any], "{dn}");
        assert_eq!(asked(&view, entry, "numSubordinates", audience), [count], "{dn}");
        assert_eq!(
            asked(&view, entry, "msDS-Approx-Immed-Subordinates", audience),
            [count],
            "{dn}"
        );
    }
    let view = openldap_view();
    let base = at(&view, "dc=example,dc=org");
    assert_eq!(asked(&view, base, "numSubordinates", &Everyone), ["4"]);
    assert!(asked(&view, base, "msDS-Approx-Immed-Subordinates", &Everyone).is_empty());
    let operational = answer(&view, base, &["+"], false, &Everyone);
    assert_eq!(texts(&operational, "hasSubordinates"), ["TRUE"]);
    assert_eq!(texts(&operational, "entryDN"), ["dc=example,dc=org"]);
    assert!(!names(&operational).contains(&"numSubordinates"));
}

/// MS-ADTS §3.1.1.4.5.19 and .20: security groups; those among them that hold beyond their domain.
#[test]
fn token_groups() {
    let mut entries = company();
    let kind = |dn: &str, flags: i64, entries: &mut Vec<Entry>| {
        let entry = entries.iter_mut().find(|entry| entry.dn.starts_with(dn)).unwrap();
        set(entry, "groupType", &[&flags.to_string()]);
    };
    // Universal; local to the domain; built in.
    kind("CN=nested-a,", -0x8000_0000 + 8, &mut entries);
    kind("CN=nested-b,", -0x8000_0000 + 4, &mut entries);
    kind("CN=staff,", -0x8000_0000 + 5, &mut entries);
    let view = view_of(entries);
    for (name, expected) in [
        ("tokenGroups", &[513, 1021, 1022, 1023, 1024][..]),
        ("tokenGroupsNoGCAcceptable", &[513, 1021, 1022, 1023, 1024]),
        ("tokenGroupsGlobalAndUniversal", &[513, 1022, 1023]),
    ] {
        let entry = answer(&view, at(&view, ALICE), &[name], false, &Everyone);
        let mut groups = entry.values(name).to_vec();
        let mut wanted: Vec<_> = expected.iter().map(|id| sid(*id).octets().to_vec()).collect();
        groups.sort();
        wanted.sort();
        assert_eq!(groups, wanted, "{name}");
    }
}

/// MS-ADTS §3.1.1.4.5: the entry above, the classes.
#[test]
fn what_the_tree_says() {
    let view = company_view();
    let parent = |dn: &str, audience: &dyn Audience| {
        let entry = answer(&view, at(&view, dn), &["parentGUID"], false, audience);
        entry.first("parentGUID").and_then(Guid::from_ad_octets)
    };
    assert_eq!(parent(ALICE, &Everyone), Some(guid(2)));
    assert_eq!(parent(&format!("OU=People,{DOMAIN}"), &NoUsers), Some(guid(1)));
    assert_eq!(parent(DOMAIN, &Everyone), None, "the head of a naming context");
    let classes = asked(&view, at(&view, ALICE), "structuralObjectClass", &Everyone);
    assert_eq!(classes, ["top", "person", "organizationalPerson", "user"]);

    // The entry above is not told to whom it is not shown.
    let mut entries = company();
    entries.push(user(60, "below", ALICE));
    let view = view_of(entries);
    let below = format!("CN=below,{ALICE}");
    let told = |audience: &dyn Audience| {
        asked_octets(&view, at(&view, &below), "parentGUID", audience).first().cloned()
    };
    assert_eq!(told(&Everyone), Some(guid(11).ad_octets().to_vec()));
    assert_eq!(told(&NoUsers), None);
}

fn asked_octets(
    view: &View,
    at: EntryRef<'_>,
    name: &str,
    audience: &dyn Audience,
) -> Vec<Vec<u8>> {
    answer(view, at, &[name], false, audience).values(name).to_vec()
}

/// RFC 4511 §4.10: on what is stored, on what is worked out, and on what is not shown.
#[test]
fn comparisons() {
    let view = with_policy(&[("pwdLastSet", "0".to_owned())], &POLICY);
    let people = format!("OU=People,{DOMAIN}");
    let users = format!("CN=Domain Users,OU=Groups,{DOMAIN}");
    let compare = |dn: &str, name: &str, value: &str, primary| {
        let attribute = AttributeDescription::of_filter(name.as_bytes());
        at(&view, dn).compare_as(&attribute, value.as_bytes(), &NoUsers, moment(), primary)
    };
    let control = "msDS-User-Account-Control-Computed";
    for (dn, name, value, expected) in [
        (ALICE, "SAMACCOUNTNAME", "Alice", Some(true)),
        (ALICE, "sAMAccountName", "bob", Some(false)),
        (ALICE, "memberOf", "cn=Staff, ou=groups, dc=corp, dc=example", Some(true)),
        (ALICE, "memberOf", "not a name", Some(false)),
        (ALICE, "memberOf", users.as_str(), Some(false)),
        (ALICE, "manager", "CN=BOB,OU=sales,OU=people,DC=corp,DC=example", Some(true)),
        (ALICE, "distinguishedName", "cn=alice,ou=people,dc=corp,dc=example", Some(true)),
        (ALICE, "canonicalName", "CORP.example/people/alice", Some(true)),
        (ALICE, control, "8388608", Some(true)),
        (ALICE, control, "0", Some(false)),
        (STAFF, control, "0", None),
        (STAFF, "primaryGroupToken", "1021", Some(true)),
        (ALICE, "primaryGroupToken", "1021", None),
        (&people, "numSubordinates", "1", Some(true)),
        (&people, "numSubordinates", "3", Some(false)),
        (ALICE, "description", "x", None),
        (ALICE, "noSuchThing", "x", None),
        (ALICE, "not a name", "x", None),
        (ALICE, "unicodePwd", "x", None),
    ] {
        assert_eq!(compare(dn, name, value, false), expected, "{name}={value} of {dn}");
    }
    assert_eq!(compare(ALICE, "memberOf", &users.to_lowercase(), true), Some(true));
    assert_eq!(compare(ALICE, "MEMBEROF", STAFF, true), Some(true));
    assert_eq!(compare(ALICE, "memberOf", ALICE, true), Some(false));

    struct Nothing;
    impl Audience for Nothing {
        fn sees(&self, _: EntryRef<'_>) -> bool {
            true
        }
        fn shows(&self, _: &str) -> bool {
            false
        }
    }
    let name = AttributeDescription::new("cn");
    assert_eq!(at(&view, ALICE).compare_as(&name, b"alice", &Nothing, moment(), false), None);
}
