//! What the demonstration prints: who can log in, and lines to paste.

use std::net::SocketAddr;
use std::path::Path;

use crate::cli::render::Table;
use crate::demo::company::{self, Account, Expectation};

/// What the guide is about.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Where applications connect.
    pub listen: SocketAddr,
    /// The controllers' host names and their ldaps addresses.
    pub controllers: &'a [(String, SocketAddr)],
    /// The control socket.
    pub control: &'a Path,
    /// This program, as it can be called again.
    pub program: &'a Path,
    /// Seconds between two failovers; 0 for none.
    pub every: u64,
}

/// The guide.
#[must_use]
pub fn text(facts: &Facts<'_>) -> String {
    let Facts { listen, controllers, every, .. } = *facts;
    let mut places = Table::default();
    for (name, address) in controllers {
        let what = "a controller in this process, imitating Active Directory";
        places.row([name.clone(), format!("ldaps://{address}"), what.to_owned()]);
    }
    places.row(["ldapgate".to_owned(), format!("ldap://{listen}"), "what applications see".into()]);
    let mut people = Table::default();
    people.row(["name", "password", "what happens", "why"]);
    for account in company::accounts() {
        people.row([account.name, account.password, happens(account), account.why]);
    }
    let failover = match every {
        0 => "No controller dies by itself (--every 0).".to_owned(),
        seconds => format!("Every {seconds} s a controller dies or comes back."),
    };
    format!(
        "The company corp.example, two controllers, and ldapgate in front of them\n\n{places}\n\
         The application \"crm\" is for people below OU=People who are in crm-users, nested groups \
         included,\nand not in crm-denied. Names work in any form: alice, CORP\\alice, \
         alice@corp.example, a DN.\n\n{people}\n{lines}\n{failover} Press Enter for it now, Ctrl-C \
         for the end.\n\n",
        places = places.render(2),
        people = people.render(2),
        lines = lines(facts),
    )
}

const fn happens(account: &Account) -> &'static str {
    match account.expectation {
        Expectation::Accepted => "logs in",
        Expectation::RefusedByController(_) => "refused by the controller",
        Expectation::RefusedByGate => "refused by ldapgate, no controller is asked",
    }
}

fn lines(facts: &Facts<'_>) -> String {
    let Facts { listen, control, program, .. } = *facts;
    let [alice, bob] = [login("alice"), login("bob")];
    let service = company::SERVICE_ACCOUNT;
    format!(
        "Try in another terminal:\n\
         \x20 ldapwhoami -x -H ldap://{listen} -D alice@corp.example -w {alice}\n\
         \x20 ldapwhoami -x -H ldap://{listen} -D 'CORP\\bob' -w {bob}\n\
         \x20 ldapsearch -x -LLL -o ldif-wrap=no -H ldap://{listen} -D {name} -w {password} \\\n\
         \x20     -b {scope} '(objectClass=user)' cn mail memberOf\n\
         \x20 {program} status --socket {control}\n",
        name = service.name,
        password = service.password,
        scope = company::SCOPE,
        program = program.display(),
        control = control.display(),
    )
}

fn login(name: &str) -> &'static str {
    let account = company::accounts().iter().find(|account| account.name == name);
    account.map_or("", |account| account.password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_shown_and_the_lines_have_the_real_port() {
        let listen: SocketAddr = "127.0.0.1:3899".parse().unwrap();
        let controllers = [("dc1.corp.example".to_owned(), "127.0.0.1:6361".parse().unwrap())];
        let text = text(&Facts {
            listen,
            controllers: &controllers,
            control: Path::new("/tmp/x/control.sock"),
            program: Path::new("target/release/ldapgate"),
            every: 20,
        });
        for account in company::accounts() {
            assert!(text.contains(account.name) && text.contains(account.password), "{text}");
        }
        assert_eq!(text.matches("-H ldap://127.0.0.1:3899").count(), 3, "{text}");
        assert!(text.contains("-w Alice-Pass-1\n"), "{text}");
        assert!(text.contains("Every 20 s"), "{text}");
        assert!(text.contains("  target/release/ldapgate status --socket /tmp/x/"), "{text}");
    }
}
