//! What an application is shown.

use super::*;
use crate::directory::Audience;
use crate::policy::visibility::{Viewer, VisibilityCache};

#[test]
fn its_own_users_and_all_groups() {
    let world = corp(1, company());
    let view = world.view("corp").unwrap();
    let limited = Application { bases: vec![base(&format!("OU=People,{CORP}"))], ..application() };
    let cache = VisibilityCache::default();
    let users = cache.users(&limited, &Arc::from("corp"), view, noon().wall);
    let viewer = Viewer::new(users.clone(), Some(guid(SERVICE)));
    let sees = |number| viewer.sees(view.find_guid(&guid(number)).unwrap());
    assert!(sees(ALICE) && sees(JUERGEN) && sees(21) && sees(2));
    assert!(sees(SERVICE), "its own entry");
    assert!(!sees(EVE), "beside it, out of scope");
    assert!(!Viewer::new(users, None).sees(view.find_guid(&guid(SERVICE)).unwrap()));
    assert!(viewer.shows("mail") && !viewer.shows("unicodePwd") && !viewer.shows("userPassword"));
}

/// A disabled account is shown with its flag, as the directory itself shows it.
#[test]
fn disabled_accounts_are_shown() {
    let mut entries = company();
    set(entry_of(&mut entries, ALICE), "userAccountControl", &["514"]);
    let view = corp_view(1, entries);
    let cache = VisibilityCache::default();
    let users = cache.users(&application(), &Arc::from("corp"), &view, noon().wall);
    assert!(Viewer::new(users, None).sees(view.find_guid(&guid(ALICE)).unwrap()));
}

/// The cache follows the view (where no entry has changed its place), keeps applications apart, and keeps no view alive.
#[test]
fn the_cache_is_about_one_view() {
    let cache = VisibilityCache::default();
    let directory: Arc<str> = Arc::from("corp");
    let only = Application { required_groups: names(&["crm"]), ..application() };
    let none =
        Application { name: Arc::from("none"), bases: vec![base(&people("x"))], ..application() };
    let sees = |application: &Application, view: &Arc<View>, number| {
        let users = cache.users(application, &directory, view, noon().wall);
        Viewer::new(users, None).sees(view.find_guid(&guid(number)).unwrap())
    };
    let first = corp_view(1, company());
    assert!(sees(&only, &first, ALICE) && !sees(&none, &first, ALICE));
    let mut changed = company();
    set(entry_of(&mut changed, 21), "member", &[]);
    let second = corp_view(2, changed);
    assert!(!sees(&only, &second, ALICE));
    let weak = Arc::downgrade(&first);
    drop(first);
    assert_eq!(weak.strong_count(), 0);
}
