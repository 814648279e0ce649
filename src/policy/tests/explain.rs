//! Explanations agree with decisions.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::rules::{population, restrictions};
use super::*;
use crate::directory::Withdrawn;
use crate::policy::application::LocalSecret;
use crate::policy::candidate::candidate;
use crate::policy::explain::{Explanation, Says, explain, explains};
use crate::policy::rules::RULES;

fn explained(world: &World, application: &Application, name: &str) -> Explanation {
    explain(world, &Arc::new(application.clone()), name.as_bytes(), noon())
}

/// The steps as lines: name, what it says, and what it looked at.
fn lines(explanation: &Explanation) -> Vec<String> {
    let says = |says| match says {
        Says::Yes => "yes".to_owned(),
        Says::No(refusal) => refusal.to_string(),
        Says::NotAsked => "not asked".to_owned(),
    };
    let steps = explanation.steps.iter();
    steps.map(|step| format!("{} | {} | {}", step.name, says(step.says), step.input.text)).collect()
}

#[test]
fn every_rule_tells_what_it_looks_at() {
    for rule in RULES {
        assert!(explains(rule.name), "{}", rule.name);
    }
}

/// What comes behind the first refusal is asked too.
#[test]
fn every_step_is_shown() {
    let mut entries = company();
    set(entry_of(&mut entries, EVE), "userAccountControl", &["514"]);
    let application = Application {
        bases: vec![base(&format!("OU=People,{CORP}"))],
        user_filter: filter("(cn=e*)"),
        denied_groups: names(&["empty"]),
        required_groups: names(&["crm", "nosuchgroup"]),
        ..application()
    };
    let explanation = explained(&corp(7, entries), &application, "CORP\\eve");
    assert_eq!(
        lines(&explanation),
        [
            "name | yes | domain and account name: one account, in corp",
            "held changes | yes | no change that the guard holds takes the account away",
            "copy | yes | corp, generation 7, confirmed 0 s ago; one of any age is taken",
            "blocks | yes | no operator has blocked the account, a group of it or the application",
            "account state | account_disabled | userAccountControl 514, accountExpires \
             9223372036854775807: disabled, expires never",
            "bases | out_of_scope | below none of: OU=People,DC=corp,DC=example",
            "user filter | yes | (cn=e*)",
            "denied groups | yes | ",
            "required groups | not_in_required_group | ",
            "denied groups exist | yes | empty",
        ]
    );
    assert_eq!(explanation.deciding(), Some(4));
    assert_eq!(explanation.form, Some("domain and account name"));
    assert_eq!(explanation.accounts[0].guid, guid(EVE));
}

/// Nested, through a cycle, by the primary group; and groups that are not there.
#[test]
fn the_way_into_a_group_is_shown() {
    let world = corp(1, company());
    let application =
        Application { required_groups: names(&["crm", "Domain Users", "gone"]), ..application() };
    let explanation = explained(&world, &application, "bob");
    let step = explanation.steps.iter().find(|step| step.name == "required groups").unwrap();
    let path = |position: usize| step.input.groups[position].path.clone();
    assert_eq!(path(0).unwrap(), [people("bob"), in_groups("crm-nested"), in_groups("crm")]);
    assert_eq!(path(1).unwrap(), [people("bob"), in_groups("Domain Users")]);
    assert_eq!((path(2), step.input.groups[2].found.len()), (None, 0));
    assert!(explanation.verdict.is_ok() && explanation.deciding().is_none());
}

/// All accounts that an ambiguous name stands for.
#[test]
fn an_ambiguous_name_names_its_accounts() {
    let mut entries = company();
    set(entry_of(&mut entries, EVE), "sAMAccountName", &["alice"]);
    let explanation = explained(&corp(1, entries), &application(), "alice");
    let found: Vec<_> = explanation.accounts.iter().map(|account| account.guid).collect();
    assert_eq!(found.len(), 2, "{explanation:?}");
    assert_eq!(lines(&explanation), ["name | ambiguous_name | account name: 2 accounts"]);
}

fn local() -> LocalAccount {
    LocalAccount { name: "crm-local".to_owned(), secret: LocalSecret::Sha256([0; 32]) }
}

const NAMES: [&str; 12] = [
    "alice",
    "CORP\\bob",
    "eve@corp.example",
    "j\u{fc}rgen",
    "svc-crm",
    "anna",
    "nobody",
    "al\0",
    "CN=eve,OU=Service,DC=corp,DC=example",
    "crm-local",
    "",
    "corp.example/People/bob",
];

#[derive(Clone, Debug)]
struct Weather {
    corp: bool,
    lab: Option<bool>,
    strict: bool,
    stale: bool,
    disabled: Option<u8>,
    deleted: Option<u8>,
}

fn weather() -> impl Strategy<Value = Weather> {
    let maybe = || proptest::option::of(select(vec![ALICE, BOB, EVE, SERVICE]));
    let flag = || any::<bool>();
    let lab = proptest::option::of(flag());
    (flag(), lab, flag(), flag(), maybe(), maybe()).prop_map(
        |(corp, lab, strict, stale, disabled, deleted)| Weather {
            corp,
            lab,
            strict,
            stale,
            disabled,
            deleted,
        },
    )
}

impl Weather {
    fn world(&self, twin: bool) -> World {
        let mut entries = population();
        if twin {
            set(entry_of(&mut entries, EVE), "sAMAccountName", &["alice"]);
        }
        let corp = self.corp.then(|| corp_view(1, entries));
        let anna = || vec![person(ANNA, "anna"), person(ALICE, "alice")];
        let lab = self.lab.map(|there| there.then(|| lab_view(2, anna())));
        let mut world = super::world(corp, lab);
        world.directories[0].withdrawn = Arc::new(Withdrawn {
            disabled: self.disabled.map(guid).into_iter().collect(),
            deleted: self.deleted.map(guid).into_iter().collect(),
        });
        if self.stale {
            let old = noon().wall - Duration::from_secs(60);
            if let Some(view) = world.directories[0].view.as_ref() {
                view.confirm(old);
            }
            world.directories[0].max_age = Duration::from_secs(30);
        }
        world
    }
}

proptest! {
    /// The first step that says no is the decision, in whatever world and for whatever application; and where
    /// all say yes, the name passes.
    #[test]
    fn the_steps_come_to_the_verdict(
        weather in weather(),
        twin in any::<bool>(),
        chosen in subsequence(restrictions(), 0..=4),
        service in proptest::option::of(select(vec!["svc-crm", "bob", "eve"])),
    ) {
        let world = weather.world(twin);
        let mut application = if weather.lab.is_some() { on_both() } else { application() };
        chosen.iter().for_each(|restriction| restriction.add(&mut application));
        application.service_accounts = names(service.as_slice());
        application.local_accounts = vec![local()];
        if weather.strict {
            application.freshness = Freshness::Strict;
        }
        let application = Arc::new(application);
        for name in NAMES {
            let explanation = explain(&world, &application, name.as_bytes(), noon());
            let verdict = BindName::read(name.as_bytes())
                .map_err(Into::into)
                .and_then(|name| candidate(&world, &application, &name, None, noon()));
            let first_no = explanation.steps.iter().find_map(|step| match step.says {
                Says::No(refusal) => Some(refusal),
                Says::Yes | Says::NotAsked => None,
            });
            let refusal = verdict.as_ref().err().map(|refused| refused.refusal);
            prop_assert_eq!(first_no, refusal, "{}: {:?}", name, explanation.steps);
            prop_assert_eq!(explanation.verdict.map(|_| ()), verdict.map(|_| ()));
            prop_assert!(explanation.steps.iter().all(|step| step.name != "decision"));
        }
    }
}
