//! Both controllers of a real Active Directory (Samba) go away, and come back.

use super::{HOUR, counts, login, older, sync, told, wait_for_verifiers};
use crate::world::corp;
use crate::world::gate::{Gate, ON_DEMAND};
use crate::world::lab::{Ad, PASSWORD};

/// Judy, Müller and Zhang are in `staff` and not in `vpn-users`; Alice is in both, and Nina in neither.
const OFFLINE: &str =
    "[directory.offline]\ngroups = [\"staff\"]\ndenied_groups = [\"vpn-users\"]\nmax_age = \"1h\"";
const JUDY: (&str, &str) = ("CORP\\judy", PASSWORD);
const MUELLER: (&str, &str) = ("müller@corp.test", PASSWORD);
const ZHANG: (&str, &str) = ("zhang", PASSWORD);
const ALICE: (&str, &str) = ("CORP\\alice", PASSWORD);
const NINA: (&str, &str) = ("CORP\\nina", PASSWORD);
const NEW_PASSWORD: &str = "Neu-Sekret-456!";

const CONTROLLERS: [&str; 2] = ["1", "2"];

fn gate(ad: &Ad) -> Gate {
    let configuration = corp::configuration(ad, "ldaps");
    let configuration = configuration.replace(ON_DEMAND, &format!("{ON_DEMAND}\n{OFFLINE}"));
    Gate::start_in(corp::folder("offline-samba"), &configuration).synced(1)
}

/// Waits until a controller is asked again; Nina gets in by no other way.
fn wait_for_controllers(gate: &mut Gate) {
    gate.wait_for("the controllers", |gate| super::bind(gate, NINA).code() == 0);
}

fn all(ad: &Ad, what: &str) {
    CONTROLLERS.iter().for_each(|number| ad.control(what, &[number]));
}

/// How many logins of an account the controllers have seen.
fn logins_of(ad: &Ad, account: (&str, &str)) -> usize {
    ad.bind_count(account.0.trim_start_matches("CORP\\").trim_end_matches("@corp.test"))
}

fn refused_for(gate: &Gate) -> Vec<String> {
    let events = gate.events("no login without a controller");
    events.iter().map(|event| event["why"].as_str().unwrap().to_owned()).collect()
}

/// As an administrator would, at one controller (MS-ADTS 3.1.1.3.1.5.1).
fn set_password(ad: &Ad, dn: &str, password: &str) {
    let quoted = format!("\"{password}\"");
    let utf16: Vec<u8> = quoted.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let text = String::from_utf8(utf16).unwrap();
    let answer = ad.administrator(1).replace(dn, "unicodePwd", &text);
    assert_eq!(answer.code(), 0, "{answer:?}");
}

#[test]
#[ignore = "lab"]
fn both_controllers_go_away_and_come_back() {
    let ad = Ad::own("offline", 8);
    let mut gate = gate(&ad);
    for account in [JUDY, MUELLER, ZHANG, ALICE, NINA] {
        assert_eq!(login(&gate, account), told(0, "accepted"), "{}", account.0);
    }
    wait_for_verifiers(&mut gate, 3);
    let zhang = "dn: CN=张伟,OU=People,DC=corp,DC=test\nchangetype: modify\n";
    ad.modify(&format!("{zhang}replace: userAccountControl\nuserAccountControl: 514\n"));
    ad.control("sync", &[]);
    sync(&gate);
    wait_for_verifiers(&mut gate, 2);

    all(&ad, "kill");
    let asked = [JUDY, MUELLER, ZHANG, ALICE].map(|account| logins_of(&ad, account));
    assert_eq!(login(&gate, JUDY), told(0, "accepted_offline"));
    assert_eq!(login(&gate, ("judy.sales@alt.example", PASSWORD)), told(0, "accepted_offline"));
    assert_eq!(login(&gate, MUELLER), told(0, "accepted_offline"));
    assert_eq!(login(&gate, (JUDY.0, "wrong")), told(49, "offline_password_wrong"));
    assert_eq!(login(&gate, ZHANG), told(49, "account_disabled"));
    for account in [ALICE, NINA] {
        assert_eq!(login(&gate, account), told(52, "directory_unavailable"), "{}", account.0);
    }
    assert_eq!(refused_for(&gate), ["in_denied_group", "not_in_group"]);

    // An hour is the longest.
    let gate = older(gate, HOUR / 2);
    assert_eq!(login(&gate, JUDY), told(0, "accepted_offline"));
    let mut gate = older(gate, HOUR / 2);
    assert_eq!(counts(&gate)["verifiers"], 0);
    assert_eq!(login(&gate, JUDY), told(52, "directory_unavailable"));

    all(&ad, "startdc");
    wait_for_controllers(&mut gate);
    let before = [JUDY, MUELLER, ZHANG, ALICE].map(|account| logins_of(&ad, account));
    assert_eq!(before, asked, "nothing of the outage was sent later");
    for account in [JUDY, MUELLER] {
        assert_eq!(login(&gate, account), told(0, "accepted"));
    }
    wait_for_verifiers(&mut gate, 2);
    let mueller =
        r#"CN=Jürgen Müller\, Dr. \"JM\" \+\<x\>,OU=Engineering,OU=People,DC=corp,DC=test"#;
    set_password(&ad, mueller, NEW_PASSWORD);
    ad.control("sync", &[]);
    sync(&gate);
    wait_for_verifiers(&mut gate, 1);
    all(&ad, "kill");
    assert_eq!(login(&gate, JUDY), told(0, "accepted_offline"), "whose password is the same");
    for password in [PASSWORD, NEW_PASSWORD] {
        assert_eq!(login(&gate, (MUELLER.0, password)), told(52, "directory_unavailable"));
    }
    assert_eq!(refused_for(&gate).last().unwrap(), "never_verified");
}
