//! What a server sets by itself: identifiers, times, sequence numbers, class chains.
//!
//! Identifiers are derived from the name, so the same text always makes the same directory.

use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use super::directory::{Directory, Kind};
use super::entry::Entry;
use super::name::{DnKey, fold, guid_text, sid_octets, sid_text, split_rdns};

/// "Never" in accountExpires (MS-ADTS 2.2).
pub(super) const NEVER: i64 = i64::MAX;
/// Classes that head a naming context of Active Directory.
const HEADS: [&str; 3] = ["domainDNS", "configuration", "dMD"];

/// 100-nanosecond intervals since 1601 (MS-DTYP 2.3.3).
#[must_use]
pub fn file_time(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos() / 100).unwrap_or(NEVER).saturating_add(116_444_736_000_000_000)
}

/// `20261121070000.0Z`, or `20261121070000Z` for OpenLDAP (RFC 4517 §3.3.13).
#[must_use]
pub fn generalized_time(time: SystemTime, kind: Kind) -> String {
    let text = jiff::Timestamp::try_from(time)
        .map_or_else(|_| String::new(), |at| at.strftime("%Y%m%d%H%M%S").to_string());
    match kind {
        Kind::ActiveDirectory => text + ".0Z",
        Kind::OpenLdap => text + "Z",
    }
}

impl Directory {
    /// Adds what the record leaves out and takes what is for the text only.
    pub(super) fn complete(&mut self, key: &DnKey, entry: &mut Entry) {
        entry.password = entry.text("demoPassword").map(str::to_owned);
        entry.set("demoPassword", Vec::new());
        self.name_attributes(entry);
        let now = generalized_time(self.now, self.kind);
        match self.kind {
            Kind::ActiveDirectory => {
                entry.default_text("whenCreated", &now);
                entry.default_text("instanceType", "4");
                let created = (self.sequence + 1).to_string();
                entry.default_text("uSNCreated", &created);
                self.complete_classes(entry);
                self.complete_identity(entry);
                self.complete_account(entry);
            }
            Kind::OpenLdap => {
                entry.default_text("createTimestamp", &now);
                if entry.get("entryUUID").is_none() {
                    let uuid = guid_text(&self.new_identity(&entry.dn)).unwrap_or_default();
                    entry.set_text("entryUUID", &uuid);
                }
                if let Some(class) = entry.values("objectClass").first().cloned() {
                    entry.set("structuralObjectClass", vec![class]);
                }
            }
        }
        let heads = matches!(self.kind, Kind::OpenLdap) && *key == self.domain.key;
        if heads || HEADS.iter().any(|class| entry.has("objectClass", class)) {
            self.contexts.push((key.clone(), entry.dn.clone()));
        }
        self.touch(&Entry::new(&entry.dn), entry);
    }

    /// Moves the sequence number and the time of change, and stamps what differs from `before`.
    pub(super) fn touch(&mut self, before: &Entry, entry: &mut Entry) {
        self.sequence += 1;
        match self.kind {
            Kind::ActiveDirectory => {
                entry.set_text("uSNChanged", &self.sequence.to_string());
                entry.set_text("whenChanged", &generalized_time(self.now, self.kind));
            }
            Kind::OpenLdap => {
                let csn = self.log_change(entry);
                entry.set_text("entryCSN", &csn);
                entry.set_text("modifyTimestamp", &generalized_time(self.now, self.kind));
            }
        }
        entry.stamp_changes(before, self.sequence);
    }

    /// After a rename: the naming attributes, and for the renamed entry itself a change. Entries
    /// below it do not change (MS-ADTS 3.1.1.5.4).
    pub(super) fn renamed(&mut self, before: &Entry, entry: &mut Entry, itself: bool) {
        if itself && let Some((attribute, _)) = leading_ava(&entry.dn) {
            entry.set(&attribute, Vec::new());
        }
        self.name_attributes(entry);
        if itself {
            self.touch(before, entry);
            // A move leaves the value of name as it was, and still counts as a change of it.
            entry.metadata.stamp("name", self.sequence);
        }
    }

    /// Whether the entry may stand without one above it, as head of a naming context.
    pub(super) fn heads_context(&self, key: &DnKey, entry: &Entry) -> bool {
        // OpenLDAP's subschema is in no naming context (RFC 4512 §4.2).
        let is_subschema = self.kind == Kind::OpenLdap && entry.has("objectClass", "subschema");
        *key == self.domain.key
            || is_subschema
            || HEADS.iter().any(|class| entry.has("objectClass", class))
    }

    pub(super) fn name_attributes(&self, entry: &mut Entry) {
        let Some((attribute, value)) = leading_ava(&entry.dn) else { return };
        if !entry.values(&attribute).iter().any(|v| v == value.as_bytes()) {
            entry.push(&attribute, value.as_bytes().to_vec());
        }
        let dn = entry.dn.clone();
        match self.kind {
            Kind::ActiveDirectory => {
                entry.set_text("distinguishedName", &dn);
                entry.set_text("name", &value);
            }
            Kind::OpenLdap => entry.set_text("entryDN", &dn),
        }
    }

    pub(super) fn complete_classes(&mut self, entry: &mut Entry) {
        let class = entry.values("objectClass").last().cloned().unwrap_or_default();
        let class = String::from_utf8(class).unwrap_or_default();
        let (chain, category): (&[&str], &str) = match class.as_str() {
            "user" => (&["top", "person", "organizationalPerson", "user"], "Person"),
            "contact" => (&["top", "person", "organizationalPerson", "contact"], "Person"),
            "computer" => {
                (&["top", "person", "organizationalPerson", "user", "computer"], "Computer")
            }
            "group" => (&["top", "group"], "Group"),
            "organizationalUnit" => (&["top", "organizationalUnit"], "Organizational-Unit"),
            "domainDNS" => (&["top", "domain", "domainDNS"], "Domain-DNS"),
            "crossRef" => (&["top", "crossRef"], "Cross-Ref"),
            "crossRefContainer" => (&["top", "crossRefContainer"], "Cross-Ref-Container"),
            "configuration" => (&["top", "configuration"], "Configuration"),
            "dMD" => (&["top", "dMD"], "DMD"),
            "nTDSDSA" => (&["top", "applicationSettings", "nTDSDSA"], "NTDS-DSA"),
            "server" => (&["top", "server"], "Server"),
            "lostAndFound" => (&["top", "lostAndFound"], "Lost-And-Found"),
            "subSchema" => (&["top", "subSchema"], "SubSchema"),
            _ => (&["top", "container"], "Container"),
        };
        entry.set("objectClass", chain.iter().map(|c| c.as_bytes().to_vec()).collect());
        let category = format!("CN={category},CN=Schema,CN=Configuration,{}", self.domain.dn);
        entry.default_text("objectCategory", &category);
        if HEADS.contains(&class.as_str()) {
            entry.set_text("instanceType", "5");
        }
        if class == "crossRef" && entry.has("nCName", &self.domain.dn) {
            self.domain.netbios = entry.text("nETBIOSName").unwrap_or_default().to_owned();
        }
    }

    fn complete_identity(&mut self, entry: &mut Entry) {
        if entry.get("objectGUID").is_none() {
            let guid = self.new_identity(&entry.dn);
            entry.set("objectGUID", vec![guid.to_vec()]);
        }
        if entry.has("objectClass", "nTDSDSA") && entry.get("invocationId").is_none() {
            entry.set(
                "invocationId",
                vec![derived(&format!("invocation of {}", entry.dn)).to_vec()],
            );
        }
        if let Some(octets) = entry.text("objectSid").and_then(sid_octets) {
            entry.set("objectSid", vec![octets]);
        }
        if entry.get("objectSid").is_some() {
            return;
        }
        let sid = if entry.has("objectClass", "domainDNS") {
            let parts = derived(&entry.dn);
            let parts = parts.as_chunks::<4>().0.iter().take(3);
            let numbers: Vec<String> =
                parts.map(|part| u32::from_be_bytes(*part).to_string()).collect();
            Some(format!("S-1-5-21-{}", numbers.join("-")))
        } else if ["user", "group", "computer"].iter().any(|c| entry.has("objectClass", c)) {
            self.account_sid(entry)
        } else {
            None
        };
        entry.set("objectSid", sid.and_then(|text| sid_octets(&text)).into_iter().collect());
    }

    /// An identity derived from the name; the second entry of a name gets another one, since an
    /// identity is never used again (MS-ADTS 3.1.1.1.4).
    fn new_identity(&mut self, dn: &str) -> [u8; 16] {
        let mut identity = derived(dn);
        let mut again = 1;
        while !self.used_identities.insert(identity) {
            again += 1;
            identity = derived(&format!("{dn} again {again}"));
        }
        identity
    }

    fn account_sid(&mut self, entry: &mut Entry) -> Option<String> {
        let domain = self.entries.get(&self.domain.key)?.values("objectSid").first()?;
        let domain = sid_text(domain)?;
        let rid = entry.number("demoRid").unwrap_or_else(|| {
            let rid = self.next_rid;
            self.next_rid += 1;
            i64::from(rid)
        });
        entry.set("demoRid", Vec::new());
        Some(format!("{domain}-{rid}"))
    }

    pub(super) fn complete_account(&self, entry: &mut Entry) {
        if entry.has("objectClass", "group") {
            entry.default_text("groupType", "-2147483646");
            let local = entry.number("groupType").is_some_and(|t| t & 4 != 0);
            entry.default_text("sAMAccountType", if local { "536870912" } else { "268435456" });
        }
        if entry.has("objectClass", "user") {
            let computer = entry.has("objectClass", "computer");
            entry.default_text("userAccountControl", if computer { "4096" } else { "512" });
            entry.default_text("sAMAccountType", if computer { "805306369" } else { "805306368" });
            entry.default_text("primaryGroupID", if computer { "515" } else { "513" });
            entry.default_text("accountExpires", &NEVER.to_string());
            entry.default_text("pwdLastSet", &file_time(self.now).to_string());
            for zero in ["badPwdCount", "badPasswordTime", "lastLogon", "logonCount", "codePage"] {
                entry.default_text(zero, "0");
            }
        }
    }
}

/// Sixteen objectGUID octets that depend on the name only, marked as version 4 (MS-DTYP 2.3.4.2 puts
/// the version into the eighth octet).
pub(super) fn derived(name: &str) -> [u8; 16] {
    let mut octets = [0; 16];
    for (to, from) in octets.iter_mut().zip(Sha256::digest(fold(name).as_bytes())) {
        *to = from;
    }
    let [_, _, _, _, _, _, _, version, variant, ..] = &mut octets;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    octets
}

pub(super) fn leading_ava(dn: &str) -> Option<(String, String)> {
    split_rdns(dn)?.into_iter().next()?.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// MS-DTYP 2.3.3, RFC 4517 §3.3.13: the same moment in three spellings.
    #[test]
    fn times() {
        let time = UNIX_EPOCH + Duration::from_secs(1_577_836_800 + 3723);
        assert_eq!(file_time(time), 132_223_104_000_000_000 + 37_230_000_000);
        assert_eq!(generalized_time(time, Kind::ActiveDirectory), "20200101010203.0Z");
        assert_eq!(generalized_time(time, Kind::OpenLdap), "20200101010203Z");
    }
}
