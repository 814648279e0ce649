//! `[[listener]]`: where applications connect.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::error::{Fault, Findings};
use super::raw::{RawListener, RawSessionLimits};
use super::resolve::Surroundings;
use super::value::{self, Scheme};
use crate::server::{CertificateFiles, ListenerConfig, ListenerSecurity, SessionLimits};

/// Most connections of one listener.
const MAX_CONNECTIONS: u32 = 4096;

const EXAMPLE: &str = "\"ldap://127.0.0.1:3389\" or \"ldaps://0.0.0.0:636\"";

pub(super) fn resolve(
    raw: Vec<RawListener>,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Vec<ListenerConfig> {
    let mut listeners: Vec<(usize, ListenerConfig)> = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let at = format!("listener[{index}]");
        let Some(listener) = one(&raw, &at, surroundings, findings) else { continue };
        for (other, earlier) in &listeners {
            clash(&at, &listener, *other, earlier, findings);
        }
        listeners.push((index, listener));
    }
    listeners.into_iter().map(|(_, listener)| listener).collect()
}

fn clash(
    at: &str,
    listener: &ListenerConfig,
    other: usize,
    earlier: &ListenerConfig,
    findings: &mut Findings,
) {
    if listener.name == earlier.name {
        findings.problem(
            format!("{at}.name"),
            format!("{:?} is the name of listener[{other}] already", &*listener.name),
            "give each listener a name of its own",
        );
    }
    if same_address(listener.address, earlier.address) {
        findings.problem(
            format!("{at}.url"),
            format!("{} is taken by listener[{other}] ({})", listener.address, earlier.address),
            "choose another port or address",
        );
    }
}

/// Port 0 is a new port each time. An unspecified address takes every address of its family.
fn same_address(left: SocketAddr, right: SocketAddr) -> bool {
    left.port() == right.port()
        && left.port() != 0
        && left.is_ipv4() == right.is_ipv4()
        && (left.ip() == right.ip() || left.ip().is_unspecified() || right.ip().is_unspecified())
}

fn one(
    raw: &RawListener,
    at: &str,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Option<ListenerConfig> {
    let key = format!("{at}.url");
    let Some(text) = raw.url.as_deref() else {
        findings.problem(key, "is missing", format!("write for example {EXAMPLE}"));
        return None;
    };
    let url = findings.take(&key, value::url(text, EXAMPLE))?;
    let ip = findings.take(&key, address(&url.host))?;
    let address = SocketAddr::new(ip, url.port);
    let name = match raw.name.as_deref() {
        Some(name) => findings.take(&format!("{at}.name"), value::name(name))?,
        None => text.trim_end_matches('/').to_ascii_lowercase(),
    };
    let certificate = certificate(raw, at, surroundings, findings);
    let proxies = proxies(raw, &format!("{at}.proxy_protocol"), findings);
    let listener = ListenerConfig {
        name: Arc::from(name),
        address,
        security: match url.scheme {
            Scheme::Ldap => ListenerSecurity::Plain,
            Scheme::Ldaps => ListenerSecurity::Tls,
        },
        certificate,
        // What a proxy on this machine hands on has come over a network.
        allow_cleartext_bind: raw
            .allow_cleartext_bind
            .unwrap_or(ip.is_loopback() && proxies.is_empty()),
        proxies,
        max_connections: to_usize(value::bounded_count(
            findings,
            &format!("{at}.max_connections"),
            raw.max_connections,
            MAX_CONNECTIONS,
            (1, 1_000_000),
        )),
        limits: limits(&raw.limits, &format!("{at}.limits"), findings),
    };
    exposure(&listener, raw, at, findings);
    Some(listener)
}

fn proxies(raw: &RawListener, key: &str, findings: &mut Findings) -> Vec<IpNet> {
    let Some(texts) = raw.proxy_protocol.as_deref() else { return Vec::new() };
    if texts.is_empty() {
        findings.problem(key, "is an empty list", "name the proxies, or remove the key");
    }
    let proxies = findings.take_each(key, texts, |text| value::network(text));
    if proxies.iter().any(|network| network.prefix_len() == 0) {
        findings.warn(
            key,
            "whoever reaches this listener may claim any address, and so choose the application: \
             name the proxies alone",
        );
    }
    proxies
}

fn address(host: &str) -> Result<IpAddr, Fault> {
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::from([127, 0, 0, 1]));
    }
    host.parse().map_err(|_| {
        Fault::new(
            format!("{host:?} is no address of this machine"),
            "write an IP address: 127.0.0.1 for this machine alone, 0.0.0.0 or [::] for all networks",
        )
    })
}

fn certificate(
    raw: &RawListener,
    at: &str,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Option<CertificateFiles> {
    let (chain, key) = (raw.certificate.as_deref(), raw.key.as_deref());
    let (Some(chain), Some(key)) = (chain, key) else {
        if chain.is_some() || key.is_some() {
            let missing = if key.is_none() { "key" } else { "certificate" };
            findings.problem(
                format!("{at}.{missing}"),
                "is missing",
                "a certificate and its key are given together, both as PEM files",
            );
        }
        return None;
    };
    let chain = findings.take(&format!("{at}.certificate"), surroundings.path(chain));
    let key = findings.take(&format!("{at}.key"), surroundings.path(key));
    Some(CertificateFiles { chain: chain?, key: key? })
}

/// What follows from the address and the way in.
fn exposure(listener: &ListenerConfig, raw: &RawListener, at: &str, findings: &mut Findings) {
    let is_tls = listener.security == ListenerSecurity::Tls;
    let has_certificate = raw.certificate.is_some() || raw.key.is_some();
    if is_tls && !has_certificate {
        findings.problem(
            format!("{at}.certificate"),
            "is missing, and ldaps:// needs one",
            "name a certificate and its key; ldapgate certs makes both",
        );
    }
    if is_tls && raw.allow_cleartext_bind == Some(true) {
        findings.problem(
            format!("{at}.allow_cleartext_bind"),
            "means nothing on ldaps://, where nothing is clear",
            "remove it",
        );
    }
    let local = listener.address.ip().is_loopback();
    if !is_tls && !local && listener.allow_cleartext_bind {
        findings.warn(
            format!("{at}.allow_cleartext_bind"),
            "passwords cross the network in clear text when an application does not use StartTLS",
        );
    }
    if !is_tls && !listener.allow_cleartext_bind && !has_certificate {
        findings.warn(
            format!("{at}.url"),
            "without a certificate there is no StartTLS, and binds in clear text are refused here: \
             nobody can log in through this listener",
        );
    }
}

fn limits(raw: &RawSessionLimits, at: &str, findings: &mut Findings) -> SessionLimits {
    let default = SessionLimits::default();
    let second = Duration::from_secs(1);
    let mut time = |key: &str, text: &Option<String>, default, most| {
        let bounds = (second, Duration::from_secs(most));
        value::bounded_duration(findings, &format!("{at}.{key}"), text.as_deref(), default, bounds)
    };
    let pre_bind_timeout =
        time("pre_bind_timeout", &raw.pre_bind_timeout, default.pre_bind_timeout, 3600);
    let idle_timeout = time("idle_timeout", &raw.idle_timeout, default.idle_timeout, 7 * 86_400);
    let write_timeout = time("write_timeout", &raw.write_timeout, default.write_timeout, 3600);
    let handshake = &raw.tls_handshake_timeout;
    let tls_handshake_timeout =
        time("tls_handshake_timeout", handshake, default.tls_handshake_timeout, 300);
    let mut size = |key: &str, text: &Option<String>, default, bounds| {
        value::bounded_size(findings, &format!("{at}.{key}"), text.as_deref(), default, bounds)
    };
    let (small, large) = (4096, 256 * 1024 * 1024);
    let before = size(
        "message_before_bind",
        &raw.message_before_bind,
        default.message_before_bind,
        (small, large),
    );
    let after = size(
        "message_after_bind",
        &raw.message_after_bind,
        default.message_after_bind,
        (small, large),
    );
    if after < before {
        findings.problem(
            format!("{at}.message_after_bind"),
            "is less than message_before_bind",
            "who has logged in may send at least as much as who has not",
        );
    }
    SessionLimits {
        pre_bind_timeout,
        idle_timeout,
        message_before_bind: before,
        message_after_bind: after,
        write_timeout,
        tls_handshake_timeout,
    }
}

/// Nothing that Rust's library runs on here has a smaller `usize`; such a one would be a tighter limit.
pub(super) fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
