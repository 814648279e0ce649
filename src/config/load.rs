//! `[io]` The file, the environment, and the files that hold secrets.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::audit;
use super::error::{ConfigErrors, Findings, Problem};
use super::fingerprint::{Fingerprint, Noted};
use super::parse::{ENVIRONMENT_PREFIX, parse, values};
use super::resolve::{self, Config, Files, Surroundings};
use crate::hexadecimal;
use crate::private_file;

/// Where a service keeps what lives as long as it runs.
const RUN_DIRECTORY: &str = "/run/ldapgate";

const CONTROL_SOCKET: &str = "control.sock";

/// Where a service keeps what outlives it.
const STATE_DIRECTORY: &str = "/var/lib/ldapgate";

const STORE: &str = "ldapgate.redb";

/// Reads a configuration file, lays the environment over it (`LDAPGATE__LOG__LEVEL=debug`), and reads
/// the files that it names. Relative paths start from the directory that the file is in.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(file: &Path) -> Result<Config, ConfigErrors> {
    let (text, private) = read(file)?;
    let mut config = from_text(&text, directory_of(file), private, &environment())
        .map_err(|errors| ConfigErrors { file: Some(file.to_owned()), ..errors })?;
    config.file = Some(file.to_owned());
    Ok(config)
}

/// The same from a text of this process, which may hold secrets, without the environment.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load_text(text: &str, directory: &Path) -> Result<Config, ConfigErrors> {
    from_text(text, directory, true, &BTreeMap::new())
}

/// Only where the control socket is, for commands that talk to a running process: they need no
/// secret. `None` when it is switched off.
///
/// # Errors
/// The file cannot be read, or is no configuration.
pub fn control_socket(file: &Path) -> Result<Option<PathBuf>, ConfigErrors> {
    let (text, private) = read(file)?;
    let mut findings = Findings::default();
    let raw = parse(&text, &environment(), &mut findings);
    let surroundings = surroundings(directory_of(file), private);
    let control =
        raw.and_then(|raw| resolve::control(raw.control.as_deref(), &surroundings, &mut findings));
    if findings.problems.is_empty() {
        return Ok(control);
    }
    Err(ConfigErrors { file: Some(file.to_owned()), problems: findings.problems })
}

/// Only where the audit trail and its key are, for who checks it. `None` where there is to be none.
///
/// # Errors
/// The file cannot be read, or is no configuration.
pub fn audit_trail(file: &Path) -> Result<Option<(PathBuf, PathBuf)>, ConfigErrors> {
    let (text, private) = read(file)?;
    let mut findings = Findings::default();
    let raw = parse(&text, &environment(), &mut findings);
    let surroundings = surroundings(directory_of(file), private);
    let files = raw.and_then(|raw| audit::files(&raw.audit, &surroundings, &mut findings));
    if findings.problems.is_empty() {
        return Ok(files);
    }
    Err(ConfigErrors { file: Some(file.to_owned()), problems: findings.problems })
}

fn from_text(
    text: &str,
    directory: &Path,
    private: bool,
    environment: &BTreeMap<String, String>,
) -> Result<Config, ConfigErrors> {
    let mut findings = Findings::default();
    let raw = parse(text, environment, &mut findings);
    let files = Noted::new(&Disk);
    let around = Surroundings { files: &files, ..surroundings(directory, private) };
    let mut config = resolve::resolve(raw, &around, findings)?;
    if let Some(values) = values(text, environment) {
        config.fingerprint = Fingerprint::of(&values, directory, &files.contents());
    }
    config.digest = hexadecimal::digits(&Sha256::digest(text));
    Ok(config)
}

fn read(file: &Path) -> Result<(Zeroizing<String>, bool), ConfigErrors> {
    let fault = |reason: String, instead: &str| ConfigErrors {
        file: Some(file.to_owned()),
        problems: vec![Problem { key: String::new(), reason, instead: instead.to_owned() }],
    };
    let octets = private_file::read_public(file)
        .map_err(|error| fault(error.to_string(), "name another file with --config"))?;
    let private = private_file::is_private(file).map_err(|error| fault(error.to_string(), ""))?;
    match std::str::from_utf8(&octets) {
        Ok(text) => Ok((Zeroizing::new(text.to_owned()), private)),
        Err(error) => {
            let reason = format!("is not UTF-8 text from octet {} on", error.valid_up_to());
            Err(fault(reason, "save it as UTF-8"))
        }
    }
}

fn directory_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// The variables that override the file. Names are compared as they are written.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
        .collect()
}

fn surroundings(directory: &Path, private: bool) -> Surroundings<'_> {
    let (control, store) = (default_control_socket(), default_store());
    Surroundings { directory, private, control, store, files: &Disk }
}

/// A service has its directory in `/run`; a person who tries the program has a directory of their own.
fn default_control_socket() -> PathBuf {
    let run = Path::new(RUN_DIRECTORY);
    match variable("XDG_RUNTIME_DIR") {
        Some(own) if !is_root() && !run.is_dir() => own.join("ldapgate").join(CONTROL_SOCKET),
        Some(_) | None => run.join(CONTROL_SOCKET),
    }
}

/// The same for what outlives the program (XDG Base Directory Specification: state).
fn default_store() -> PathBuf {
    let state = Path::new(STATE_DIRECTORY);
    let own = variable("XDG_STATE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/state")));
    match own {
        Some(own) if !is_root() && !state.is_dir() => own.join("ldapgate").join(STORE),
        Some(_) | None => state.join(STORE),
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}

struct Disk;

impl Files for Disk {
    fn private(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        private_file::read(path).map_err(|error| error.to_string())
    }

    fn public(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        private_file::read_public(path).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::testing::Scratch;

    const SECTIONS: &str = r#"
        [[directory]]
        name = "corp"
        controllers = ["ldaps://dc1.corp.example"]
        bind_name = "svc@corp.example"
        PASSWORD

        [[application]]
        name = "crm"
        service_accounts = ["svc-crm@corp.example"]

        [[listener]]
        url = "ldap://127.0.0.1:3389"
    "#;

    fn fault(file: &Path) -> String {
        load(file).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn files_are_found_beside_the_configuration_and_judged_by_their_mode() {
        let scratch = Scratch::new("config-load");
        let text = SECTIONS.replace("PASSWORD", "bind_password_file = \"corp.password\"");
        let file = scratch.write("ldapgate.toml", &text, 0o644);
        assert!(fault(&file).contains("corp.password cannot be read: No such file"));
        scratch.write("corp.password", "hunter2\n", 0o640);
        let refused = fault(&file);
        let command = format!("chmod 600 {}/corp.password", scratch.0.display());
        assert!(refused.contains(&command), "{refused}");
        assert!(refused.starts_with(&format!("{}: 1 problem\n", file.display())), "{refused}");
        scratch.write("corp.password", "hunter2\n", 0o400);
        let config = load(&file).unwrap();
        assert_eq!(config.directories[0].upstream.service_password.expose(), b"hunter2");
    }

    #[test]
    fn a_secret_in_the_configuration_makes_it_a_secret() {
        let scratch = Scratch::new("config-inline");
        let text = SECTIONS.replace("PASSWORD", "bind_password = \"hunter2\"");
        let file = scratch.write("ldapgate.toml", &text, 0o640);
        let refused = fault(&file);
        assert!(refused.contains("directory[0].bind_password") && !refused.contains("hunter2"));
        scratch.write("ldapgate.toml", &text, 0o600);
        assert!(load(&file).is_ok());
        assert!(load_text(&text, &scratch.0).is_ok());
    }

    #[test]
    fn the_control_socket_is_known_without_the_secrets() {
        let scratch = Scratch::new("config-control");
        let text = SECTIONS.replace("PASSWORD", "bind_password_file = \"none\"");
        let file = scratch.write("a.toml", format!("control = \"here.sock\"\n{text}"), 0o644);
        assert_eq!(control_socket(&file).unwrap(), Some(scratch.0.join("here.sock")));
        let file = scratch.write("b.toml", format!("control = \"off\"\n{text}"), 0o644);
        assert_eq!(control_socket(&file).unwrap(), None);
        let long = format!("control = \"{}\"\n{text}", "x".repeat(120));
        let file = scratch.write("c.toml", long, 0o644);
        assert!(control_socket(&file).unwrap_err().to_string().contains("longer than 107"));
    }

    #[test]
    fn what_is_no_file_or_no_text_is_named() {
        let scratch = Scratch::new("config-none");
        assert!(fault(&scratch.0.join("none.toml")).contains("--config"));
        assert!(fault(&scratch.0).contains("is not a file"));
        let file = scratch.write("latin1.toml", b"# B\xFCro\n", 0o644);
        assert!(fault(&file).contains("not UTF-8 text from octet 3"));
    }
}
