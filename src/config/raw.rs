//! The configuration as it is written: one struct per TOML section, every key optional, no meaning yet.
//!
//! Names of keys are names of fields; unknown ones are refused. What a key means, its unit and its
//! default are in `docs/configuration.md` and in the comments of `config/ldapgate.toml`; tests hold
//! both to this file.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use zeroize::Zeroizing;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawConfig {
    pub(super) control: Option<String>,
    pub(super) store: Option<String>,
    pub(super) shutdown_grace: Option<String>,
    pub(super) log: RawLog,
    pub(super) audit: RawAudit,
    pub(super) shield: RawSourceLimits,
    pub(super) directory: Vec<RawDirectory>,
    pub(super) application: Vec<RawApplication>,
    pub(super) listener: Vec<RawListener>,
}

/// `[log]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    pub(super) level: Option<String>,
    pub(super) format: Option<String>,
    pub(super) hash_unknown_names: Option<bool>,
}

/// `[audit]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAudit {
    pub(super) file: Option<String>,
    pub(super) key_file: Option<String>,
    pub(super) rotate_size: Option<String>,
    pub(super) rotate_age: Option<String>,
    pub(super) keep: Option<u32>,
    pub(super) when_full: Option<String>,
    pub(super) hash_names: Option<bool>,
}

/// `[[directory]]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDirectory {
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) controllers: Option<Vec<Short<RawController>>>,
    pub(super) ca_file: Option<String>,
    pub(super) spki_pins: Option<Vec<String>>,
    pub(super) bind_name: Option<String>,
    pub(super) bind_password: Option<RawSecret>,
    pub(super) bind_password_file: Option<String>,
    pub(super) base_dn: Option<String>,
    pub(super) max_message: Option<String>,
    pub(super) timeouts: RawTimeouts,
    pub(super) pool: RawPool,
    pub(super) health: RawHealth,
    pub(super) sync: RawSync,
    pub(super) guard: RawGuard,
    pub(super) shield: RawShield,
    pub(super) offline: RawOffline,
    pub(super) attributes: RawAttributes,
    pub(super) index: RawIndex,
}

/// One element of `controllers` where a URL is not enough.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawController {
    pub(super) url: Option<String>,
    pub(super) address: Option<String>,
    pub(super) tier: Option<u8>,
    pub(super) ca_file: Option<String>,
    pub(super) spki_pins: Option<Vec<String>>,
    pub(super) starttls: Option<bool>,
    pub(super) plaintext: Option<bool>,
}

/// `[directory.timeouts]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTimeouts {
    pub(super) connect: Option<String>,
    pub(super) attempt: Option<String>,
    pub(super) total: Option<String>,
    pub(super) search: Option<String>,
}

/// `[directory.pool]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPool {
    pub(super) warm: Option<u32>,
    pub(super) max_links: Option<u32>,
    pub(super) queue: Option<u32>,
    pub(super) idle: Option<String>,
}

/// `[directory.health]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawHealth {
    pub(super) probe_interval: Option<String>,
    pub(super) max_clock_skew: Option<String>,
    pub(super) return_after: Option<String>,
    pub(super) fault_memory: Option<String>,
    pub(super) flap_window: Option<String>,
}

/// `[directory.sync]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSync {
    pub(super) strategy: Option<String>,
    pub(super) follow: Option<bool>,
    pub(super) poll: Option<String>,
    pub(super) notify: Option<bool>,
    pub(super) cron: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) reconcile: Option<String>,
    pub(super) max_age: Option<String>,
    pub(super) page_size: Option<u32>,
    pub(super) base: Option<String>,
    pub(super) remember_removed: Option<String>,
}

/// `[directory.guard]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawGuard {
    pub(super) share: Option<u32>,
    pub(super) least: Option<u32>,
    pub(super) window: Option<String>,
}

/// `[directory.shield]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawShield {
    pub(super) enabled: Option<bool>,
    pub(super) failures: Option<AutoCount>,
    pub(super) window: Option<String>,
    pub(super) fallback_failures: Option<u32>,
    pub(super) fallback_window: Option<String>,
    pub(super) remember: Option<String>,
}

/// `[directory.offline]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawOffline {
    pub(super) groups: Option<Vec<String>>,
    pub(super) denied_groups: Option<Vec<String>>,
    pub(super) max_age: Option<String>,
    pub(super) failures: Option<u32>,
    pub(super) uses: Option<u32>,
}

/// `[shield]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSourceLimits {
    pub(super) application_failures: Option<u32>,
    pub(super) client_failures: Option<u32>,
    pub(super) window: Option<String>,
}

/// `[directory.attributes]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAttributes {
    pub(super) login: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) mail: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) department: Option<String>,
    pub(super) department_from_path: Option<u32>,
    pub(super) title: Option<String>,
    pub(super) company: Option<String>,
    pub(super) manager: Option<String>,
    pub(super) unique_id: Option<String>,
    pub(super) modification_time: Option<String>,
    pub(super) required: Option<Vec<String>>,
    pub(super) on_missing: Option<String>,
}

/// `[directory.index]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawIndex {
    pub(super) equality: Option<Vec<String>>,
    pub(super) substring: Option<Vec<String>>,
}

/// `[[application]]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawApplication {
    pub(super) name: Option<String>,
    pub(super) directories: Option<Vec<String>>,
    pub(super) bases: Option<Vec<Short<RawBase>>>,
    pub(super) excluded_bases: Option<Vec<Short<RawBase>>>,
    pub(super) user_filter: Option<String>,
    pub(super) required_groups: Option<Vec<String>>,
    pub(super) denied_groups: Option<Vec<String>>,
    pub(super) service_accounts: Option<Vec<String>>,
    pub(super) local_accounts: Option<Vec<RawLocalAccount>>,
    pub(super) searchers: Option<String>,
    pub(super) anonymous: Option<String>,
    pub(super) refusals: Option<String>,
    pub(super) freshness: Option<String>,
    pub(super) negative_latency: Option<String>,
    pub(super) networks: Option<Vec<String>>,
    pub(super) listeners: Option<Vec<String>>,
    pub(super) operations: Option<Vec<String>>,
    pub(super) require_tls: Option<bool>,
    pub(super) primary_group_in_member_of: Option<bool>,
    pub(super) attributes: Option<Vec<String>>,
    pub(super) hidden_attributes: Option<Vec<String>>,
    pub(super) visible_bases: Option<Vec<Short<RawBase>>>,
    pub(super) group_filter: Option<String>,
    pub(super) disabled_accounts: Option<String>,
    pub(super) rename_attributes: Vec<RawRename>,
    pub(super) rewrite_bases: Vec<RawRewrite>,
    pub(super) add_attributes: Vec<RawAddition>,
    pub(super) limits: RawSearchLimits,
}

/// One element of `bases` where a distinguished name is not enough.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawBase {
    pub(super) directory: Option<String>,
    pub(super) dn: Option<String>,
}

/// One element of `rename_attributes`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRename {
    pub(super) attribute: Option<String>,
    pub(super) to: Option<String>,
}

/// One element of `rewrite_bases`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRewrite {
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

/// One element of `add_attributes`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAddition {
    pub(super) attribute: Option<String>,
    pub(super) values: Option<Vec<String>>,
    pub(super) from_path: Option<u32>,
    pub(super) nested: Option<bool>,
}

/// One element of `local_accounts`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLocalAccount {
    pub(super) name: Option<String>,
    pub(super) secret: Option<RawSecret>,
}

/// `[application.limits]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSearchLimits {
    pub(super) size: Option<u32>,
    pub(super) time: Option<String>,
    pub(super) candidates: Option<u32>,
    pub(super) page: Option<u32>,
    pub(super) connections: Option<u32>,
    pub(super) binds_per_second: Option<u32>,
    pub(super) searches_per_second: Option<u32>,
}

/// `[[listener]]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawListener {
    pub(super) name: Option<String>,
    pub(super) url: Option<String>,
    pub(super) certificate: Option<String>,
    pub(super) key: Option<String>,
    pub(super) allow_cleartext_bind: Option<bool>,
    pub(super) proxy_protocol: Option<Vec<String>>,
    pub(super) max_connections: Option<u32>,
    pub(super) limits: RawSessionLimits,
}

/// `[listener.limits]`
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSessionLimits {
    pub(super) pre_bind_timeout: Option<String>,
    pub(super) idle_timeout: Option<String>,
    pub(super) message_before_bind: Option<String>,
    pub(super) message_after_bind: Option<String>,
    pub(super) write_timeout: Option<String>,
    pub(super) tls_handshake_timeout: Option<String>,
}

/// A value that is mostly one string and sometimes a table.
#[derive(Debug)]
#[cfg_attr(test, derive(serde::Serialize), serde(untagged))]
pub(super) enum Short<T> {
    /// The string alone.
    Text(String),
    /// All of it.
    Table(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Short<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShortVisitor(PhantomData))
    }
}

struct ShortVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ShortVisitor<T> {
    type Value = Short<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a table")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Short::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Short::Table)
    }
}

/// A number, or a word that stands for one.
#[derive(Debug)]
#[cfg_attr(test, derive(serde::Serialize), serde(untagged))]
pub(super) enum AutoCount {
    /// The word.
    Text(String),
    /// The number.
    Number(u32),
}

impl<'de> Deserialize<'de> for AutoCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AutoCountVisitor)
    }
}

struct AutoCountVisitor;

impl Visitor<'_> for AutoCountVisitor {
    type Value = AutoCount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or \"auto\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AutoCount, E> {
        // The environment has no numbers.
        Ok(text.parse().map_or_else(|_| AutoCount::Text(text.to_owned()), AutoCount::Number))
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<AutoCount, E> {
        Ok(AutoCount::Number(u32::try_from(count).unwrap_or(u32::MAX)))
    }

    fn visit_i64<E: Error>(self, count: i64) -> Result<AutoCount, E> {
        Ok(match u32::try_from(count) {
            Ok(count) => AutoCount::Number(count),
            Err(_) => AutoCount::Text(count.to_string()),
        })
    }
}

/// A secret written into the file: cannot be printed, is overwritten when dropped.
pub(super) struct RawSecret(Zeroizing<String>);

impl RawSecret {
    /// The text, for the one place that takes it over.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for RawSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl fmt::Debug for RawSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
impl serde::Serialize for RawSecret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(secret)")
    }
}
