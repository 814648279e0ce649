//! `[[directory]]`: controllers, the sync account, and how the copy is made.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::error::{Fault, Findings};
use super::listener::to_usize;
use super::raw::{RawController, RawDirectory, RawHealth, RawIndex, RawPool, RawTimeouts, Short};
use super::resolve::{DirectorySettings, Surroundings};
use super::value::{self, Scheme};
use super::{attributes, offline, shield, sync};
use crate::directory::IndexPlan;
use crate::ldap::schema::DirectoryKind;
use crate::ldap::secret::Password;
use crate::upstream::{
    ControllerConfig, HealthConfig, PoolConfig, Security, Timeouts, Trust, UpstreamConfig,
};

/// Largest message from a controller: a page of 1500 member names is some 300 KiB.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Applications give up after five seconds; what comes later comes too late.
const PATIENCE: Duration = Duration::from_secs(4);

const EXAMPLE: &str = "\"ldaps://dc1.corp.example\"";

pub(super) fn resolve(
    raw: Vec<RawDirectory>,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Vec<DirectorySettings> {
    let names = raw.iter().map(|raw| raw.name.clone().unwrap_or_default().to_ascii_lowercase());
    let names: Vec<_> = names.enumerate().filter(|(_, name)| !name.is_empty()).collect();
    for (position, (index, name)) in names.iter().enumerate() {
        let earlier = names.iter().take(position).find(|(_, other)| other == name);
        if let Some((other, _)) = earlier {
            findings.problem(
                format!("directory[{index}].name"),
                format!("{name:?} is the name of directory[{other}] already"),
                "give each directory a name of its own",
            );
        }
    }
    let resolved = raw.into_iter().enumerate();
    resolved
        .filter_map(|(index, raw)| {
            one(&raw, &format!("directory[{index}]"), surroundings, findings)
        })
        .collect()
}

fn one(
    raw: &RawDirectory,
    at: &str,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Option<DirectorySettings> {
    let name = name(raw, at, findings);
    let kinds = [
        ("active-directory", DirectoryKind::ActiveDirectory),
        ("openldap", DirectoryKind::OpenLdap),
    ];
    let kind = value::word(
        findings,
        &format!("{at}.kind"),
        raw.kind.as_deref(),
        &kinds,
        DirectoryKind::ActiveDirectory,
    );
    let controllers = controllers(raw, at, surroundings, findings);
    let service_name = service_name(raw, at, kind, findings);
    let service_password = service_password(raw, at, surroundings, findings);
    let base_dn = raw.base_dn.clone();
    if let Some(base) = &base_dn {
        findings.take(&format!("{at}.base_dn"), value::dn(base));
    }
    let key = format!("{at}.max_message");
    let bounds = (64 * 1024, 1024 * 1024 * 1024);
    let max_message =
        value::bounded_size(findings, &key, raw.max_message.as_deref(), MAX_MESSAGE, bounds);
    let timeouts = timeouts(&raw.timeouts, &format!("{at}.timeouts"), findings);
    let pool = pool(&raw.pool, &format!("{at}.pool"), findings);
    let health = health(&raw.health, &format!("{at}.health"), findings);
    let sync = sync::resolve(raw, kind, &format!("{at}.sync"), findings);
    let guard = sync::guard(&raw.guard, &format!("{at}.guard"), findings);
    let shield = shield::resolve(&raw.shield, &format!("{at}.shield"), findings);
    let offline = offline::resolve(&raw.offline, &format!("{at}.offline"), findings);
    let attributes =
        attributes::resolve(&raw.attributes, kind, &format!("{at}.attributes"), findings);
    let indices = indices(&raw.index, &format!("{at}.index"), findings);
    let name: Arc<str> = Arc::from(name?);
    let upstream = UpstreamConfig {
        directory: Arc::clone(&name),
        kind,
        controllers,
        service_name: service_name?,
        service_password: service_password?,
        base_dn,
        timeouts,
        pool,
        max_message,
        health,
    };
    Some(DirectorySettings { name, upstream, sync, guard, shield, offline, attributes, indices })
}

fn name(raw: &RawDirectory, at: &str, findings: &mut Findings) -> Option<String> {
    let key = format!("{at}.name");
    let Some(name) = raw.name.as_deref() else {
        findings.problem(key, "is missing", "give the directory a name, for example \"corp\"");
        return None;
    };
    findings.take(&key, value::name(name))
}

fn controllers(
    raw: &RawDirectory,
    at: &str,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Vec<ControllerConfig> {
    let list = raw.controllers.as_deref().unwrap_or_default();
    let key = format!("{at}.controllers");
    if list.is_empty() {
        findings.problem(&key, "names no controller", format!("write for example [{EXAMPLE}]"));
    }
    let trust = trust(at, raw.ca_file.as_deref(), raw.spki_pins.as_deref(), surroundings, findings);
    let shared = trust.unwrap_or(Trust::System);
    let mut controllers: Vec<(usize, ControllerConfig)> = Vec::new();
    for (index, raw) in list.iter().enumerate() {
        let here = format!("{key}[{index}]");
        let Some(controller) = controller(raw, &here, &shared, surroundings, findings) else {
            continue;
        };
        let twin = controllers.iter().find(|(_, other)| other.name == controller.name);
        if let Some((other, _)) = twin {
            findings.problem(
                here,
                format!("{} is at {key}[{other}] already", controller.name),
                "remove it; if it is another controller, write its own name in the url and where it \
                 is reached in address",
            );
        }
        controllers.push((index, controller));
    }
    if list.len() == 1 {
        findings.warn(&key, "with one controller there is no failover");
    }
    controllers.into_iter().map(|(_, controller)| controller).collect()
}

fn controller(
    raw: &Short<RawController>,
    at: &str,
    shared: &Trust,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Option<ControllerConfig> {
    let alone = RawController::default();
    let (key, text, raw) = match raw {
        Short::Text(url) => (at.to_owned(), Some(url.as_str()), &alone),
        Short::Table(raw) => (format!("{at}.url"), raw.url.as_deref(), raw),
    };
    let Some(text) = text else {
        findings.problem(key, "is missing", format!("write for example url = {EXAMPLE}"));
        return None;
    };
    let url = findings.take(&key, value::url(text, EXAMPLE));
    let address = raw.address.as_deref();
    let address =
        address.and_then(|host| findings.take(&format!("{at}.address"), value::host(host)));
    let pins = raw.spki_pins.as_deref();
    let own = trust(at, raw.ca_file.as_deref(), pins, surroundings, findings);
    let url = url?;
    if url.port == 0 {
        findings.problem(key, "has port 0", "nothing can be connected to there");
    }
    let security = security(url.scheme, raw, at, findings);
    if security == Security::Plain {
        findings.warn(
            format!("{at}.plaintext"),
            format!("passwords travel to {} in clear text", url.host),
        );
    }
    Some(ControllerConfig {
        name: Arc::from(url.host.trim_end_matches('.').to_ascii_lowercase()),
        address,
        port: url.port,
        security,
        trust: own.unwrap_or_else(|| shared.clone()),
        tier: raw.tier.unwrap_or_default(),
    })
}

/// `ldap://` means StartTLS unless clear text is asked for in so many words.
fn security(scheme: Scheme, raw: &RawController, at: &str, findings: &mut Findings) -> Security {
    match (scheme, raw.starttls, raw.plaintext.unwrap_or_default()) {
        (Scheme::Ldaps, Some(true), _) => {
            let instead = "remove it, or write ldap:// for StartTLS";
            findings.problem(format!("{at}.starttls"), "means nothing on ldaps://", instead);
            Security::Ldaps
        }
        (Scheme::Ldaps, _, true) => {
            let instead = "remove it, or write ldap:// for clear text";
            findings.problem(format!("{at}.plaintext"), "contradicts ldaps://", instead);
            Security::Ldaps
        }
        (Scheme::Ldaps, None | Some(false), false) => Security::Ldaps,
        (Scheme::Ldap, Some(true), true) => {
            let instead = "remove plaintext for StartTLS, or starttls for clear text";
            findings.problem(format!("{at}.plaintext"), "contradicts starttls", instead);
            Security::StartTls
        }
        (Scheme::Ldap, Some(false), false) => {
            let instead =
                "remove it, or write plaintext = true if passwords may travel in clear text";
            findings.problem(format!("{at}.starttls"), "leaves no protection", instead);
            Security::StartTls
        }
        (Scheme::Ldap, None | Some(false), true) => Security::Plain,
        (Scheme::Ldap, None | Some(true), false) => Security::StartTls,
    }
}

/// What certificates are believed, if that is said here.
fn trust(
    at: &str,
    ca_file: Option<&str>,
    pins: Option<&[String]>,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Option<Trust> {
    let key = format!("{at}.spki_pins");
    if pins.is_some_and(<[_]>::is_empty) {
        findings.problem(&key, "is an empty list", "remove it, or write at least one pin");
    }
    if ca_file.is_some() && pins.is_some() {
        findings.problem(
            &key,
            "stands beside ca_file",
            "choose one: a pin takes the place of the chain and the name",
        );
    }
    if let Some(file) = ca_file {
        let certificates =
            surroundings.public(file).and_then(|content| authorities(file, &content));
        return findings.take(&format!("{at}.ca_file"), certificates).map(Trust::CaPem);
    }
    let pins = pins?;
    Some(Trust::SpkiPins(findings.take_each(&key, pins, |pin| value::spki_pin(pin))))
}

fn authorities(file: &str, content: &[u8]) -> Result<Arc<[u8]>, Fault> {
    let certificates = CertificateDer::pem_slice_iter(content).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(Arc::from(content)),
        Ok(_) if content.first() == Some(&0x30) => Err(Fault::new(
            format!("{file} is a binary certificate"),
            format!("convert it: openssl x509 -inform der -in {file} -out ca.pem"),
        )),
        Ok(_) => Err(Fault::new(
            format!("{file} holds no certificate"),
            "write the PEM form (-----BEGIN CERTIFICATE-----) of the authority",
        )),
        Err(error) => {
            Err(Fault::new(format!("{file} cannot be read as PEM: {error}"), "export it again"))
        }
    }
}

fn service_name(
    raw: &RawDirectory,
    at: &str,
    kind: DirectoryKind,
    findings: &mut Findings,
) -> Option<String> {
    let key = format!("{at}.bind_name");
    let Some(text) = raw.bind_name.as_deref() else {
        let instead = "name the account that reads users and groups, for example \
                       \"svc-ldapgate@corp.example\"";
        findings.problem(key, "is missing", instead);
        return None;
    };
    let name = findings.take(&key, value::bind_name(text))?;
    if name.contains('=') {
        findings.take(&key, value::dn(&name));
    } else if kind == DirectoryKind::OpenLdap {
        let instead = "write the account's distinguished name, for example cn=sync,dc=example";
        findings.problem(key, format!("{name:?} is no distinguished name"), instead);
    } else if !name.contains(['@', '\\']) {
        let instead = "write account@domain, 'DOMAIN\\account' or a distinguished name";
        let reason = format!("{name:?} is a form that controllers refuse from a service");
        findings.problem(key, reason, instead);
    }
    Some(name)
}

fn service_password(
    raw: &RawDirectory,
    at: &str,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Option<Password> {
    let key = format!("{at}.bind_password");
    match (&raw.bind_password, raw.bind_password_file.as_deref()) {
        (Some(_), Some(_)) => {
            let instead = "keep one of the two";
            findings.problem(key, "stands beside bind_password_file", instead);
            None
        }
        (None, None) => {
            let instead =
                "write the password of bind_name into a file of mode 0600 and name it here";
            findings.problem(format!("{at}.bind_password_file"), "is missing", instead);
            None
        }
        (Some(_), None) if !surroundings.private => {
            let instead = "chmod 600 the configuration, or move the password into a file of its own \
                           and name that in bind_password_file";
            findings.problem(key, "is a secret in a file that others can read", instead);
            None
        }
        (Some(secret), None) => {
            findings.take(&key, password(secret.expose().as_bytes(), "the value"))
        }
        (None, Some(file)) => {
            let key = format!("{at}.bind_password_file");
            let content = findings.take(&key, surroundings.private(file))?;
            let trimmed = without_newline(&content);
            if trimmed.last().is_some_and(u8::is_ascii_whitespace) {
                findings
                    .warn(&key, "the password ends with a blank, which is taken as a part of it");
            }
            findings.take(&key, password(trimmed, file))
        }
    }
}

/// Editors end a file with a newline that is no part of the password.
fn without_newline(content: &Zeroizing<Vec<u8>>) -> &[u8] {
    let content = content.as_slice();
    let line = content.strip_suffix(b"\n").unwrap_or(content);
    if line.len() < content.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line }
}

fn password(octets: &[u8], origin: &str) -> Result<Password, Fault> {
    if octets.is_empty() {
        return Err(Fault::new(format!("{origin} is empty"), "write the password into it"));
    }
    if octets.starts_with(&[0xEF, 0xBB, 0xBF]) || octets.contains(&0) {
        return Err(Fault::new(
            format!("{origin} is not plain UTF-8 text"),
            "save it as UTF-8 without a byte order mark",
        ));
    }
    Ok(Password::copy_from(octets))
}

fn timeouts(raw: &RawTimeouts, at: &str, findings: &mut Findings) -> Timeouts {
    let default = Timeouts::default();
    let mut time = |key: &str, text: &Option<String>, default, most: u64| {
        let bounds = (Duration::from_millis(50), Duration::from_secs(most));
        value::bounded_duration(findings, &format!("{at}.{key}"), text.as_deref(), default, bounds)
    };
    let timeouts = Timeouts {
        connect: time("connect", &raw.connect, default.connect, 60),
        attempt: time("attempt", &raw.attempt, default.attempt, 60),
        total: time("total", &raw.total, default.total, 120),
        search: time("search", &raw.search, default.search, 3600),
    };
    let key = format!("{at}.total");
    if timeouts.total < timeouts.attempt || timeouts.total < timeouts.connect {
        findings.problem(
            key,
            "is less than connect or attempt",
            "one login needs at least one attempt",
        );
    } else if timeouts.total > PATIENCE {
        findings.warn(key, "most applications give up a login after 5 seconds");
    } else if timeouts.total < timeouts.connect + timeouts.attempt {
        findings.warn(key, "too short to ask a second controller when the first one hangs");
    }
    timeouts
}

fn pool(raw: &RawPool, at: &str, findings: &mut Findings) -> PoolConfig {
    let default = PoolConfig::default();
    let mut count = |key: &str, value, default: usize, bounds| {
        let default = u32::try_from(default).unwrap_or(u32::MAX);
        let key = format!("{at}.{key}");
        to_usize(value::bounded_count(findings, &key, value, default, bounds))
    };
    let warm = count("warm", raw.warm, default.warm, (0, 1000));
    let max_links = count("max_links", raw.max_links, default.max_links, (1, 1000));
    let queue = count("queue", raw.queue, default.queue, (0, 100_000));
    if warm > max_links {
        let instead = "links kept ready count among them";
        findings.problem(format!("{at}.warm"), "is more than max_links", instead);
    }
    let bounds = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
    let key = format!("{at}.idle");
    let idle = value::bounded_duration(findings, &key, raw.idle.as_deref(), default.idle, bounds);
    PoolConfig { warm, max_links, queue, idle }
}

fn health(raw: &RawHealth, at: &str, findings: &mut Findings) -> HealthConfig {
    let default = HealthConfig::default();
    let mut time = |key: &str, text: &Option<String>, default, most| {
        let bounds = (Duration::from_secs(1), Duration::from_secs(most));
        value::bounded_duration(findings, &format!("{at}.{key}"), text.as_deref(), default, bounds)
    };
    HealthConfig {
        probe_interval: time("probe_interval", &raw.probe_interval, default.probe_interval, 3600),
        max_clock_skew: time("max_clock_skew", &raw.max_clock_skew, default.max_clock_skew, 86_400),
        return_after: time("return_after", &raw.return_after, default.return_after, 3600),
        fault_memory: time("fault_memory", &raw.fault_memory, default.fault_memory, 3600),
        flap_window: time("flap_window", &raw.flap_window, default.flap_window, 86_400),
    }
}

fn indices(raw: &RawIndex, at: &str, findings: &mut Findings) -> IndexPlan {
    let mut list = |key: &str, given: &Option<Vec<String>>, default: &[&str]| -> Vec<String> {
        let Some(given) = given else {
            return default.iter().map(|name| (*name).to_owned()).collect();
        };
        findings.take_each(&format!("{at}.{key}"), given, |name| value::attribute_type(name))
    };
    let equality = list("equality", &raw.equality, IndexPlan::default_equality());
    let substring = list("substring", &raw.substring, IndexPlan::default_substring());
    IndexPlan::new(&equality, &substring)
}
