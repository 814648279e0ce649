//! `[io]` What is tried on this machine: the listeners' certificates and addresses.

use std::io;

use tokio::net::TcpListener;

use crate::certificate::{CertificateFacts, Validity};
use crate::cli::render::day;
use crate::server::tls::ServerCertificate;
use crate::server::{ListenerConfig, ListenerSecurity};
use crate::time::Now;

use super::report::{Area, Finding};

/// Days before its end at which a certificate deserves a warning.
pub const SOON: i64 = 30;

/// Everything that is tried for one listener. `key` is the listener in the configuration.
pub async fn findings(config: &ListenerConfig, key: &str, now: Now) -> Vec<Finding> {
    let mut findings = vec![address(config, key).await];
    match &config.certificate {
        Some(files) => match ServerCertificate::load(files.clone()) {
            Ok(certificate) => {
                findings.extend(certificate_findings(&certificate.facts(), now, key))
            }
            Err(error) => findings.push(
                Finding::fail(
                    Area::Tls,
                    error.to_string(),
                    "correct certificate and key, or make them with: ldapgate certs NAME",
                )
                .at(format!("{key}.certificate")),
            ),
        },
        None => findings.extend(without_certificate(config, key)),
    }
    findings
}

async fn address(config: &ListenerConfig, key: &str) -> Finding {
    let address = config.address;
    let key = format!("{key}.url");
    match TcpListener::bind(address).await {
        Ok(_) => Finding::ok(Area::Listener, format!("{address} can be listened on")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Finding::warn(
            Area::Listener,
            format!("{address} is in use"),
            "fine if that is the ldapgate that is running now; else choose another port",
        )
        .at(key),
        Err(error) => {
            let advice = address_advice(error.kind());
            Finding::fail(Area::Listener, format!("{address}: {error}"), advice).at(key)
        }
    }
}

fn address_advice(kind: io::ErrorKind) -> &'static str {
    if kind == io::ErrorKind::PermissionDenied {
        "ports below 1024 need a privilege: with systemd, \
         AmbientCapabilities=CAP_NET_BIND_SERVICE; or choose a port above 1023"
    } else if kind == io::ErrorKind::AddrNotAvailable {
        "this machine does not have the address: correct it, or use 0.0.0.0 for all"
    } else {
        "choose another address or port"
    }
}

fn certificate_findings(facts: &CertificateFacts, now: Now, key: &str) -> Vec<Finding> {
    let key = format!("{key}.certificate");
    let what = format!("certificate for {}", names(facts));
    let until = day(facts.not_after_unix);
    let renew = "renew it (its own authority: ldapgate certs --force NAME)";
    let validity = match facts.validity(now) {
        Validity::NotYet => Finding::fail(
            Area::Tls,
            format!("{what}: valid only from {}", day(facts.not_before_unix)),
            "set the clock, or wait",
        ),
        Validity::Expired(days) => {
            Finding::fail(Area::Tls, format!("{what}: expired {days} days ago, on {until}"), renew)
        }
        Validity::Days(days) if days < SOON => {
            Finding::warn(Area::Tls, format!("{what}: expires in {days} days, on {until}"), renew)
        }
        Validity::Days(days) => {
            Finding::ok(Area::Tls, format!("{what}: expires in {days} days, on {until}"))
        }
    };
    let mut findings = vec![validity.at(key.clone())];
    if facts.names.is_empty() {
        let message = "the certificate has no subjectAltName";
        let advice = "clients look for the host's name there and nowhere else: get another one";
        findings.push(Finding::fail(Area::Tls, message, advice).at(key.clone()));
    }
    if facts.is_authority {
        let message = "the certificate is that of an authority";
        let advice = "strict clients refuse such a one from a server: get a server certificate";
        findings.push(Finding::warn(Area::Tls, message, advice).at(key));
    }
    findings
}

fn names(facts: &CertificateFacts) -> String {
    if facts.names.is_empty() { facts.subject.clone() } else { facts.names.join(", ") }
}

fn without_certificate(config: &ListenerConfig, key: &str) -> Option<Finding> {
    let text = "no certificate: passwords come in clear, StartTLS is not offered";
    match (config.security, config.address.ip().is_loopback()) {
        (ListenerSecurity::Tls, _) => Some(
            Finding::fail(Area::Tls, "ldaps without a certificate", "give certificate and key")
                .at(format!("{key}.certificate")),
        ),
        (ListenerSecurity::Plain, true) => {
            Some(Finding::ok(Area::Listener, format!("{text} (loopback only)")))
        }
        (ListenerSecurity::Plain, false) if config.allow_cleartext_bind => Some(
            Finding::warn(Area::Listener, text, "give it a certificate (ldapgate certs NAME)")
                .at(format!("{key}.certificate")),
        ),
        (ListenerSecurity::Plain, false) => Some(
            Finding::fail(
                Area::Listener,
                "no certificate and no passwords in clear: nobody can log in here",
                "give it a certificate (ldapgate certs NAME), or set allow_cleartext_bind",
            )
            .at(format!("{key}.certificate")),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Level;
    use super::*;

    fn facts(now: Now, days: i64, names: &[&str]) -> CertificateFacts {
        CertificateFacts {
            subject: "CN=gate".to_owned(),
            issuer: "CN=authority".to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            not_before_unix: now.unix_seconds() - 24 * 3600,
            not_after_unix: now.unix_seconds() + days * 24 * 3600,
            is_authority: false,
            spki_sha256: String::new(),
        }
    }

    #[test]
    fn a_certificate_by_its_days_and_names() {
        let now = Now::read();
        for (days, names, levels) in [
            (30, ["gate"].as_slice(), [Level::Ok].as_slice()),
            (29, &["gate"], &[Level::Warn]),
            (-1, &["gate"], &[Level::Fail]),
            (90, &[], &[Level::Ok, Level::Fail]),
        ] {
            let found = certificate_findings(&facts(now, days, names), now, "listener[0]");
            let found: Vec<_> = found.iter().map(|finding| finding.level).collect();
            assert_eq!(found, levels, "{days} {names:?}");
        }
        let future =
            CertificateFacts { not_before_unix: now.unix_seconds() + 60, ..facts(now, 90, &["x"]) };
        let found = certificate_findings(&future, now, "listener[0]");
        assert!(found[0].level == Level::Fail && found[0].message.contains("valid only from"));
    }
}
