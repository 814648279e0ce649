//! Controls, constructed attributes and comparisons as real clients ask for them, beside what the directory
//! itself answers.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use ldapgate::ldap::request::SearchScope::{BaseObject, WholeSubtree};

use crate::openldap;
use crate::world::client::Client;
use crate::world::corp;
use crate::world::lab::{Ad, PASSWORD, Slapd};

/// A server as the clients of OpenLDAP reach it.
struct Server {
    url: String,
    name: &'static str,
    password: &'static str,
    base: &'static str,
}

impl Server {
    /// The exit code, which is the result code, and what was printed.
    fn run(&self, program: &str, arguments: &[&str]) -> (i32, String) {
        let output = Command::new("timeout")
            .args(["30", program, "-x", "-H", &self.url, "-D", self.name, "-w", self.password])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code().unwrap(), text + &String::from_utf8_lossy(&output.stderr))
    }

    /// The code, and the names of the entries in their order.
    fn search(&self, options: &[&str], filter: &str) -> (i32, Vec<String>) {
        let fixed = ["-LLL", "-o", "ldif-wrap=no", "-b", self.base];
        let arguments = [&fixed[..], options, &[filter, "1.1"]].concat();
        let (code, text) = self.run("ldapsearch", &arguments);
        (code, text.lines().filter_map(name).collect())
    }

    /// The names of one window of the list in the order of `cn`: the client asks for the next one until
    /// it is stopped.
    fn window(&self, view: &str, filter: &str) -> Vec<String> {
        let options = ["-LLL", "-o", "ldif-wrap=no", "-E", "!sss=cn", "-E", view];
        let mut client = Command::new("ldapsearch")
            .args(["-x", "-H", &self.url, "-D", self.name, "-w", self.password])
            .args(options)
            .args(["-b", self.base, filter, "1.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(client.stdout.take().unwrap()).lines().map(Result::unwrap);
        let shown = lines.take_while(|line| !line.starts_with("Press"));
        let names = shown.filter_map(|line| name(&line)).collect();
        client.kill().unwrap();
        client.wait().unwrap();
        names
    }
}

/// The name on a line of LDIF that begins an entry.
fn name(line: &str) -> Option<String> {
    line.strip_prefix("dn").map(|rest| rest.trim_start_matches(':').trim().to_owned())
}

/// Every family of `ldapsearch -E` on one server: pages, order, windows, and criticality.
fn controls(server: &Server, users: &str) {
    let (code, whole) = server.search(&[], users);
    assert!(code == 0 && whole.len() > 5, "{whole:?}");
    for option in ["pr=1/noprompt", "pr=2/noprompt", "!pr=3/noprompt", "!pr=2147483647/noprompt"] {
        assert_eq!(server.search(&["-E", option], users), (0, whole.clone()), "{option}");
    }
    let (code, sorted) = server.search(&["-E", "!sss=cn"], users);
    assert_eq!((code, sorted.len()), (0, whole.len()));
    let mut backwards = sorted.clone();
    backwards.reverse();
    assert_eq!(server.search(&["-E", "!sss=-cn"], users), (0, backwards));
    let rule = server.search(&["-E", "!sss=cn:caseIgnoreOrderingMatch"], users);
    assert_eq!(rule, (0, sorted.clone()));
    let pages = server.search(&["-E", "!sss=cn", "-E", "!pr=2/noprompt"], users);
    assert_eq!(pages, (0, sorted.clone()));
    let code = |options: &[&str]| server.search(options, users).0;
    assert_eq!(code(&["-E", "!sss=noSuchThing"]), 12);
    assert_eq!(server.search(&["-E", "sss=noSuchThing"], users), (0, whole.clone()));
    assert_eq!(code(&["-E", "!sss=cn:1.2.3.4"]), 12);

    assert_eq!(server.window("!vlv=1/1/3/0", users), sorted[1..4]);
    assert_eq!(server.window("!vlv=0/2/1/0", users), sorted[..3]);
    assert_eq!(server.window("!vlv=0/0:", users), sorted[..1]);

    for options in [&["-M"][..], &["-MM"], &["-E", "!domainScope"], &["-e", "ppolicy"]] {
        assert_eq!(server.search(options, users), (0, whole.clone()), "{options:?}");
    }
    for oid in [
        "1.2.840.113556.1.4.529",
        "1.2.840.113556.1.4.801",
        "1.2.840.113556.1.4.841",
        "1.2.840.113556.1.4.1504",
        "1.2.840.113556.1.4.2064",
        "1.3.6.1.4.1.4203.666.5.16",
    ] {
        assert_eq!(code(&["-E", &format!("!{oid}=:x")]), 12, "{oid}");
        assert_eq!(
            server.search(&["-E", &format!("{oid}=:x")], users),
            (0, whole.clone()),
            "{oid}"
        );
    }
}

#[test]
#[ignore = "lab"]
fn ldap_utils_before_samba() {
    let ad = Ad::own("controls", 50);
    let gate = corp::gate("controls", &ad);
    let port = gate.address("plain").port();
    let server = Server {
        url: format!("ldap://127.0.0.1:{port}"),
        name: "CORP\\svc-crm",
        password: PASSWORD,
        base: "DC=corp,DC=test",
    };
    controls(&server, "(&(objectCategory=person)(objectClass=user))");

    // MS-ADTS §3.1.1.3.4.1.12: the value says PHANTOM_ROOT.
    let phantom = ["-E", "!1.2.840.113556.1.4.1340=::MAMCAQI="];
    assert_eq!(server.search(&[], "(cn=Partitions)"), (0, Vec::new()));
    assert_eq!(server.search(&phantom, "(cn=Partitions)").1.len(), 1);

    let mut client = Client::connect(("127.0.0.1", port));
    assert_eq!(client.bind("CORP\\svc-crm", PASSWORD).code(), 0);
    let (found, _) =
        client.search("DC=corp,DC=test", WholeSubtree, "(sAMAccountName=alice)", &["1.1"]);
    let alice = found[0].dn.as_str();
    let group = server.search(&[], "(&(objectClass=group)(cn=crm-users))").1.remove(0);
    let compare = |dn: &str, assertion: &str| server.run("ldapcompare", &["-z", dn, assertion]).0;
    for (dn, assertion, code) in [
        (alice, "sAMAccountName:ALICE".to_owned(), 6),
        (alice, "sAMAccountName:bob".to_owned(), 5),
        (alice, format!("memberOf:{}", group.to_uppercase()), 6),
        (alice, "memberOf:CN=nobody,DC=corp,DC=test".to_owned(), 5),
        (alice, "canonicalName:x".to_owned(), 5),
        (alice, "unicodePwd:x".to_owned(), 16),
        (alice, "uniqueMember:x".to_owned(), 16),
        (alice, "noSuchThing:x".to_owned(), 16),
        ("CN=Nobody,DC=corp,DC=test", "cn:x".to_owned(), 32),
        ("no name", "cn:x".to_owned(), 34),
    ] {
        assert_eq!(compare(dn, &assertion), code, "{assertion} of {dn}");
    }
    let (code, text) = server.run("ldapwhoami", &[]);
    assert_eq!((code, text.trim()), (0, "u:CORP\\svc-crm"));

    // Members whom an application is not shown are left out, and so would the ranges be others.
    let open = corp::open_gate("controls-open", &ad);
    constructed_as_the_controller_has_it(&ad, open.address("plain").port());
}

/// Constructed attributes and ranges, for users in every state and for groups: as the controller answers.
fn constructed_as_the_controller_has_it(ad: &Ad, port: u16) {
    let mut direct = Client::connect((ad.address(1), 389));
    let admin = direct.bind("CN=Administrator,CN=Users,DC=corp,DC=test", "Passw0rd!adm");
    assert_eq!(admin.code(), 0);
    let mut gate = Client::connect(("127.0.0.1", port));
    assert_eq!(gate.bind("CORP\\svc-crm", PASSWORD).code(), 0);
    let asked = [
        "canonicalName",
        "primaryGroupToken",
        "msDS-User-Account-Control-Computed",
        "tokenGroups",
        "member;range=0-1",
        "MEMBEROF",
    ];
    let filter = "(|(&(objectCategory=person)(objectClass=user))(objectClass=group))";
    let (entries, _) = gate.search("DC=corp,DC=test", WholeSubtree, filter, &["userPrincipalName"]);
    let mut locked_or_expired = 0;
    for entry in &entries {
        let of = |client: &mut Client| {
            let (found, answer) = client.search(&entry.dn, BaseObject, "(objectClass=*)", &asked);
            assert_eq!((found.len(), answer.code()), (1, 0), "{}", entry.dn);
            let mut attributes: Vec<(String, Vec<Vec<u8>>)> = found
                .into_iter()
                .flat_map(|entry| entry.attributes)
                .map(|mut found| {
                    found.values.sort();
                    (found.description, found.values)
                })
                .collect();
            attributes.sort();
            attributes
        };
        let (expected, found) = (of(&mut direct), of(&mut gate));
        let name = "msDS-User-Account-Control-Computed";
        let flags = found.iter().find(|(found, _)| found == name).map(|(_, values)| values.clone());
        locked_or_expired += usize::from(flags.is_some_and(|flags| flags != [b"0".to_vec()]));
        // Which two members come first is the server's own affair. Samba speaks of the passwords of groups
        // and not of their tokens, for which MS-ADTS has it the other way round; it leaves the escapes of
        // distinguished names in canonical names.
        let is_user = !entry.values("userPrincipalName").is_empty();
        let comparable = |all: Vec<(String, Vec<Vec<u8>>)>| {
            all.into_iter()
                .filter(|(found, _)| is_user || (found != name && found != "tokenGroups"))
                .filter(|(found, _)| found != "canonicalName" || !entry.dn.contains('\\'))
                .map(|(name, values)| match name.contains(";range=") {
                    true => (format!("{name} {}", values.len()), Vec::new()),
                    false => (name, values),
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(comparable(found), comparable(expected), "{}", entry.dn);
    }
    assert!(entries.len() > 10 && locked_or_expired >= 3, "{locked_or_expired}");
}

#[test]
#[ignore = "lab"]
fn ldap_utils_before_slapd() {
    let slapd = Slapd::own("controls-slapd", 51);
    let gate = openldap::gate("controls-slapd", &slapd, "ldap", &slapd.plain());
    let server = Server {
        url: format!("ldap://127.0.0.1:{}", gate.address("plain").port()),
        name: "cn=svc-crm,ou=service,dc=example,dc=org",
        password: PASSWORD,
        base: "dc=example,dc=org",
    };
    controls(&server, "(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))");
    let anna = "UID=anna, ou=People,dc=example,dc=org";
    let compare = |dn: &str, assertion: &str| server.run("ldapcompare", &["-z", dn, assertion]).0;
    for (dn, assertion, code) in [
        (anna, "uid:ANNA", 6),
        (anna, "hasSubordinates:FALSE", 6),
        (anna, "hasSubordinates:TRUE", 5),
        (anna, "entryDN:uid=anna,ou=people,dc=example,dc=org", 6),
        (anna, "userPassword:x", 16),
        (anna, "noSuchThing:x", 16),
        ("uid=nobody,dc=example,dc=org", "uid:x", 32),
    ] {
        assert_eq!(compare(dn, assertion), code, "{assertion} of {dn}");
    }
    let (code, text) = server.run("ldapwhoami", &[]);
    assert_eq!((code, text.trim()), (0, "dn:cn=svc-crm,ou=service,dc=example,dc=org"));
}
