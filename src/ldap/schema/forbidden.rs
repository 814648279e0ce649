//! Attributes that hold passwords or keys. They are never asked for, stored or served.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::attribute_type::{LONGEST_NAME, folded};

/// Whether values of `name` are never asked for, stored or served. Options do not help, nor does the
/// object identifier: `userPassword;x` and `2.5.4.35` are forbidden like `userPassword`.
#[must_use]
pub fn is_forbidden(name: &str) -> bool {
    let name = name.split(';').next().unwrap_or_default().trim();
    let name = strip_prefix(name, "oid.").unwrap_or(name);
    let mut buffer = [0; LONGEST_NAME];
    FAMILIES.iter().any(|family| strip_prefix(name, family).is_some())
        || folded(name, &mut buffer).is_some_and(|name| INDEX.contains(name))
}

fn strip_prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

static INDEX: LazyLock<HashSet<Box<str>>> = LazyLock::new(|| {
    let names = TYPES.iter().flat_map(|(name, oid)| [*name, *oid]).filter(|name| !name.is_empty());
    names.map(|name| Box::from(name.to_ascii_lowercase())).collect()
});

/// Whole families, by how their names or identifiers start: LAPS (both generations), BitLocker, TPM,
/// roamed credentials and keys, group key distribution, managed service accounts' passwords.
const FAMILIES: &[&str] = &[
    "ms-Mcs-AdmPwd",
    "1.2.840.113556.1.8000.2554.50051.45980.28112.18903.35903.6685103.1224907.2.",
    "msLAPS-",
    "1.2.840.113556.1.6.44.1.",
    "msFVE-",
    "msTPM-",
    "msPKI",
    "msKds-",
    "msDS-ManagedPassword",
    "msDS-KeyCredentialLink",
];

/// Name and object identifier; where the identifier is not well known, the name alone.
pub(super) const TYPES: &[(&str, &str)] = &[
    // MS-ADTS §3.1.1.4.4: what no controller gives out over LDAP, but a replica or a dump might.
    ("currentValue", "1.2.840.113556.1.4.27"),
    ("dBCSPwd", "1.2.840.113556.1.4.55"),
    ("initialAuthIncoming", "1.2.840.113556.1.4.539"),
    ("initialAuthOutgoing", "1.2.840.113556.1.4.540"),
    ("lmPwdHistory", "1.2.840.113556.1.4.160"),
    ("ntPwdHistory", "1.2.840.113556.1.4.94"),
    ("priorValue", "1.2.840.113556.1.4.100"),
    ("supplementalCredentials", "1.2.840.113556.1.4.125"),
    ("trustAuthIncoming", "1.2.840.113556.1.4.129"),
    ("trustAuthOutgoing", "1.2.840.113556.1.4.135"),
    ("unicodePwd", "1.2.840.113556.1.4.90"),
    // The rest of Active Directory.
    ("linkTrackSecret", "1.2.840.113556.1.4.269"),
    ("msDS-ExecuteScriptPassword", "1.2.840.113556.1.4.1783"),
    ("msDS-KeyCredentialLink", "1.2.840.113556.1.4.2328"),
    ("msDS-KeyCredentialLink-BL", "1.2.840.113556.1.4.2329"),
    ("msDS-KeyId", "1.2.840.113556.1.4.2315"),
    ("msDS-KeyMaterial", "1.2.840.113556.1.4.2316"),
    ("msDS-ManagedPassword", "1.2.840.113556.1.4.2196"),
    ("msDS-ManagedPasswordId", "1.2.840.113556.1.4.2197"),
    ("msDS-ManagedPasswordPreviousId", "1.2.840.113556.1.4.2198"),
    ("msFVE-KeyPackage", "1.2.840.113556.1.4.1999"),
    ("msFVE-RecoveryGuid", "1.2.840.113556.1.4.1965"),
    ("msFVE-RecoveryPassword", "1.2.840.113556.1.4.1964"),
    ("msFVE-VolumeGuid", "1.2.840.113556.1.4.1998"),
    ("msKds-RootKeyData", "1.2.840.113556.1.4.2175"),
    ("msPKI-CredentialRoamingTokens", "1.2.840.113556.1.4.2050"),
    ("msPKIAccountCredentials", "1.2.840.113556.1.4.1894"),
    ("msPKIDPAPIMasterKeys", "1.2.840.113556.1.4.1893"),
    ("msPKIRoamingTimeStamp", "1.2.840.113556.1.4.1892"),
    ("msSFU30Password", ""),
    ("msTPM-OwnerInformation", "1.2.840.113556.1.4.1966"),
    ("msTPM-OwnerInformationTemp", "1.2.840.113556.1.4.2108"),
    ("msTPM-TpmInformationForComputer", "1.2.840.113556.1.4.2109"),
    ("pekList", "1.2.840.113556.1.4.865"),
    ("privateKey", "1.2.840.113556.1.4.101"),
    ("unixUserPassword", "1.2.840.113556.1.4.1910"),
    // Standards, OpenLDAP, Samba's NT4 domains, Kerberos and one-time passwords kept in LDAP.
    ("authPassword", "1.3.6.1.4.1.4203.1.3.4"),
    ("ipaNTHash", ""),
    ("ipatokenOTPkey", ""),
    ("krb5Key", "1.3.6.1.4.1.5322.10.1.10"),
    ("krbExtraData", ""),
    ("krbMKey", ""),
    ("krbPrincipalKey", "2.16.840.1.113719.1.301.4.39.1"),
    ("krbPwdHistory", ""),
    ("lmPassword", "1.3.6.1.4.1.7165.2.1.1"),
    ("ntPassword", "1.3.6.1.4.1.7165.2.1.2"),
    ("oathSecret", ""),
    ("olcRootPW", ""),
    ("passwordHistory", ""),
    ("pKCS8PrivateKey", "1.3.6.1.4.1.4203.666.1.60"),
    ("pwdHistory", "1.3.6.1.4.1.42.2.27.8.1.20"),
    ("sambaClearTextPassword", "1.3.6.1.4.1.7165.2.1.68"),
    ("sambaLMPassword", "1.3.6.1.4.1.7165.2.1.24"),
    ("sambaNTPassword", "1.3.6.1.4.1.7165.2.1.25"),
    ("sambaPasswordHistory", "1.3.6.1.4.1.7165.2.1.54"),
    ("sambaPreviousClearTextPassword", "1.3.6.1.4.1.7165.2.1.69"),
    ("sambaTrustAuthIncoming", "1.3.6.1.4.1.7165.2.1.76"),
    ("sambaTrustAuthOutgoing", "1.3.6.1.4.1.7165.2.1.75"),
    ("userPassword", "2.5.4.35"),
    ("userPKCS12", "2.16.840.1.113730.3.1.216"),
];
