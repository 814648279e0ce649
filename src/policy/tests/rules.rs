//! The rules, alone and together. Invariant 11: adding a rule never permits more.

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::*;
use crate::policy::rules::{RULES, Subject, check_all};

fn people_only() -> Application {
    Application { bases: vec![base(&format!("ou=people, {CORP}"))], ..application() }
}

#[test]
fn bases() {
    let world = corp(1, company());
    let excluded = Application {
        excluded_bases: vec![base(&format!("OU=Sales,OU=People,{CORP}"))],
        ..people_only()
    };
    for (application, name, judgement) in [
        (people_only(), "alice", Ok(ALICE)),
        (people_only(), "j\u{fc}rgen", Ok(JUERGEN)),
        (people_only(), "eve", Err(Refusal::OutOfScope)),
        (excluded.clone(), "alice", Ok(ALICE)),
        (excluded, "j\u{fc}rgen", Err(Refusal::OutOfScope)),
    ] {
        assert_eq!(judged(&world, &application, name), judgement, "{name}");
    }
    // OU=People of another name is no part of it, whatever the text looks like.
    let mut entries = company();
    entry_of(&mut entries, EVE).dn = format!("CN=eve,OU=XOU\\=People,{CORP}");
    assert_eq!(judged(&corp(2, entries), &people_only(), "eve"), Err(Refusal::OutOfScope));
    // A base of one directory says nothing about another.
    let mut other = people_only();
    other.bases[0].directory = Some(Arc::from("lab"));
    assert_eq!(judged(&world, &other, "alice"), Err(Refusal::OutOfScope));
}

/// RFC 4511 §4.5.1.7: a filter that is Undefined does not match.
#[test]
fn user_filter() {
    let world = corp(1, company());
    for (text, judgement) in [
        ("(sAMAccountName=AL*)", Ok(ALICE)),
        ("(memberOf:1.2.840.113556.1.4.1941:=CN=crm,OU=Groups,DC=corp,DC=example)", Ok(ALICE)),
        ("(sAMAccountName=bob)", Err(Refusal::FilteredOut)),
        ("(!(nosuchattribute=1))", Err(Refusal::FilteredOut)),
        ("(!(mail=*))", Ok(ALICE)),
    ] {
        let application = Application { user_filter: filter(text), ..application() };
        assert_eq!(judged(&world, &application, "alice"), judgement, "{text}");
    }
}

/// Nested membership, cycles, the primary group, and names that stand for nothing or too much.
#[test]
fn required_groups() {
    let world = corp(1, company());
    let requires = |list: &[&str], name: &str| {
        let application = Application { required_groups: names(list), ..application() };
        judged(&world, &application, name)
    };
    let not_in = Err(Refusal::NotInRequiredGroup);
    assert_eq!(requires(&["crm"], "alice"), Ok(ALICE));
    assert_eq!(requires(&["crm"], "bob"), Ok(BOB), "nested");
    assert_eq!(requires(&["crm-loop"], "bob"), Ok(BOB), "through a cycle");
    assert_eq!(requires(&["crm-loop"], "alice"), not_in);
    assert_eq!(requires(&["crm"], "eve"), not_in);
    assert_eq!(requires(&["Domain Users"], "eve"), Ok(EVE), "by primaryGroupID");
    assert_eq!(requires(&["cn=CRM, ou=Groups, dc=corp, dc=example"], "alice"), Ok(ALICE));
    assert_eq!(requires(&["empty", "crm"], "alice"), Ok(ALICE), "one of several is enough");
    assert_eq!(requires(&["nosuchgroup"], "alice"), not_in);
    assert_eq!(requires(&["OU=People,DC=corp,DC=example"], "alice"), not_in, "no group");
}

/// An ambiguous name grants nothing and denies by everything it could mean.
#[test]
fn ambiguous_group_names() {
    let mut entries = company();
    let mut twin = group(50, "other", &[]);
    set(&mut twin, "cn", &["crm"]);
    entries.push(twin);
    let world = corp(1, entries);
    let requires = Application { required_groups: names(&["crm"]), ..application() };
    assert_eq!(judged(&world, &requires, "alice"), Err(Refusal::NotInRequiredGroup));
    let denies = Application { denied_groups: names(&["crm"]), ..application() };
    assert_eq!(judged(&world, &denies, "alice"), Err(Refusal::InDeniedGroup));
    assert_eq!(judged(&world, &denies, "eve"), Ok(EVE));
}

#[test]
fn denied_groups() {
    let world = corp(1, company());
    let denies = |list: &[&str], name: &str| {
        judged(&world, &Application { denied_groups: names(list), ..application() }, name)
    };
    assert_eq!(denies(&["crm"], "alice"), Err(Refusal::InDeniedGroup));
    assert_eq!(denies(&["crm"], "bob"), Err(Refusal::InDeniedGroup), "nested");
    assert_eq!(denies(&["Domain Users"], "eve"), Err(Refusal::InDeniedGroup), "primary group");
    assert_eq!(denies(&["crm"], "eve"), Ok(EVE));
    assert_eq!(denies(&["nosuchgroup"], "eve"), Err(Refusal::GroupUnresolved));
    assert_eq!(denies(&["empty", "crm"], "alice"), Err(Refusal::InDeniedGroup));
    let both = Application {
        required_groups: names(&["crm"]),
        denied_groups: names(&["crm-nested"]),
        ..application()
    };
    assert_eq!(judged(&world, &both, "bob"), Err(Refusal::InDeniedGroup), "denied wins");
    assert_eq!(judged(&world, &both, "alice"), Ok(ALICE));
}

/// With several directories a denied group has to be in one of them, or nobody can be cleared of it.
#[test]
fn denied_groups_of_two_directories() {
    let denies = |list: &[&str]| Application { denied_groups: names(list), ..on_both() };
    let lab = || Some(lab_view(2, vec![person(ANNA, "anna")]));
    let world = both(Some(corp_view(1, company())), lab());
    assert_eq!(judged(&world, &denies(&["crm"]), "anna"), Ok(ANNA), "corp has it");
    assert_eq!(judged(&world, &denies(&["crm"]), "alice"), Err(Refusal::InDeniedGroup));
    assert_eq!(judged(&world, &denies(&["mistyped"]), "anna"), Err(Refusal::GroupUnresolved));
    assert_eq!(judged(&world, &denies(&["mistyped"]), "eve"), Err(Refusal::GroupUnresolved));
    let half = both(None, lab());
    let anna = "uid=anna,ou=people,dc=lab,dc=example";
    assert_eq!(judged(&half, &denies(&["crm"]), anna), Err(Refusal::ViewNotReady));
}

/// The order of the reasons: state, bases, filter, denied, required.
#[test]
fn the_first_refusal_decides() {
    let mut entries = company();
    set(entry_of(&mut entries, EVE), "userAccountControl", &["514"]);
    let mut all = Application {
        user_filter: filter("(cn=x)"),
        denied_groups: names(&["Domain Users"]),
        required_groups: names(&["empty"]),
        ..people_only()
    };
    assert_eq!(judged(&corp(1, entries), &all, "eve"), Err(Refusal::Disabled));
    let world = corp(2, company());
    assert_eq!(judged(&world, &all, "eve"), Err(Refusal::OutOfScope));
    all.bases.clear();
    assert_eq!(judged(&world, &all, "eve"), Err(Refusal::FilteredOut));
    all.user_filter = None;
    assert_eq!(judged(&world, &all, "eve"), Err(Refusal::InDeniedGroup));
    all.denied_groups.clear();
    assert_eq!(judged(&world, &all, "eve"), Err(Refusal::NotInRequiredGroup));
}

/// Service accounts live outside the scope, are refused like anybody when disabled or expired, and are
/// who their name says on the present view.
#[test]
fn service_accounts() {
    let by = |configured: &str| Application {
        service_accounts: names(&[configured]),
        required_groups: names(&["crm"]),
        ..people_only()
    };
    let id = guid(SERVICE).to_string();
    let world = corp(1, company());
    for form in ["svc-crm", "CORP\\svc-crm", &format!("CN=svc-crm,OU=Service,{CORP}"), &id] {
        assert_eq!(judged(&world, &by(form), "svc-crm@corp.example"), Ok(SERVICE), "{form}");
        assert_eq!(judged(&world, &by(form), "eve"), Err(Refusal::OutOfScope), "{form}");
    }
    let mut entries = company();
    set(entry_of(&mut entries, SERVICE), "userAccountControl", &["514"]);
    assert_eq!(judged(&corp(2, entries), &by(&id), "svc-crm"), Err(Refusal::Disabled));
    let mut entries = company();
    set(entry_of(&mut entries, SERVICE), "accountExpires", &[&filetime(noon().wall)]);
    assert_eq!(judged(&corp(3, entries), &by(&id), "svc-crm"), Err(Refusal::Expired));
}

/// An account named by its GUID keeps the role through a rename; whoever takes its old name does not
/// gain it. Nor does somebody who writes that name into a userPrincipalName.
#[test]
fn no_look_alike_becomes_a_service_account() {
    let by =
        |configured: &str| Application { service_accounts: names(&[configured]), ..people_only() };
    let mut entries = company();
    set(entry_of(&mut entries, SERVICE), "sAMAccountName", &["renamed"]);
    entry_of(&mut entries, SERVICE).dn = format!("CN=renamed,{CORP}");
    set(entry_of(&mut entries, SERVICE), "userPrincipalName", &["renamed@corp.example"]);
    set(entry_of(&mut entries, EVE), "sAMAccountName", &["svc-crm"]);
    set(entry_of(&mut entries, EVE), "userPrincipalName", &["svc-crm@corp.example"]);
    let world = corp(1, entries);
    let id = guid(SERVICE).to_string();
    assert_eq!(judged(&world, &by(&id), "renamed"), Ok(SERVICE));
    assert_eq!(judged(&world, &by(&id), "svc-crm"), Err(Refusal::OutOfScope));

    let mut entries = company();
    set(entry_of(&mut entries, EVE), "userPrincipalName", &["svc-crm"]);
    let world = corp(2, entries);
    assert_eq!(judged(&world, &by("svc-crm"), "CORP\\eve"), Err(Refusal::OutOfScope));
    assert_eq!(judged(&world, &by("svc-crm"), "svc-crm"), Err(Refusal::OutOfScope));
    assert_eq!(judged(&world, &by("CORP\\svc-crm"), "CORP\\svc-crm"), Ok(SERVICE));
}

/// Somebody else's directory is never judged for an application, even by identity.
#[test]
fn an_account_of_another_directory() {
    use crate::policy::judge::judge_resolved;
    use crate::policy::name::Resolved;
    let world = both(Some(corp_view(1, company())), Some(lab_view(2, vec![person(ANNA, "anna")])));
    let anna = Resolved::new(Arc::from("lab"), guid(ANNA));
    let on_corp = judge_resolved(&world, &Arc::new(application()), &anna, noon());
    assert_eq!(on_corp.map(|_| ()), Err(Refusal::Unknown));
    assert!(judge_resolved(&world, &Arc::new(on_both()), &anna, noon()).is_ok());
}

/// Accounts in every combination of states and places that the rules look at.
pub(super) fn population() -> Vec<Entry> {
    let mut entries = company();
    set(entry_of(&mut entries, BOB), "userAccountControl", &["514"]);
    set(entry_of(&mut entries, JUERGEN), "accountExpires", &[&filetime(noon().wall)]);
    set(entry_of(&mut entries, SERVICE), "userAccountControl", &[]);
    entries
}

#[derive(Clone, Debug)]
pub(super) enum Restriction {
    Base(String),
    Excluded(String),
    Filter(&'static str),
    Required(&'static str),
    Denied(&'static str),
}

impl Restriction {
    /// Restricts further: bases and required groups are alternatives among themselves, so the first
    /// one restricts and a second one takes the place of it.
    pub(super) fn add(&self, application: &mut Application) {
        match self {
            Self::Base(dn) => application.bases = vec![base(dn)],
            Self::Excluded(dn) => application.excluded_bases.push(base(dn)),
            Self::Filter(text) => {
                let new = Filter::parse(text).unwrap();
                let old = application.user_filter.take();
                application.user_filter =
                    Some(Filter::And(old.into_iter().chain(Some(new)).collect()));
            }
            Self::Required(name) => application.required_groups = names(&[name]),
            Self::Denied(name) => application.denied_groups.push((*name).to_owned()),
        }
    }
}

pub(super) fn restrictions() -> Vec<Restriction> {
    vec![
        Restriction::Base(format!("OU=People,{CORP}")),
        Restriction::Excluded(format!("OU=Sales,OU=People,{CORP}")),
        Restriction::Excluded(format!("OU=Service,{CORP}")),
        Restriction::Filter("(sAMAccountName=*e*)"),
        Restriction::Filter("(!(nosuch=1))"),
        Restriction::Filter("(|(cn=alice)(cn=bob)(cn=eve))"),
        Restriction::Required("crm"),
        Restriction::Denied("crm-nested"),
        Restriction::Denied("empty"),
        Restriction::Denied("nosuchgroup"),
    ]
}

const EVERYBODY: [&str; 5] = ["alice", "bob", "j\u{fc}rgen", "svc-crm", "eve"];

fn admitted(world: &World, application: &Application) -> Vec<u8> {
    EVERYBODY.iter().filter_map(|name| judged(world, application, name).ok()).collect()
}

proptest! {
    /// Invariant 11 for configurations: whatever is already asked, one more restriction admits nobody new.
    #[test]
    fn one_more_restriction_never_admits_more(
        (some, more) in subsequence(restrictions(), 1..=10).prop_shuffle().prop_flat_map(|chosen| {
            (0..chosen.len()).prop_map(move |cut| (chosen[..cut].to_vec(), chosen[cut].clone()))
        }),
        service in proptest::option::of(proptest::sample::select(&EVERYBODY[..])),
    ) {
        let world = corp(1, population());
        let mut application = application();
        application.service_accounts = names(service.as_slice());
        some.iter().for_each(|restriction| restriction.add(&mut application));
        let before = admitted(&world, &application);
        more.add(&mut application);
        let after = admitted(&world, &application);
        prop_assert!(after.iter().all(|one| before.contains(one)), "{more:?}: {before:?} {after:?}");
    }

    /// Invariant 11 for the code: in whatever order and number the rules are asked, asking one more
    /// refuses whom the others refused.
    #[test]
    fn one_more_rule_never_permits_more(
        order in Just((0..RULES.len()).collect::<Vec<_>>()).prop_shuffle(),
        chosen in subsequence(restrictions(), 0..=10),
    ) {
        let world = corp(1, population());
        let mut application = application();
        chosen.iter().for_each(|restriction| restriction.add(&mut application));
        let view = world.view("corp").unwrap();
        for entry in view.users() {
            let subject = Subject::of_scope(&application, "corp", view, entry, noon().wall);
            let refuses = |rules: &[usize]| rules.iter().any(|rule| (RULES[*rule].check)(subject).is_err());
            for count in 0..order.len() {
                prop_assert!(!refuses(&order[..count]) || refuses(&order[..=count]));
            }
            prop_assert_eq!(refuses(&order), check_all(subject, false).is_err());
            // A service account is bound by fewer rules, never by others.
            prop_assert!(check_all(subject, true).is_ok() || check_all(subject, false).is_err());
        }
    }
}
