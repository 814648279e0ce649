use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::{DistinguishedName, NormalizedDn};
use crate::ldap::filter::Filter;

const OWN: &str = "DC=corp,DC=example";
const SHOWN: &str = "dc=legacy\\2c inc, dc=\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}";

fn dn(text: &str) -> DistinguishedName {
    DistinguishedName::parse(text).unwrap()
}

fn bases(pairs: &[(&str, &str)]) -> Result<Bases, BaseFault> {
    let mut bases = Bases::default();
    pairs.iter().try_for_each(|(from, to)| bases.add(dn(from), dn(to)))?;
    Ok(bases)
}

fn legacy() -> Bases {
    bases(&[(OWN, SHOWN), ("o=lab", "o=partner")]).unwrap()
}

fn renames(pairs: &[(&str, &str)]) -> Result<Renames, RenameFault> {
    let mut renames = Renames::default();
    pairs.iter().try_for_each(|(own, shown)| renames.add(own, shown))?;
    Ok(renames)
}

fn same(one: &str, other: &str) -> bool {
    NormalizedDn::parse(one).unwrap() == NormalizedDn::parse(other).unwrap()
}

/// RDNs in every way of writing them (RFC 4514 §2.4 and §3).
fn any_rdns() -> impl Strategy<Value = String> {
    let rdns = [
        "CN=alice",
        "cn = J\u{fc}rgen",
        "CN=a\\, b",
        "CN=a\\2C b",
        "ou=x+cn=\\#1",
        "CN=\\C3\\A4",
        "OU=\u{41e}\u{442}\u{434}\u{435}\u{43b}",
        "CN=\\ ends with a blank\\ ",
        "2.5.4.3=oid",
        "CN=\"a,b\"",
        "DC=corp",
        "cn=x\\=y\\+z",
        "CN=jane\\0ADEL:1",
        "o=#04024869",
    ];
    proptest::collection::vec(select(rdns.to_vec()), 0..=4).prop_map(|rdns| rdns.join(", "))
}

fn any_name() -> impl Strategy<Value = String> {
    let bases = [
        OWN,
        "dc=CORP , dc=Example",
        "o=lab",
        "O=Lab",
        "DC=other,DC=example",
        "DC=example",
        "o=labs",
    ];
    (any_rdns(), select(bases.to_vec())).prop_map(|(rdns, base)| {
        if rdns.is_empty() { base.to_owned() } else { format!("{rdns},{base}") }
    })
}

proptest! {
    /// What is shown and asked for again is the same name; what is below the base keeps every escape.
    #[test]
    fn names_come_back(name in any_name()) {
        let bases = legacy();
        let shown = bases.outward(&name).unwrap();
        prop_assert!(same(&bases.inward(&shown), &name), "{} {}", name, shown);
        let moved = ["dc=corp,dc=example", "o=lab"].iter().any(|own| {
            NormalizedDn::parse(&name).unwrap().is_within(&NormalizedDn::parse(own).unwrap())
        });
        prop_assert_eq!(moved, *shown != *name, "{}", shown);
        let again = bases.inward(&shown).into_owned();
        prop_assert_eq!(bases.outward(&again).unwrap(), shown);
    }

    /// Two names that are one to the directory are one to the application, and two stay two.
    #[test]
    fn names_stay_apart(one in any_name(), other in any_name()) {
        let bases = legacy();
        let shown = (bases.outward(&one).unwrap(), bases.outward(&other).unwrap());
        prop_assert_eq!(same(&one, &other), same(&shown.0, &shown.1));
    }

    /// A name of the directory under a moved base leads nowhere.
    #[test]
    fn the_directorys_own_names_lead_nowhere(name in any_name()) {
        let bases = legacy();
        let shown = bases.outward(&name).unwrap();
        if *shown != *name {
            let inward = bases.inward(&name);
            prop_assert!(bases.outward(&inward).is_some_and(|out| !same(&out, &shown)));
            prop_assert!(!same(&inward, &name));
        }
    }

    #[test]
    fn attributes_come_back(name in select(vec!["sAMAccountName", "uid", "mail", "samaccountname", "cn", "rfc822Mailbox"])) {
        let renames = renames(&[("sAMAccountName", "uid"), ("uid", "loginName"), ("mail", "corpMail")]).unwrap();
        let shown = renames.outward(name).unwrap();
        prop_assert_eq!(attribute_key(renames.inward(shown).unwrap()), attribute_key(name));
    }
}

fn attribute_key(name: &str) -> String {
    schema::attribute_type(name).map_or(name, |known| known.name).to_ascii_lowercase()
}

#[test]
fn names_are_written_as_configured() {
    let shown = |name| legacy().outward(name).map(Cow::into_owned);
    let name = format!("CN=a\\2C b,OU=\u{41e},{OWN}");
    let expected = format!("CN=a\\2C b,OU=\u{41e},{}", dn(SHOWN));
    assert_eq!(shown(&name), Some(expected));
    assert_eq!(shown(OWN), Some(dn(SHOWN).to_string()));
    assert_eq!(shown("no name"), Some("no name".to_owned()));
    assert_eq!(shown("cn=x,o=partner"), None, "it would be taken for cn=x,o=lab");
    assert_eq!(legacy().inward("cn=x,o=partner"), "cn=x,o=lab");
    let known = format!("<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,{SHOWN}>");
    let own = format!("<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,{OWN}>");
    assert_eq!(legacy().inward_identity(&known), own);
    assert_eq!(legacy().inward_identity("<SID=S-1-5-32-544>"), "<SID=S-1-5-32-544>");
}

#[test]
fn overlapping_places_are_faults() {
    let fault = |pairs: &[(&str, &str)]| bases(pairs).err();
    assert_eq!(fault(&[(OWN, "dc=CORP,dc=example")]), None, "another spelling");
    assert_eq!(fault(&[(OWN, "")]), Some(BaseFault::Root));
    assert_eq!(fault(&[(OWN, "dc=example")]), Some(BaseFault::Itself));
    assert_eq!(fault(&[(OWN, "ou=x,dc=corp,dc=example")]), Some(BaseFault::Itself));
    for (from, to) in
        [(OWN, "o=z"), ("o=a,o=lab", "o=z"), ("o=z", "o=Y"), ("o=z", "o=x,o=y"), ("o=y", "o=z")]
    {
        let fault = fault(&[("o=lab", "o=y"), (from, to)]);
        let expected = (from != OWN).then_some(BaseFault::Overlap(0));
        assert_eq!(fault, expected, "{from} {to}");
    }
}

#[test]
fn one_name_for_each_attribute() {
    let fault = |pairs: &[(&str, &str)]| renames(pairs).err();
    assert_eq!(fault(&[("mail", "title"), ("title", "mail")]), None, "they change places");
    assert_eq!(fault(&[("mail", "uid"), ("title", "UserId")]), Some(RenameFault::Taken));
    assert_eq!(fault(&[("mail", "uid"), ("rfc822Mailbox", "x")]), Some(RenameFault::Again));
    assert_eq!(fault(&[("mail", "rfc822Mailbox")]), Some(RenameFault::Same));
    let uid = renames(&[("sAMAccountName", "uid")]).unwrap();
    assert_eq!((uid.outward("uid"), uid.inward("samaccountname")), (None, None));
    assert_eq!(uid.inward("0.9.2342.19200300.100.1.1"), Some("sAMAccountName"));
}

#[test]
fn filters_in_the_directorys_terms() {
    let wording = Wording {
        renames: renames(&[("sAMAccountName", "uid"), ("memberOf", "groups")]).unwrap(),
        bases: bases(&[(OWN, "dc=legacy")]).unwrap(),
        ..Wording::default()
    };
    let asked = |text: &str| wording.filter(&Filter::parse(text).unwrap()).to_string();
    for (shown, own) in [
        ("(uid=alice)", "(sAMAccountName=alice)"),
        ("(uid;x=a*)", "(sAMAccountName;x=a*)"),
        ("(&(uid>=a)(!(uid=*)))", "(&(sAMAccountName>=a)(!(sAMAccountName=*)))"),
        ("(groups=CN=crm,DC=Legacy)", "(memberOf=CN=crm,DC=corp,DC=example)"),
        (
            "(groups:1.2.840.113556.1.4.1941:=cn=a,dc=legacy)",
            "(memberOf:1.2.840.113556.1.4.1941:=cn=a,DC=corp,DC=example)",
        ),
        ("(manager=<SID=S-1-5>)", "(manager=<SID=S-1-5>)"),
        ("(objectCategory=person)", "(objectCategory=person)"),
        ("(description=cn=a,dc=legacy)", "(description=cn=a,dc=legacy)"),
        ("(manager=cn=a,dc=corp,dc=example)", "(manager=ldapgate-nowhere=nowhere)"),
        ("(manager=cn=a,o=else)", "(manager=cn=a,o=else)"),
    ] {
        assert_eq!(asked(shown), own, "{shown}");
    }
    for gone in ["(sAMAccountName=alice)", "(memberOf=*)"] {
        assert_eq!(
            wording.filter(&Filter::parse(gone).unwrap()),
            Filter::Present(AttributeDescription::new(""))
        );
    }
}

/// MS-ADTS §3.1.1.1.6: only the name in such a value is one.
#[test]
fn names_behind_octets() {
    let wording = Wording { bases: bases(&[(OWN, "dc=legacy")]).unwrap(), ..Wording::default() };
    let value = |attribute, value: &str| {
        let shown = wording.value(attribute, value.as_bytes()).unwrap().into_owned();
        String::from_utf8(shown).unwrap()
    };
    let known = format!("B:32:A9D1CA15768811D1ADED00C04FD8D5CD:CN=Users,{OWN}");
    let shown = "B:32:A9D1CA15768811D1ADED00C04FD8D5CD:CN=Users,dc=legacy";
    assert_eq!(value("wellKnownObjects", &known), shown);
    assert_eq!(value("description", OWN), OWN);
    assert_eq!(value("manager", OWN), "dc=legacy");
}
