//! Single values: text to what it stands for, or why not and what to write instead.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use jiff::SignedDuration;
use rustls_pki_types::ServerName;

use super::error::{Fault, Findings};
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::schema;

/// Longest name of a directory, an application or a listener.
const MAX_NAME: usize = 64;

/// Longest bind name that is looked at.
const MAX_BIND_NAME: usize = 1024;

/// Names that go into logs and metrics.
pub(super) fn name(text: &str) -> Result<String, Fault> {
    let fits = (1..=MAX_NAME).contains(&text.len());
    if fits && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        format!("{text:?} is no name"),
        format!("write 1 to {MAX_NAME} letters, digits, dots, hyphens or underscores"),
    ))
}

/// A length of time with its unit: `800ms`, `30s`, `4h`, `1h 30m`.
pub(super) fn duration(text: &str) -> Result<Duration, Fault> {
    let instead = "write a number and a unit: 800ms, 30s, 5m, 4h, 60d";
    if text.trim().parse::<f64>().is_ok() {
        return Err(Fault::new(format!("{text:?} has no unit"), instead));
    }
    let days = text.trim().strip_suffix('d').and_then(|days| days.trim().parse::<u32>().ok());
    if let Some(days) = days {
        return Ok(Duration::from_secs(u64::from(days) * DAY));
    }
    let signed: SignedDuration =
        text.trim().parse().map_err(|_| Fault::new(format!("{text:?} is no duration"), instead))?;
    Duration::try_from(signed).map_err(|_| Fault::new(format!("{text:?} is negative"), instead))
}

/// The same for whoever types it on a command line.
///
/// # Errors
/// What is wrong with it and what to write instead.
pub fn duration_argument(text: &str) -> Result<Duration, String> {
    duration(text).map_err(|Fault { reason, instead }| format!("{reason}; {instead}"))
}

/// Seconds of a day, as far as durations are concerned.
const DAY: u64 = 24 * 3600;

/// A duration within bounds, or its default.
pub(super) fn bounded_duration(
    findings: &mut Findings,
    key: &str,
    text: Option<&str>,
    default: Duration,
    (least, most): (Duration, Duration),
) -> Duration {
    let parsed = text.map(|text| {
        let value = duration(text)?;
        if (least..=most).contains(&value) {
            return Ok(value);
        }
        Err(Fault::new(
            format!("{text:?} is out of bounds"),
            format!("choose between {} and {}", duration_text(least), duration_text(most)),
        ))
    });
    parsed.and_then(|value| findings.take(key, value)).unwrap_or(default)
}

/// A duration as it is written in the file.
pub(super) fn duration_text(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let days = duration.as_secs() / DAY;
    if days > 1 && duration == Duration::from_secs(days * DAY) {
        return format!("{days}d");
    }
    let units = [(3_600_000_u128, "h"), (60_000, "m"), (1000, "s")];
    let unit =
        units.iter().find(|(size, _)| milliseconds > 0 && milliseconds.is_multiple_of(*size));
    match unit {
        Some((size, unit)) => format!("{}{unit}", milliseconds / size),
        None => format!("{milliseconds}ms"),
    }
}

/// Octets: a number alone, or with KiB, MiB.
pub(super) fn size(text: &str) -> Result<usize, Fault> {
    let text = text.trim();
    let fault = || {
        Fault::new(format!("{text:?} is no size"), "write octets, or a unit: 65536, 64KiB, 4MiB")
    };
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).ok_or_else(fault)?;
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        _ => return Err(fault()),
    };
    number.parse::<usize>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(fault)
}

/// A size within bounds, or its default.
pub(super) fn bounded_size(
    findings: &mut Findings,
    key: &str,
    text: Option<&str>,
    default: usize,
    (least, most): (usize, usize),
) -> usize {
    let parsed = text.map(|text| {
        let value = size(text)?;
        if (least..=most).contains(&value) {
            return Ok(value);
        }
        Err(Fault::new(
            format!("{text:?} is out of bounds"),
            format!("choose between {} and {}", size_text(least), size_text(most)),
        ))
    });
    parsed.and_then(|value| findings.take(key, value)).unwrap_or(default)
}

fn size_text(octets: usize) -> String {
    match octets {
        octets if octets > 0 && octets.is_multiple_of(1024 * 1024) => {
            format!("{}MiB", octets / 1024 / 1024)
        }
        octets if octets > 0 && octets.is_multiple_of(1024) => format!("{}KiB", octets / 1024),
        octets => format!("{octets} octets"),
    }
}

/// A count within bounds, or its default.
pub(super) fn bounded_count(
    findings: &mut Findings,
    key: &str,
    value: Option<u32>,
    default: u32,
    (least, most): (u32, u32),
) -> u32 {
    let Some(value) = value else { return default };
    if (least..=most).contains(&value) {
        return value;
    }
    findings.problem(
        key,
        format!("{value} is out of bounds"),
        format!("choose between {least} and {most}"),
    );
    default
}

/// One of a few words.
pub(super) fn word<T: Copy>(
    findings: &mut Findings,
    key: &str,
    text: Option<&str>,
    words: &[(&str, T)],
    default: T,
) -> T {
    let Some(text) = text else { return default };
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return *value;
    }
    let known: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
    findings.problem(
        key,
        format!("{text:?} is not known here"),
        format!("write {}", known.join(" or ")),
    );
    default
}

/// Whether a URL means TLS from the first octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Ldap,
    Ldaps,
}

impl Scheme {
    const fn default_port(self) -> u16 {
        match self {
            Self::Ldap => 389,
            Self::Ldaps => 636,
        }
    }
}

/// Scheme, host and port; nothing else of an LDAP URL means anything here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) scheme: Scheme,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
}

/// `ldap://host`, `ldaps://host:port`, with `[…]` around an IPv6 address.
pub(super) fn url(text: &str, example: &str) -> Result<Url, Fault> {
    let fault = |reason: &str| {
        Fault::new(format!("{text:?} {reason}"), format!("write for example {example}"))
    };
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| fault("has no ldap:// or ldaps:// before the host"))?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "ldap" => Scheme::Ldap,
        "ldaps" => Scheme::Ldaps,
        _ => return Err(fault("is neither ldap:// nor ldaps://")),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@']) {
        return Err(fault("has more than a host and a port"));
    }
    let (host, port) =
        host_and_port(authority).ok_or_else(|| fault("has no host that can be read"))?;
    let port = match port {
        None => scheme.default_port(),
        Some(port) => port.parse().map_err(|_| fault("has no port between 0 and 65535"))?,
    };
    Ok(Url { scheme, host: host.to_owned(), port })
}

fn host_and_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return match rest {
            "" => Some((host, None)),
            rest => Some((host, Some(rest.strip_prefix(':')?))),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    ServerName::try_from(host).is_ok().then_some((host, port))
}

/// A host name or an address, to connect to.
pub(super) fn host(text: &str) -> Result<String, Fault> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if ServerName::try_from(bare).is_ok() {
        return Ok(bare.to_owned());
    }
    Err(Fault::new(
        format!("{text:?} is neither a host name nor an address"),
        "write it alone, without ldap:// and without a port; the port belongs to the url",
    ))
}

/// `sha256/` and the base64 form of a SHA-256 over the certificate's SubjectPublicKeyInfo.
pub(super) fn spki_pin(text: &str) -> Result<[u8; 32], Fault> {
    text.strip_prefix("sha256/")
        .and_then(|text| STANDARD.decode(text).ok())
        .and_then(|octets| octets.try_into().ok())
        .ok_or_else(|| {
            Fault::new(
                format!("{text:?} is no pin"),
                "write sha256/ and the base64 form of the SHA-256 of the public key (44 characters)",
            )
        })
}

/// `10.0.0.0/8`, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, Fault> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let network: IpNet = text.parse().map_err(|_| {
        Fault::new(format!("{text:?} is no network"), "write for example 10.0.0.0/8 or 10.1.2.3")
    })?;
    if network.trunc() == network {
        return Ok(network);
    }
    Err(Fault::new(
        format!("{text:?} has bits set behind its prefix"),
        format!(
            "write {} for the network or {} for the one address",
            network.trunc(),
            network.addr()
        ),
    ))
}

/// A distinguished name; not the empty one.
pub(super) fn dn(text: &str) -> Result<NormalizedDn, Fault> {
    let example = "write for example OU=People,DC=corp,DC=example";
    let dn = NormalizedDn::parse(text).map_err(|error| {
        Fault::new(format!("{text:?} is no distinguished name: {error}"), example)
    })?;
    if dn.is_root() { Err(Fault::new("is empty", example)) } else { Ok(dn) }
}

/// The name of an attribute, without options; none that is never copied.
pub(super) fn attribute_type(text: &str) -> Result<String, Fault> {
    let parsed = AttributeDescription::parse(text);
    if !parsed.is_some_and(|name| name.is_well_formed() && name.options.is_empty()) {
        let instead = "write the name of an attribute, without options";
        return Err(Fault::new(format!("{text:?} is no attribute type"), instead));
    }
    if schema::is_forbidden(text) {
        return Err(Fault::new(format!("{text} is never copied"), "take it out"));
    }
    Ok(text.to_owned())
}

/// A name that somebody binds with, in any form.
pub(super) fn bind_name(text: &str) -> Result<String, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::new(
            "is empty",
            "write a distinguished name, NAME\\account or account@domain",
        ));
    }
    if text.len() > MAX_BIND_NAME {
        return Err(Fault::new(format!("has more than {MAX_BIND_NAME} octets"), ""));
    }
    if text.chars().any(char::is_control) {
        // "CORP\tom" in double quotes is CORP, a tab, and "om".
        return Err(Fault::new(
            format!("{text:?} contains a control character"),
            r"put names with a backslash into single quotes: 'CORP\name'",
        ));
    }
    Ok(text.to_owned())
}

/// A group: a distinguished name, or its plain name.
pub(super) fn group(text: &str) -> Result<String, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::new("is empty", "write a group's name or its distinguished name"));
    }
    let attribute = text.split_once('=').map(|(attribute, _)| attribute.trim());
    let is_type = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    if attribute.is_some_and(|text| !text.is_empty() && is_type(text)) {
        dn(text)?;
    }
    Ok(text.to_owned())
}
