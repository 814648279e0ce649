//! `ldapgate check`: exit codes, the part that is to blame, and what to do about it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::world::company::{APPLICATION, Company, PLAIN_LISTENER};
use crate::world::corp;
use crate::world::gate::Folder;
use crate::world::lab::Ad;

/// Runs the command, once for a person and once as JSON; both must say the same.
struct Checked {
    code: Option<i32>,
    text: String,
    failures: Vec<Value>,
}

fn check(file: &Path) -> Checked {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ldapgate"));
        command.arg("check").args(arguments).arg("--config").arg(file).output().unwrap()
    };
    let (human, json) = (run(&[]), run(&["--json"]));
    assert_eq!(human.status.code(), json.status.code());
    let document: Value = serde_json::from_slice(&json.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&json.stdout)));
    let findings = document["findings"].as_array().unwrap().iter();
    let failures: Vec<Value> =
        findings.filter(|finding| finding["level"] == "fail").cloned().collect();
    assert_eq!(document["passed"], failures.is_empty());
    for failure in &failures {
        assert!(failure["advice"].as_str().is_some_and(|advice| !advice.is_empty()), "{failure}");
    }
    Checked { code: human.status.code(), text: String::from_utf8(human.stdout).unwrap(), failures }
}

impl Checked {
    /// At least one failure is of this area, at this key, with this word; exit code 1.
    fn blames(&self, area: &str, key: &str, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{}", self.text);
        let found = self.failures.iter().any(|failure| {
            let text = format!("{} {}", failure["message"], failure["advice"]);
            failure["area"] == area
                && failure["key"].as_str().is_some_and(|found| found.starts_with(key))
                && words.iter().all(|word| text.contains(word))
        });
        assert!(found, "{area} at {key} with {words:?}:\n{}", self.text);
        let human = area.replace('_', " ");
        assert!(self.text.to_lowercase().contains(&human), "{}", self.text);
        assert!(words.iter().all(|word| self.text.contains(word)), "{}", self.text);
    }
}

fn text_of(company: &Company) -> String {
    format!("{}{APPLICATION}{PLAIN_LISTENER}", company.directory_section())
}

fn company_check(
    name: &str,
    company: &Company,
    change: impl Fn(String, &Folder) -> String,
) -> Checked {
    let folder = company.folder(name);
    let text = format!("control = \"off\"\n{}", text_of(company));
    let text = change(text, &folder);
    check(&folder.write("ldapgate.toml", &text))
}

#[test]
fn a_good_configuration() {
    let company = Company::new();
    let checked = company_check("check-good", &company, |text, _| text);
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    assert!(checked.failures.is_empty());
    for word in ["dc1.corp.example", "dc2.corp.example", "users", "crm-users"] {
        assert!(checked.text.contains(word), "{word}: {}", checked.text);
    }
}

#[test]
fn a_controller_that_cannot_be_reached() {
    let company = Company::new();
    company.kill();
    let checked = company_check("check-down", &company, |text, _| text);
    checked.blames("network", "directory[0].controllers[0]", &["nc -vz"]);
    checked.blames("network", "directory[0].controllers[1]", &["nc -vz"]);
    let checked = company_check("check-name", &company, |text, _| {
        text.replace("address = \"127.0.0.1\"", "address = \"dc.invalid\"")
    });
    checked.blames("network", "directory[0].controllers[0]", &["DNS"]);
}

#[test]
fn a_controller_of_another_authority() {
    let (company, other) = (Company::new(), Company::new());
    let checked = company_check("check-ca", &company, |text, folder| {
        folder.write("corp.pem", other.authority.pem());
        text
    });
    checked.blames("tls", "directory[0].controllers[0]", &["ca_file"]);
    assert_eq!(company.binds_of("svc-sync"), 0, "the password stays here");
}

/// A password that one controller refused is not sent to another: a check must not lock the account.
#[test]
fn a_wrong_service_password_is_sent_once() {
    let company = Company::new();
    let folder = company.folder("check-password");
    folder.write("service.password", "wrong\n");
    let file = folder.write("ldapgate.toml", &format!("control = \"off\"\n{}", text_of(&company)));
    let checked = check(&file);
    checked.blames("credentials", "directory[0].bind_name", &["52e", "password"]);
    assert_eq!(company.binds_of("svc-sync"), 2, "one bind for each of the two runs");
    assert!(!checked.text.contains("\"wrong\""), "{}", checked.text);
}

#[test]
fn a_wrong_base() {
    let company = Company::new();
    let base = "base_dn = \"DC=wrong,DC=example\"\nbind_name";
    let checked =
        company_check("check-base", &company, |text, _| text.replacen("bind_name", base, 1));
    let words = &["correct base_dn", "its naming contexts: DC=corp,DC=example"];
    checked.blames("base_dn", "directory[0].base_dn", words);
    let checked = company_check("check-application-base", &company, |text, _| {
        text.replace("[\"OU=People,", "[\"OU=Poeple,")
    });
    checked.blames("base_dn", "application[0].bases[0]", &["OU=Poeple", "does not exist"]);
}

/// What is wrong in the file is found before anybody is asked.
#[test]
fn a_file_that_cannot_be_used() {
    let company = Company::new();
    let checked = company_check("check-key", &company, |text, _| {
        text.replace("negative_latency", "negativ_latency").replace("bind_name", "bindname")
    });
    checked.blames("configuration", "application[0].negativ_latency", &["negative_latency"]);
    checked.blames("configuration", "directory[0].bindname", &["bind_name"]);

    let secret = company_check("check-mode", &company, |text, folder| {
        let file = folder.path().join("service.password");
        fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
        text
    });
    secret.blames("configuration", "directory[0].bind_password_file", &["chmod 600 "]);
    assert!(secret.text.contains("/service.password"), "{}", secret.text);

    let missing = company_check("check-missing", &company, |text, folder| {
        fs::remove_file(folder.path().join("service.password")).unwrap();
        fs::remove_file(folder.path().join("corp.pem")).unwrap();
        text
    });
    let none = &["No such file"];
    missing.blames("configuration", "directory[0].bind_password_file", none);
    missing.blames("configuration", "directory[0].ca_file", none);

    let checked = company_check("check-syntax", &company, |text, _| text + "[[listener\n");
    assert_eq!((checked.code, checked.failures.len()), (Some(1), 1), "{}", checked.text);
    assert_eq!(company.binds_of("svc-sync"), 0);

    let checked = check(&company.folder("check-none").path().join("none.toml"));
    assert_eq!(checked.code, Some(1));
    assert!(checked.text.contains("none.toml") && checked.text.contains("--config"));
}

/// The same for `run`, which ends at once: exit code 2, and every fault with its key.
#[test]
fn run_refuses_a_file_that_cannot_be_used() {
    let company = Company::new();
    let folder = company.folder("check-run");
    let text = text_of(&company).replace("negative_latency", "negativ_latency");
    let file = folder.write("ldapgate.toml", &text.replace("[[listener]]", "[[listner]]"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_ldapgate"));
    let output = command.arg("run").arg("--config").arg(file).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("application[0].negativ_latency"), "{error}");
    assert!(error.contains("listner"), "{error}");
}

/// Real controllers with certificates that are too old, for somebody else, or of somebody else.
#[test]
#[ignore = "lab"]
fn certificates_of_controllers() {
    let ad = Ad::own("check", 20);
    let folder = corp::folder("check-lab");
    let file = folder.write("ldapgate.toml", &corp::configuration(&ad, "ldaps"));
    let good = check(&file);
    assert_eq!(good.code, Some(0), "{}", good.text);
    let before = ad.binds(2, "svc-proxy").len();
    for (kind, words) in [
        ("expired", &["expired"][..]),
        ("wrongname", &["dc2.corp.test", "elsewhere.invalid"]),
        ("otherca", &["authority"]),
    ] {
        ad.control("cert", &["2", kind]);
        let checked = check(&file);
        checked.blames("tls", "directory[0].controllers[1]", words);
        assert_eq!(checked.failures.len(), 1, "the other one is well: {}", checked.text);
    }
    assert_eq!(ad.binds(2, "svc-proxy").len(), before, "no password to whom we cannot trust");
    ad.control("cert", &["2", "good"]);
    let text = corp::configuration(&ad, "ldaps")
        .replace(&ad.ca().display().to_string(), &ad.other_ca().display().to_string());
    let checked = check(&folder.write("ldapgate.toml", &text));
    checked.blames("tls", "directory[0].controllers[0]", &["authority"]);
    checked.blames("tls", "directory[0].controllers[1]", &["authority"]);
}
