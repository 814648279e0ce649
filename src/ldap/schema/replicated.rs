//! Attributes that every controller counts and notes for itself.

/// Not replicated (MS-ADTS §3.1.1.2.3, `FLAG_ATTR_NOT_REPLICATED`; the last three are OpenLDAP's): two
/// controllers differ in them although nothing has happened, and no copy can say them truthfully. `contextCSN`
/// moves with every change below, and nothing tells of that.
pub const NOT_REPLICATED: [&str; 22] = [
    "badPasswordTime",
    "badPwdCount",
    "dSCorePropagationData",
    "lastLogoff",
    "lastLogon",
    "logonCount",
    "modifiedCount",
    "modifiedCountAtLastProm",
    "msDS-Cached-Membership",
    "msDS-Cached-Membership-Time-Stamp",
    "msDS-NcType",
    "replPropertyMetaData",
    "replUpToDateVector",
    "repsFrom",
    "repsTo",
    "serverState",
    "subRefs",
    "uSNDSALastObjRemoved",
    "uSNLastObjRem",
    "authTimestamp",
    "contextCSN",
    "pwdFailureTime",
];

/// Whether all controllers say the same of this attribute.
#[must_use]
pub fn is_replicated(name: &str) -> bool {
    !NOT_REPLICATED.iter().any(|local| local.eq_ignore_ascii_case(name))
}
