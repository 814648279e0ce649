//! From a name to one account (MS-ADTS 5.1.1.1.1).

use super::*;
use crate::policy::name::{MAX_NAME_OCTETS, resolve};

fn found(world: &World, application: &Application, name: &str) -> Result<u8, Refusal> {
    let name = BindName::read(name.as_bytes())?;
    resolve(world, application, &name).map(|resolved| resolved.guid.0[0])
}

/// Every form of MS-ADTS 5.1.1.1.1 that can reach a user, in many spellings, is one account.
#[test]
fn every_form_names_the_same_account() {
    let world = corp(1, company());
    let id = guid(ALICE).to_string();
    for name in [
        "CN=alice,OU=People,DC=corp,DC=example",
        "cn = ALICE , ou=people;dc=CORP,dc=example",
        r"CN=\61lice,OU=People,DC=corp,DC=example",
        "alice@corp.example",
        "ALICE@Corp.Example",
        "alice@mail.example",
        "CORP\\alice",
        "corp\\ALICE",
        "corp.example\\alice",
        "corp.example/People/alice",
        "Corp.Example/people/ALICE",
        &id,
        &id.to_uppercase(),
        &format!("<GUID={id}>"),
        &format!("{{{id}}}"),
        "S-1-5-21-1-2-3-1011",
        "<SID=S-1-5-21-1-2-3-1011>",
        "alice",
        " Alice ",
        "\u{ff41}lice",
    ] {
        assert_eq!(found(&world, &application(), name), Ok(ALICE), "{name:?}");
    }
}

/// RFC 4518 §2.2 and §2.3: composed and decomposed spellings are one name; MS-ADTS 3.1.1.4.5.4: `\/` is a
/// slash within a name.
#[test]
fn marks_and_slashes() {
    let world = corp(1, company());
    for name in [
        "j\u{fc}rgen",
        "ju\u{308}rgen",
        "JU\u{308}RGEN@corp.example",
        "CORP\\ju\u{308}rgen",
        "CN=Ju\u{308}rgen A/B,OU=Sales,OU=People,DC=corp,DC=example",
        "corp.example/People/Sales/J\u{fc}rgen A\\/B",
    ] {
        assert_eq!(found(&world, &application(), name), Ok(JUERGEN), "{name:?}");
    }
    let unescaped = "corp.example/People/Sales/J\u{fc}rgen A/B";
    assert_eq!(found(&world, &application(), unescaped), Err(Refusal::Unknown));
}

#[test]
fn what_names_nobody() {
    let world = corp(1, company());
    for name in [
        "",
        " ",
        "nobody",
        "alice@other.example",
        "OTHER\\alice",
        "other.example\\alice",
        "mail.example\\alice",
        "\\alice",
        "@corp.example",
        "other.example/People/alice",
        "corp.example/alice",
        "corp.example/",
        "CN=alice,OU=Sales,OU=People,DC=corp,DC=example",
        "CN=crm,OU=Groups,DC=corp,DC=example",
        "CORP\\crm",
        "crm",
        "<GUID=zz>",
        "<WHAT=alice>",
        "<alice>",
        "S-1-5-21-1-2-3-1021",
        "OU=People,DC=corp,DC=example",
        "ali*",
        "*",
        "alice)(cn=*",
    ] {
        assert_eq!(found(&world, &application(), name), Err(Refusal::Unknown), "{name:?}");
    }
}

/// Some controllers cut at a NUL; and a name must look like what it says.
#[test]
fn malformed_names() {
    for name in ["alice\0", "\0", "ali\nce", "alice\u{200b}", "\u{202e}ecila", "\u{feff}alice"] {
        assert_eq!(BindName::read(name.as_bytes()), Err(Refusal::NameMalformed), "{name:?}");
    }
    assert_eq!(BindName::read(&[b'a', 0xff]), Err(Refusal::NameMalformed));
    assert!(BindName::read(&vec![b'a'; MAX_NAME_OCTETS]).is_ok());
    assert_eq!(BindName::read(&vec![b'a'; MAX_NAME_OCTETS + 1]), Err(Refusal::NameMalformed));
}

/// The first form that matches decides: a userPrincipalName comes before the implicit one and before
/// the account name.
#[test]
fn forms_are_tried_in_order() {
    let mut entries = company();
    set(entry_of(&mut entries, EVE), "userPrincipalName", &["alice@corp.example"]);
    set(entry_of(&mut entries, ALICE), "userPrincipalName", &["a.liddell@corp.example"]);
    set(entry_of(&mut entries, JUERGEN), "userPrincipalName", &["bob"]);
    let world = corp(1, entries);
    for (name, account) in [
        ("alice@corp.example", EVE),
        ("alice", ALICE),
        ("CORP\\alice", ALICE),
        ("alice@mail.example", ALICE),
        ("bob", JUERGEN),
        ("CORP\\bob", BOB),
    ] {
        assert_eq!(found(&world, &application(), name), Ok(account), "{name:?}");
    }
}

#[test]
fn more_than_one_match_refuses() {
    let mut entries = company();
    set(entry_of(&mut entries, BOB), "userPrincipalName", &["alice@corp.example"]);
    let world = corp(1, entries);
    assert_eq!(found(&world, &application(), "Alice@corp.example"), Err(Refusal::Ambiguous));
    assert_eq!(found(&world, &application(), "alice"), Ok(ALICE), "another form is not ambiguous");

    let mut entries = company();
    let mut twin = user(60, "twin", CORP);
    twin.dn = format!("OU=alice,OU=People,{CORP}");
    set(&mut twin, "cn", &["alice"]);
    entries.push(twin);
    let canonical = found(&corp(1, entries), &application(), "corp.example/People/alice");
    assert_eq!(canonical, Err(Refusal::Ambiguous), "an OU and a CN of one canonical name");
}

#[test]
fn two_directories() {
    let lab = || lab_view(2, vec![person(ANNA, "anna"), person(32, "alice")]);
    let world = both(Some(corp_view(1, company())), Some(lab()));
    for (name, account) in [
        ("anna", Ok(ANNA)),
        ("bob", Ok(BOB)),
        ("alice", Err(Refusal::Ambiguous)),
        ("CORP\\alice", Ok(ALICE)),
        ("alice@corp.example", Ok(ALICE)),
        ("uid=alice,ou=people,dc=lab,dc=example", Ok(32)),
        ("UID=Anna,OU=People,DC=lab,DC=example", Ok(ANNA)),
        ("anna@corp.example", Err(Refusal::Unknown)),
        ("CORP\\anna", Err(Refusal::Unknown)),
    ] {
        assert_eq!(found(&world, &on_both(), name), account, "{name:?}");
    }
    assert_eq!(
        found(&world, &application(), "alice"),
        Ok(ALICE),
        "not its directory, not its name"
    );
    assert_eq!(found(&world, &application(), "anna"), Err(Refusal::Unknown));

    let half = both(Some(corp_view(1, company())), None);
    assert_eq!(found(&half, &on_both(), "bob"), Err(Refusal::ViewNotReady), "lab may have a bob");
    assert_eq!(found(&half, &on_both(), "anna"), Err(Refusal::ViewNotReady));
    assert_eq!(found(&half, &on_both(), "CORP\\bob"), Ok(BOB));
    assert_eq!(found(&half, &application(), "bob"), Ok(BOB));
}

/// A name says which directory it is of by its UPN suffix, its NetBIOS or DNS domain, or the end of its distinguished
/// name; a bare name says nothing, and is refused where two directories have it.
#[test]
fn names_are_routed_to_their_directory() {
    const TWIN: u8 = 61;
    let lab = vec![person(ANNA, "anna"), person(TWIN, "alice"), person(62, "eve@lab.example")];
    let world = both(Some(corp_view(1, company())), Some(lab_view(2, lab)));
    for (name, account) in [
        ("alice@corp.example", Ok(ALICE)),
        ("alice@mail.example", Ok(ALICE)),
        ("CORP\\alice", Ok(ALICE)),
        ("corp.example\\alice", Ok(ALICE)),
        (&*people("alice"), Ok(ALICE)),
        ("corp.example/People/alice", Ok(ALICE)),
        ("alice@lab.example", Ok(TWIN)),
        ("ALICE@Lab.Example", Ok(TWIN)),
        ("lab.example\\alice", Ok(TWIN)),
        ("uid=alice,ou=people,dc=lab,dc=example", Ok(TWIN)),
        ("eve@lab.example", Ok(62)),
        ("alice", Err(Refusal::Ambiguous)),
        ("anna", Ok(ANNA)),
        ("bob", Ok(BOB)),
        ("anna@corp.example", Err(Refusal::Unknown)),
        ("CORP\\anna", Err(Refusal::Unknown)),
        ("LAB\\anna", Err(Refusal::Unknown)),
        ("bob@lab.example", Err(Refusal::Unknown)),
        ("anna@example", Err(Refusal::Unknown)),
    ] {
        assert_eq!(found(&world, &on_both(), name), account, "{name}");
    }
    // A uid that looks like a name and a domain, beside one that is the name.
    let lab = vec![person(ANNA, "anna"), person(62, "anna@lab.example")];
    let world = both(Some(corp_view(1, company())), Some(lab_view(3, lab)));
    assert_eq!(found(&world, &on_both(), "anna@lab.example"), Err(Refusal::Ambiguous));
}
