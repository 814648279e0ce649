//! Logging in while no controller can be asked: whom the view lets in, how long a verifier holds, and that no order
//! of attempts passes its budgets.

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ldap::secret::Password;
use crate::policy::offline::{
    Attempt, Conclusion, OfflineConfig, PasswordStamp, Verifier, Withheld, explain, may_enter,
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn config() -> OfflineConfig {
    OfflineConfig { groups: names(&["crm"]), ..OfflineConfig::without_groups() }
}

fn ago(age: Duration) -> String {
    filetime(noon().wall - age)
}

/// Whether Alice or Bob may, after a change of the company. Passwords live for a week here.
fn allowed(
    number: u8,
    config: &OfflineConfig,
    change: impl FnOnce(&mut Vec<Entry>),
) -> Result<PasswordStamp, Withheld> {
    let mut entries = company();
    for number in [ALICE, BOB, EVE] {
        set(entry_of(&mut entries, number), "pwdLastSet", &[&ago(DAY)]);
    }
    let head = entry_of(&mut entries, 1);
    set(head, "maxPwdAge", &["-6048000000000"]);
    set(head, "lockoutDuration", &["-18000000000"]);
    change(&mut entries);
    let view = corp_view(1, entries);
    may_enter(config, view.find_guid(&guid(number)).unwrap(), noon().wall)
}

#[test]
fn groups_decide_who_may() {
    assert!(allowed(ALICE, &config(), |_| ()).is_ok());
    assert!(allowed(BOB, &config(), |_| ()).is_ok(), "by way of crm-nested and crm-loop");
    assert_eq!(allowed(EVE, &config(), |_| ()), Err(Withheld::NotInGroup));
    let denied = |group| OfflineConfig { denied_groups: names(&[group]), ..config() };
    assert_eq!(allowed(BOB, &denied("crm-nested"), |_| ()), Err(Withheld::InDeniedGroup));
    assert!(allowed(ALICE, &denied("crm-nested"), |_| ()).is_ok());
    assert_eq!(allowed(ALICE, &denied("nowhere"), |_| ()), Err(Withheld::GroupUnresolved));
    let nowhere = OfflineConfig { groups: names(&["nowhere"]), ..config() };
    assert_eq!(allowed(ALICE, &nowhere, |_| ()), Err(Withheld::NotInGroup));
    let nobody = OfflineConfig::without_groups();
    assert_eq!(allowed(ALICE, &nobody, |_| ()), Err(Withheld::NotInGroup));
}

/// Each condition broken by itself: the first that is not met is what a login is told, and only that one is broken.
#[test]
fn an_explanation_comes_to_what_a_login_comes_to() {
    let config = |group, denied| OfflineConfig {
        groups: names(&[group]),
        denied_groups: names(&[denied]),
        ..config()
    };
    for (config, locked, expected) in [
        (config("crm", "crm-loop"), "0", [Ok(()), Ok(()), Ok(())]),
        (config("crm", "crm"), "0", [Err(Withheld::InDeniedGroup), Ok(()), Ok(())]),
        (config("crm", "nowhere"), "0", [Err(Withheld::GroupUnresolved), Ok(()), Ok(())]),
        (config("crm-loop", "crm-loop"), "0", [Ok(()), Err(Withheld::NotInGroup), Ok(())]),
        (config("crm", "crm-loop"), "7", [Ok(()), Ok(()), Err(Withheld::Locked)]),
    ] {
        let mut entries = company();
        set(entry_of(&mut entries, ALICE), "pwdLastSet", &["1"]);
        set(entry_of(&mut entries, ALICE), "lockoutTime", &[locked]);
        let view = corp_view(1, entries);
        let alice = view.find_guid(&guid(ALICE)).unwrap();
        let login = may_enter(&config, alice, noon().wall).map(|_| ());
        let steps = explain(&config, alice, None, noon().wall);
        let says = [steps[0].says, steps[1].says, steps[2].says];
        assert_eq!(says, expected);
        assert_eq!(says.into_iter().find(Result::is_err).unwrap_or(Ok(())), login);
    }
}

/// What a login would be told of its verifier, and nothing is taken by looking.
#[test]
fn an_explanation_of_what_is_kept() {
    let mut entries = company();
    set(entry_of(&mut entries, ALICE), "pwdLastSet", &["1"]);
    let view = corp_view(1, entries);
    let alice = view.find_guid(&guid(ALICE)).unwrap();
    let now = noon().wall;
    let look = |verifier: Option<&Verifier>| {
        let [.., step] = explain(&config(), alice, verifier, now);
        (step.says, step.input.text)
    };
    let (says, text) = look(None);
    assert_eq!(says, Err(Withheld::NoVerifier), "{text}");
    assert_eq!(look(Some(&verifier(now - 13 * HOUR))).0, Err(Withheld::TooOld));
    let mut kept = verifier(now - HOUR);
    for used in 0..config().failures {
        let (says, text) = look(Some(&kept));
        let shown =
            format!("3600 s ago, at most 43200 s are allowed; 0 of 50 logins and {used} of 3");
        assert!(says.is_ok() && text.contains(&shown), "{text}");
        let attempt = begin(&mut kept, &config()).unwrap();
        assert!(matches!(end(&mut kept, attempt, "wrong"), Conclusion::Wrong));
    }
    assert_eq!(look(Some(&kept)).0, Err(Withheld::FailuresUsedUp));
}

#[test]
fn states_that_a_controller_judges_keep_out() {
    let with = |name: &str, values: &[&str]| {
        allowed(ALICE, &config(), |entries| set(entry_of(entries, ALICE), name, values))
    };
    assert_eq!(with("lockoutTime", &[&ago(HOUR)]), Err(Withheld::Locked));
    assert_eq!(with("lockoutTime", &["1"]), Err(Withheld::Locked), "over or not");
    assert!(with("lockoutTime", &["0"]).is_ok());
    assert_eq!(with("pwdLastSet", &["0"]), Err(Withheld::MustChange));
    assert_eq!(with("pwdLastSet", &[]), Err(Withheld::StateUnreadable));
    assert_eq!(with("pwdLastSet", &["soon"]), Err(Withheld::StateUnreadable));
    assert_eq!(with("pwdLastSet", &[&ago(8 * DAY)]), Err(Withheld::PasswordExpired));
    assert!(with("pwdLastSet", &[&ago(6 * DAY)]).is_ok());
    let set_at = with("pwdLastSet", &[&ago(HOUR)]);
    assert!(set_at.is_ok() && set_at != with("pwdLastSet", &[&ago(2 * HOUR)]));
}

#[test]
fn openldap_says_it_otherwise() {
    let config = OfflineConfig { groups: names(&["crm"]), ..config() };
    let with = |name: &str, value: &str| {
        let mut anna = person(ANNA, "anna");
        let dn = anna.dn.clone();
        set(&mut anna, name, &[value]);
        let mut crm = Entry { dn: format!("cn=crm,{LAB}"), attributes: Vec::new() };
        set(&mut crm, "objectClass", &["groupOfNames"]);
        set(&mut crm, "cn", &["crm"]);
        set(&mut crm, "member", &[&dn]);
        set(&mut crm, "entryUUID", &[&guid(50).to_string()]);
        let view = lab_view(1, vec![anna, crm]);
        may_enter(&config, view.find_guid(&guid(ANNA)).unwrap(), noon().wall)
    };
    assert_eq!(with("pwdAccountLockedTime", "20231114221320Z"), Err(Withheld::Locked));
    assert_eq!(with("pwdReset", "TRUE"), Err(Withheld::MustChange));
    let changed = with("pwdChangedTime", "20231114221320Z");
    assert!(changed.is_ok() && changed != with("pwdChangedTime", "20231114221321Z"));
    assert!(with("sn", "without a policy").is_ok());
}

/// A verifier of "right", with the least work that Argon2id can do with.
fn verifier(verified_at: SystemTime) -> Verifier {
    let params = Params::new(8, 1, 1, None).unwrap();
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash = argon.hash_password_with_salt(b"right", &[7; 16]).unwrap();
    let stamp = Some("1");
    let (hash, uses, failures) = (hash.to_string(), 0, 0);
    let record = json!({
        "hash": hash, "verified_at": verified_at, "stamp": stamp, "uses": uses, "failures": failures
    });
    Verifier::restored(serde_json::from_value(record).unwrap())
}

fn stamp(text: &str) -> PasswordStamp {
    let mut entries = company();
    set(entry_of(&mut entries, ALICE), "pwdLastSet", &[text]);
    let view = corp_view(1, entries);
    may_enter(&config(), view.find_guid(&guid(ALICE)).unwrap(), noon().wall).unwrap()
}

fn begin(verifier: &mut Verifier, config: &OfflineConfig) -> Result<Attempt, Withheld> {
    let corp = Arc::from("corp");
    verifier.begin(config, (&corp, guid(ALICE)), &stamp("1"), noon().wall)
}

fn end(verifier: &mut Verifier, attempt: Attempt, text: &str) -> Conclusion {
    verifier.conclude(attempt.check(&Password::copy_from(text.as_bytes())))
}

#[test]
fn a_verifier_holds_for_its_password_and_its_time() {
    let (now, second) = (noon().wall, Duration::from_secs(1));
    let most = config().max_age;
    let held = |verified_at| verifier(verified_at).holds(&config(), &stamp("1"), now);
    assert_eq!(held(now), Ok(()));
    assert_eq!(held(now - most), Ok(()));
    assert_eq!(held(now - most - second), Err(Withheld::TooOld));
    assert_eq!(held(now + second), Err(Withheld::TooOld), "a clock that was set back");
    let changed = verifier(now).holds(&config(), &stamp("2"), now);
    assert_eq!(changed, Err(Withheld::PasswordChanged));
    let old = begin(&mut verifier(now - most - second), &config());
    assert_eq!(old.err(), Some(Withheld::TooOld), "also where somebody tries");
}

#[test]
fn a_verifier_is_made_anew_when_that_gains_something() {
    let now = noon().wall;
    let good = |verifier: &Verifier, text| verifier.is_as_good_as_new(&config(), &stamp(text), now);
    assert!(good(&verifier(now - HOUR), "1"));
    assert!(!good(&verifier(now - HOUR), "2"), "another password");
    assert!(!good(&verifier(now - 7 * HOUR), "1"), "half of the time is over");
    let month = OfflineConfig { max_age: 30 * DAY, ..config() };
    assert!(!verifier(now - DAY).is_as_good_as_new(&month, &stamp("1"), now), "of yesterday");
    let mut used = verifier(now);
    let attempt = begin(&mut used, &config()).unwrap();
    assert!(!good(&used, "1"), "somebody tries");
    assert!(matches!(end(&mut used, attempt, "right"), Conclusion::Verified(_)));
    assert!(!good(&used, "1"), "a use has to be given back");
}

#[test]
fn what_was_compared_with_another_verifier_counts_for_nothing() {
    let mut old = verifier(noon().wall);
    let attempt = begin(&mut old, &config()).unwrap();
    let right = Password::copy_from(b"right");
    let mut new = Verifier::of(&right, &[8; 16], stamp("1"), noon().wall).unwrap();
    assert!(matches!(end(&mut new, attempt, "right"), Conclusion::Superseded));
    let attempt = begin(&mut new, &config()).unwrap();
    assert!(matches!(end(&mut new, attempt, "wrong"), Conclusion::Wrong));
    let attempt = begin(&mut new, &config()).unwrap();
    assert!(matches!(end(&mut new, attempt, "right"), Conclusion::Verified(_)));
}

#[test]
fn the_proof_is_about_one_account() {
    let mut verifier = verifier(noon().wall);
    let attempt = begin(&mut verifier, &config()).unwrap();
    let Conclusion::Verified(evidence) = end(&mut verifier, attempt, "right") else { panic!() };
    let (world, application) = (corp(1, company()), Arc::new(application()));
    let permit = |name: &[u8]| {
        let name = BindName::read(name).unwrap();
        judge(&world, &application, &name, noon()).unwrap().confirm_offline(&evidence)
    };
    assert!(permit(b"alice").is_some());
    assert!(permit(b"bob").is_none());
    assert!(!evidence.is_of("lab", guid(ALICE)));
}

/// One step on a verifier.
#[derive(Clone, Debug)]
enum Step {
    Begin,
    /// Ends an attempt that is under way, by its place, with the right password or a wrong one.
    End(usize, bool),
    /// The program is started anew: what was under way is gone.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Begin),
        3 => (0..5_usize, any::<bool>()).prop_map(|(place, right)| Step::End(place, right)),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_order_of_attempts_passes_the_budgets(
        steps in proptest::collection::vec(step(), 1..60),
        failures in 1..5_u32,
        uses in 1..8_u32,
    ) {
        let config = OfflineConfig { failures, uses, ..config() };
        let mut verifier = verifier(noon().wall);
        let mut under_way = Vec::new();
        let (mut wrong, mut right) = (0, 0);
        for step in steps {
            match step {
                Step::Begin => {
                    let begun = begin(&mut verifier, &config);
                    let under = u32::try_from(under_way.len()).unwrap();
                    // Exactly then, so that nobody is kept out who has something left.
                    prop_assert_eq!(begun.is_ok(), wrong + under < failures && right + under < uses);
                    under_way.extend(begun.ok());
                }
                Step::End(place, is_right) if place < under_way.len() => {
                    let attempt = under_way.remove(place);
                    match end(&mut verifier, attempt, if is_right { "right" } else { "wrong" }) {
                        Conclusion::Verified(_) => right += 1,
                        Conclusion::Wrong => wrong += 1,
                        Conclusion::Superseded => prop_assert!(false),
                    }
                }
                Step::End(..) => {}
                Step::Restart => {
                    let octets = serde_json::to_vec(&verifier.record()).unwrap();
                    verifier = Verifier::restored(serde_json::from_slice(&octets).unwrap());
                    under_way.clear();
                }
            }
            prop_assert!(wrong <= failures && right <= uses, "{} wrong, {} right", wrong, right);
        }
    }
}
