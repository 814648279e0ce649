//! The mass-change guard: by whatever mistake many people seem to be gone, nobody is thrown out until somebody has
//! looked at it; and who is explicitly disabled or deleted is out all the same.

use ldapgate::demo::{Directory, Ending, SearchFault};
use ldapgate::ldap::request::SearchScope::WholeSubtree;
use serde_json::Value;

use crate::world::client::Client;
use crate::world::company::{APPLICATION, Company, LOCAL_SECRET, PLAIN_LISTENER};
use crate::world::gate::{Gate, ON_DEMAND};

const PEOPLE: &str = "OU=People,DC=corp,DC=example";
const STAFF: &str = "OU=Staff,OU=People,DC=corp,DC=example";
const GROUP: &str = "CN=staff,OU=Groups,DC=corp,DC=example";
const USERS: &str = "CN=crm-users,OU=Groups,DC=corp,DC=example";
const ALARM: &str = "a mass change is held: look at it, then run ldapgate sync accept, or reject";

/// Changes are read when a test asks for it.
const FOLLOW: &str = "sync.cron = \"0 3 1 1 *\"\nsync.follow = true\nsync.notify = false\n\
                      sync.poll = \"1h\"\nsync.reconcile = \"12h\"";

/// Three hundred people of the application, and sixty who are not in its group.
fn company() -> Company {
    Company::with(|directory| {
        directory.add(STAFF, &[("objectClass", "organizationalUnit")]).unwrap();
        directory.add(GROUP, &[("objectClass", "group"), ("sAMAccountName", "staff")]).unwrap();
        for number in 0..360 {
            let account = account(number);
            let attributes =
                [("objectClass", "user"), ("sAMAccountName", &account), ("demoPassword", "Pass-1")];
            directory.add(&dn(number), &attributes).unwrap();
        }
        let group = "CN=newcomers,OU=Groups,DC=corp,DC=example";
        let mut attributes = vec![("objectClass", "group"), ("sAMAccountName", "newcomers")];
        let (old, new): (Vec<String>, Vec<String>) =
            ((0..300).map(dn).collect(), (300..360).map(dn).collect());
        attributes.extend(new.iter().map(|dn| ("member", dn.as_str())));
        directory.add(group, &attributes).unwrap();
        old.iter().for_each(|dn| directory.add_member(GROUP, dn).unwrap());
        directory.add_member(USERS, GROUP).unwrap();
    })
}

fn account(number: u32) -> String {
    format!("u{number:03}")
}

fn dn(number: u32) -> String {
    format!("CN=U{number:03},{STAFF}")
}

/// A gate that follows changes, or one that reads everything each time.
fn gate(company: &Company, name: &str, follows: bool) -> Gate {
    start(company, name, if follows { FOLLOW } else { ON_DEMAND })
}

fn start(company: &Company, name: &str, sync: &str) -> Gate {
    let section = company.directory_section().replace(ON_DEMAND, sync);
    let text = format!("{section}{APPLICATION}{PLAIN_LISTENER}");
    Gate::start_in(company.folder(name), &text).synced(1)
}

fn bind(gate: &Gate, number: u32) -> u32 {
    let name = format!("CORP\\{}", account(number));
    Client::connect(gate.address("plain")).bind(name, "Pass-1").code()
}

/// How many of the application's people a search finds.
fn found(gate: &Gate) -> usize {
    let mut client = Client::connect(gate.address("plain"));
    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    let (found, answer) = client.search(PEOPLE, WholeSubtree, "(sAMAccountName=u*)", &["1.1"]);
    assert_eq!(answer.code(), 0);
    found.len()
}

fn held(gate: &Gate) -> Value {
    gate.status()["directories"][0]["sync"]["held"].clone()
}

fn command(gate: &Gate, words: &[&str]) -> (bool, String) {
    let output = gate.command(words);
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.success(), text)
}

/// The pass was held: it says so everywhere, and with these words.
fn assert_held(gate: &mut Gate, words: &str) {
    let (well, printed) = gate.sync();
    assert!(!well && printed.contains("HELD"), "{printed}");
    assert!(printed.contains(words), "{words:?} is not in {printed}");
    assert!(held(gate)["reasons"].to_string().contains(words), "{}", held(gate));
    let (_, status) = command(gate, &["status"]);
    assert!(status.contains("A CHANGE IS HELD") && status.contains("sync accept"), "{status}");
    gate.wait_for("the alarm", |gate| !gate.events(ALARM).is_empty());
    let alarm = gate.events(ALARM).pop().unwrap();
    assert_eq!((&alarm["level"], &alarm["directory"]), (&"ERROR".into(), &"corp".into()));
}

/// The pass was published.
fn assert_passes(gate: &Gate) {
    let (well, printed) = gate.sync();
    assert!(well, "{printed}");
    assert_eq!(held(gate), Value::Null);
}

/// What goes wrong, what of it is told, what puts it right again.
struct Mistake {
    name: &'static str,
    words: &'static str,
    wrong: fn(&mut Directory),
    right: fn(&mut Directory),
}

const MISTAKES: [Mistake; 3] = [
    Mistake {
        name: "moved",
        words: "300 of",
        wrong: |directory| {
            directory.rename(STAFF, "OU=Staff,OU=Outside,DC=corp,DC=example").unwrap();
        },
        right: |directory| {
            directory.rename("OU=Staff,OU=Outside,DC=corp,DC=example", STAFF).unwrap();
        },
    },
    // Objects that the sync account may not see any more are missing without a word; here because they do not
    // match any more.
    Mistake {
        name: "hidden",
        words: "would remove or deactivate 300 of",
        wrong: |directory| kind_of_staff(directory, "805306369"),
        right: |directory| kind_of_staff(directory, "805306368"),
    },
    Mistake {
        name: "group",
        words: "300 of",
        wrong: |directory| directory.remove_member(USERS, GROUP).unwrap(),
        right: |directory| directory.add_member(USERS, GROUP).unwrap(),
    },
];

fn kind_of_staff(directory: &mut Directory, kind: &str) {
    (0..300).for_each(|number| directory.set(&dn(number), "sAMAccountType", &[kind]).unwrap());
}

/// Whoever is merely missing, elsewhere or in no group any more goes on logging in and being found. What comes right by
/// itself is published by itself.
#[test]
fn nobody_is_thrown_out_by_mistake() {
    for follows in [true, false] {
        for Mistake { name, words, wrong, right } in MISTAKES {
            let company = company();
            let mut gate = gate(&company, &format!("guard-{name}-{follows}"), follows);
            assert_eq!((found(&gate), bind(&gate, 7)), (300, 0));
            company.directory.with(wrong);
            assert_held(&mut gate, words);
            assert_eq!((found(&gate), bind(&gate, 7)), (300, 0), "{name} {follows}");
            // One line for each reason, once.
            let alarms = gate.events(ALARM).len();
            company.change("alice", |directory, dn| directory.set(dn, "title", &["Dr."]));
            assert_held(&mut gate, words);
            assert_eq!(gate.events(ALARM).len(), alarms, "told once");
            company.directory.with(right);
            assert_passes(&gate);
            assert_eq!((found(&gate), bind(&gate, 7)), (300, 0), "{name} {follows}");
            // What was corrected does not count against what comes next.
            company.directory.with(|directory| directory.disable(&dn(8)).unwrap());
            assert_passes(&gate);
            assert_eq!(bind(&gate, 8), 49);
        }
    }
}

/// What is copied was narrowed to the wrong part, or a part with a slip of the pen: nobody is thrown out by that either.
#[test]
fn a_base_that_is_wrong() {
    let company = company();
    let based = |base: &str, text: String| {
        text.replace(FOLLOW, &format!("{FOLLOW}\nsync.base = \"{base}\""))
    };
    let gate = gate(&company, "guard-base", true);
    let mut gate = gate.again_with("-TERM", |text| based("OU=Outside,DC=corp,DC=example", text));
    gate.wait_for("the pass of the start", |gate| held(gate) != Value::Null);
    assert_held(&mut gate, "would leave application");
    assert_eq!((found(&gate), bind(&gate, 7)), (300, 0));
    let mut gate = gate.again_with("-TERM", |text| text.replace("OU=Outside", "OU=Outsiders"));
    gate.wait_for("the failed pass", |gate| {
        !gate.events("sync pass failed, the view stays as it was").is_empty()
    });
    assert_eq!((found(&gate), bind(&gate, 7)), (300, 0));
    let gate = gate.again_with("-TERM", |text| {
        let end = text.find("sync.base").unwrap();
        let line = text[end..].find('\n').unwrap();
        format!("{}{}", &text[..end], &text[end + line..])
    });
    assert_passes(&gate);
    assert_eq!((found(&gate), bind(&gate, 7)), (300, 0));
}

/// A controller that ends an answer too early with success, or with the word that there was more.
#[test]
fn a_truncated_answer() {
    let company = company();
    let mut gate = start(&company, "guard-truncated", &format!("{ON_DEMAND}\nsync.page_size = 50"));
    let fault = |skip, ending: Ending| {
        let fault = SearchFault { skip, after: 3, ending };
        for controller in &company.controllers {
            controller.quirks(|quirks| quirks.search_faults = vec![fault.clone()]);
        }
    };
    fault(3, Ending::Code(4, "more".to_owned()));
    let (well, printed) = gate.sync();
    assert!(!well && printed.contains("stays as it was"), "{printed}");
    fault(3, Ending::Empty);
    assert_held(&mut gate, "would remove or deactivate");
    assert_eq!((found(&gate), bind(&gate, 299)), (300, 0));
    for controller in &company.controllers {
        controller.quirks(|quirks| quirks.search_faults.clear());
    }
    assert_passes(&gate);
}

/// Who was disabled or deleted is out at once, although the whole is held; who is merely missing is not.
#[test]
fn explicit_ends_count_at_once() {
    let company = company();
    let mut gate = gate(&company, "guard-explicit", true);
    let mut open = Client::connect(gate.address("plain"));
    assert_eq!(open.bind("CORP\\u003", "Pass-1").code(), 0);
    company.directory.with(|directory| {
        (0..45).for_each(|number| directory.disable(&dn(number)).unwrap());
        (45..50).for_each(|number| directory.remove(&dn(number)).unwrap());
        (50..90).for_each(|number| {
            directory.set(&dn(number), "sAMAccountType", &["805306369"]).unwrap();
        });
    });
    assert_held(&mut gate, "would remove or deactivate 90 of");
    assert_eq!(open.disconnection().code(), 52, "an open session");
    let before = company.binds_of("u003");
    for number in [0, 44, 45, 49] {
        assert_eq!(bind(&gate, number), 49, "{number}");
    }
    assert_eq!(company.binds_of("u003"), before, "no controller is asked");
    for number in [50, 89, 90, 299] {
        assert_eq!(bind(&gate, number), 0, "{number}");
    }
    assert_eq!(found(&gate), 300, "searches show what they showed");
    // One who is enabled again is in again, held or not.
    company.directory.with(|directory| directory.enable(&dn(3)).unwrap());
    assert_held(&mut gate, "would remove or deactivate 89 of");
    assert_eq!((bind(&gate, 3), bind(&gate, 4)), (0, 49));

    let (well, printed) = command(&gate, &["sync", "accept"]);
    assert!(well && printed.contains("89 of"), "{printed}");
    assert_eq!((held(&gate), bind(&gate, 50), bind(&gate, 3)), (Value::Null, 49, 0));
    assert_eq!(found(&gate), 255);
    let (well, printed) = command(&gate, &["sync", "accept"]);
    assert!(!well && printed.contains("nothing is held"), "{printed}");
}

/// A change that an operator rejects is found again and held again; nothing of it is applied.
#[test]
fn a_rejected_change_stays_out() {
    for follows in [true, false] {
        let company = company();
        let mut gate = gate(&company, &format!("guard-reject-{follows}"), follows);
        company.directory.with(|directory| kind_of_staff(directory, "805306369"));
        assert_held(&mut gate, "would remove or deactivate 300 of");
        let first = held(&gate)["job"].as_u64().unwrap();
        let (well, printed) = command(&gate, &["sync", "reject"]);
        assert!(well && printed.contains("thrown away"), "{printed}");
        gate.wait_for("it to be held again", |gate| {
            held(gate)["job"].as_u64().is_some_and(|job| job > first)
        });
        assert_eq!((found(&gate), bind(&gate, 7)), (300, 0));
        company.directory.with(|directory| kind_of_staff(directory, "805306368"));
        assert_passes(&gate);
        assert_eq!((found(&gate), bind(&gate, 7)), (300, 0));
    }
}

/// Small changes pass, many of them within an hour do not; and after somebody has accepted that, the count begins
/// anew. 375 accounts: 38 are more than a tenth.
#[test]
fn slices_add_up() {
    let company = company();
    let mut gate = gate(&company, "guard-slices", true);
    let disable = |numbers: std::ops::Range<u32>| {
        company.directory.with(|directory| {
            numbers.for_each(|number| directory.disable(&dn(number)).unwrap());
        });
    };
    // Outside of the application's group, so that only the directory's accounts are counted.
    disable(300..315);
    assert_passes(&gate);
    disable(315..330);
    assert_passes(&gate);
    disable(330..340);
    assert_held(&mut gate, "would remove or deactivate 10 of");
    assert!(held(&gate)["reasons"].to_string().contains("40 with those of the last 60 minutes"));
    let (well, printed) = command(&gate, &["sync", "accept"]);
    assert!(well, "{printed}");
    disable(340..355);
    assert_passes(&gate);
}

/// What went through before a restart counts after it.
#[test]
fn a_restart_forgets_nothing_of_the_hour() {
    let company = company();
    let gate = gate(&company, "guard-restart", true);
    let disable = |numbers: std::ops::Range<u32>| {
        company.directory.with(|directory| {
            numbers.for_each(|number| directory.disable(&dn(number)).unwrap());
        });
    };
    disable(300..330);
    assert_passes(&gate);
    disable(330..340);
    let mut gate = gate.again("-TERM");
    gate.wait_for("the pass of the start", |gate| held(gate) != Value::Null);
    assert!(held(&gate)["reasons"].to_string().contains("40 with those of the last"));
}

/// Sixty people who come to an application at once are held back just as well.
#[test]
fn newcomers_wait() {
    let company = company();
    let mut gate = gate(&company, "guard-newcomers", true);
    assert_eq!(bind(&gate, 305), 49);
    let newcomers = "CN=newcomers,OU=Groups,DC=corp,DC=example";
    company.directory.with(|directory| directory.add_member(USERS, newcomers).unwrap());
    assert_held(&mut gate, "60 users would come to the");
    assert_eq!((bind(&gate, 305), bind(&gate, 7), found(&gate)), (49, 0, 300));
    let (well, printed) = command(&gate, &["sync", "accept", "--directory", "corp"]);
    assert!(well, "{printed}");
    assert_eq!((bind(&gate, 305), found(&gate)), (0, 360));
}
