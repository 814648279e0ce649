//! What becomes of an application, and of what rests on it, when the configuration changes.

use super::*;
use crate::directory::Audience;
use crate::ldap::secret::Password;
use crate::policy::application::LocalSecret;
use crate::policy::local_account::verify;
use crate::policy::traffic::{ConnectionPlace, Traffic, TrafficLimits};
use crate::policy::visibility::{Kept, Shown, Viewer, VisibilityCache};
use crate::policy::{Applications, Identity, Permit};
use crate::upstream::accepted_for_tests;

fn named(name: &str) -> Application {
    Application { name: Arc::from(name), ..application() }
}

fn of(applications: Vec<Application>) -> Applications {
    Applications::new(applications.into_iter().map(Arc::new).collect())
}

/// All of them changed.
fn changed(old: &Applications, new: Vec<Application>) -> Applications {
    old.succeeded_by(new.into_iter().map(Arc::new).collect(), |_| false)
}

fn configured(world: &World, applications: Applications) -> World {
    let epoch = world.epoch + applications.version();
    World { epoch, applications: Arc::new(applications), ..world.clone() }
}

#[test]
fn what_has_not_changed_is_the_very_same() {
    let old = of(vec![named("same"), named("other"), named("gone")]);
    let list = [named("new"), named("other"), named("same")].map(Arc::new);
    let new = old.succeeded_by(list.into(), |one| &*one.name != "other");
    let names: Vec<&str> = new.all().iter().map(|one| &*one.name).collect();
    assert_eq!((names, new.version()), (vec!["new", "other", "same"], 1));
    let is_old = |name: &str| {
        Arc::ptr_eq(new.named(name).unwrap(), old.named(name).or(old.named("gone")).unwrap())
    };
    assert_eq!(["same", "other", "new"].map(is_old), [true, false, false]);
    let revision = |name: &str| new.named(name).unwrap().revision;
    assert_eq!(["same", "other", "new"].map(revision), [0, 1, 1]);
    assert_eq!(changed(&new, vec![named("new")]).named("new").unwrap().revision, 2);
}

/// Open connections count on, under the later bound; what wrong passwords took is remembered.
#[test]
fn what_an_application_is_known_for_stays() {
    let limited = |connections| Application {
        traffic: Traffic::new(TrafficLimits { connections, ..TrafficLimits::default() }),
        ..application()
    };
    let old = of(vec![limited(5)]);
    let first = old.named("crm").unwrap();
    first.pace.note(Duration::from_millis(321));
    let (one, two) = (ConnectionPlace::take(first), ConnectionPlace::take(first));
    let new = changed(&old, vec![limited(2)]);
    let second = new.named("crm").unwrap();
    assert!(one.is_some() && two.is_some() && ConnectionPlace::take(second).is_none());
    drop(one);
    assert!(ConnectionPlace::take(second).is_some());
    assert_eq!(second.pace.draw(), Duration::from_millis(321));
}

fn permit(world: &World, application: &Arc<Application>, name: &str) -> Permit {
    let name = BindName::read(name.as_bytes()).unwrap();
    judge(world, application, &name, noon()).unwrap().confirm(accepted_for_tests())
}

/// A permit is judged by what its application is now, and never by what it was.
#[test]
fn a_permit_follows_its_application() {
    let old = of(vec![named("crm")]);
    let world = configured(&corp(1, company()), old.clone());
    let first = || permit(&world, old.named("crm").unwrap(), "alice");
    let renewed = |new: Vec<Application>| {
        let later = configured(&world, changed(&old, new));
        let permit = first();
        assert!(!permit.is_current(&later, noon()));
        permit.renewed(&later, noon()).map(|permit| permit.application().revision)
    };
    assert_eq!(renewed(vec![named("crm")]), Ok(1));
    let later = configured(&world, changed(&old, vec![named("crm")]));
    let late = permit(&later, old.named("crm").unwrap(), "alice");
    assert_eq!(late.application().revision, 1, "whoever still has the old one gets the new one");
    let narrow = Application { bases: vec![base(&format!("OU=Service,{CORP}"))], ..named("crm") };
    assert_eq!(renewed(vec![narrow]), Err(Refusal::OutOfScope));
    let elsewhere = Application { directories: vec![Arc::from("lab")], ..named("crm") };
    assert_eq!(renewed(vec![elsewhere]), Err(Refusal::Unknown));
    assert_eq!(renewed(vec![named("wiki")]), Err(Refusal::NotConfigured));
}

/// Who is in no directory goes by what the application says of them.
#[test]
fn permits_without_an_account_follow_too() {
    let with = |name: &str, secret: &str| {
        use sha2::{Digest, Sha256};
        let secret = LocalSecret::Sha256(Sha256::digest(secret.as_bytes()).into());
        let accounts = vec![LocalAccount { name: name.to_owned(), secret }];
        Application { local_accounts: accounts, anonymous: AnonymousAccess::Search, ..named("crm") }
    };
    let old = of(vec![with("svc", "right")]);
    let first = old.named("crm").unwrap();
    let world = configured(&corp(1, company()), old.clone());
    let evidence = verify(&first.local_accounts[0], &Password::copy_from(b"right")).unwrap();
    let closed = Application { anonymous: AnonymousAccess::RootDseOnly, ..with("svc", "right") };
    for (new, local, anonymous) in [
        (vec![with("svc", "right")], true, true),
        (vec![closed], true, false),
        (vec![with("svc", "left")], false, true),
        (vec![with("other", "right")], false, true),
        (vec![named("wiki")], false, false),
    ] {
        let later = configured(&world, changed(&old, new));
        let begun = Permit::of_local_account(first, &evidence, &world, noon()).unwrap();
        assert!(matches!(begun.identity(), Identity::Local { .. }));
        let late = Permit::of_local_account(first, &evidence, &later, noon());
        for permit in [begun.renewed(&later, noon()), late] {
            match permit {
                Ok(permit) => assert!(local && permit.application().revision == 1),
                Err(refusal) => assert!(!local && refusal == Refusal::NotConfigured),
            }
        }
        let nobody = Permit::of_anonymous(first, &world, noon()).unwrap();
        assert_eq!(nobody.renewed(&later, noon()).is_ok(), anonymous);
    }
}

/// The view is the same, the scope is not: neither the cache nor what a session keeps takes one for the other.
#[test]
fn what_is_shown_follows_the_revision() {
    let world = corp(1, company());
    let view = world.view("corp").unwrap();
    let old = of(vec![named("crm")]);
    let narrow = Application { bases: vec![base(&format!("OU=Service,{CORP}"))], ..named("crm") };
    let new = changed(&old, vec![narrow]);
    let (cache, mut kept) = (VisibilityCache::default(), Kept::default());
    let directory: Arc<str> = Arc::from("corp");
    for (applications, expected) in [(&old, true), (&new, false), (&old, true)] {
        let application = applications.named("crm").unwrap();
        let sees = |users| Viewer::new(users, None).sees(view.find_guid(&guid(ALICE)).unwrap());
        assert_eq!(sees(cache.users(application, &directory, view)), expected);
        kept.follow(&cache, application, &world);
        let shown = Shown { cache: &cache, kept: &kept };
        assert_eq!(sees(shown.users(application, &directory, view)), expected);
    }
}
