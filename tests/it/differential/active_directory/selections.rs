//! Which attributes come back and how: RFC 4511 §4.5.1.8, RFC 3673, RFC 4522, MS-ADTS §3.1.1.3.1.3.3 (ranges) and
//! §3.1.1.4.5 (constructed attributes).

use ldapgate::ldap::request::SearchScope::BaseObject;

use super::super::row::Row;
use super::{DOMAIN, UNIT};

const JOHN: &str = "CN=John Smith,OU=Values,OU=Differential,DC=corp,DC=test";
const INGE: &str = "CN=Inge Person,OU=Values,OU=Differential,DC=corp,DC=test";
const SALIMA: &str = "CN=Salima,OU=Values,OU=Differential,DC=corp,DC=test";
const CHAIN: &str = "CN=chain-a,OU=Circles,OU=Differential,DC=corp,DC=test";
const BIG: &str = "CN=big,OU=Groups,DC=corp,DC=test";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (id, base, ask) in SELECTIONS {
        rows.push(Row::new(*id, base, "(objectClass=*)").scope(BaseObject).ask(ask));
        rows.push(
            Row::new(format!("{id}-types"), base, "(objectClass=*)")
                .scope(BaseObject)
                .ask(ask)
                .types_only(),
        );
    }
    for (id, filter, ask) in MANY {
        rows.push(Row::new(*id, UNIT, filter).ask(ask));
    }
    rows
}

const SELECTIONS: &[(&str, &str, &str)] = &[
    ("ask-default", JOHN, ""),
    ("ask-all", JOHN, "*"),
    ("ask-none", JOHN, "1.1"),
    ("ask-none-and-one", JOHN, "1.1 cn"),
    ("ask-one", JOHN, "cn"),
    ("ask-case", JOHN, "CN SAMACCOUNTNAME usercertificate"),
    ("ask-number", JOHN, "2.5.4.3 1.2.840.113556.1.4.221"),
    ("ask-alias", JOHN, "commonName surname"),
    ("ask-unknown", JOHN, "noSuchAttribute cn"),
    ("ask-unknown-only", JOHN, "noSuchAttribute"),
    ("ask-ill", JOHN, "c\u{e9} ; cn"),
    ("ask-twice", JOHN, "cn CN cn"),
    ("ask-all-and-one", JOHN, "* cn"),
    ("ask-all-and-constructed", JOHN, "* canonicalName"),
    ("ask-binary", JOHN, "userCertificate;binary"),
    ("ask-binary-text", JOHN, "cn;binary"),
    ("ask-binary-and-plain", JOHN, "userCertificate userCertificate;binary"),
    ("ask-option", JOHN, "cn;lang-en"),
    ("ask-secret", JOHN, "unicodePwd userPassword supplementalCredentials cn"),
    ("ask-names", JOHN, "distinguishedName memberOf manager directReports"),
    ("ask-member", CHAIN, "member memberOf"),
    ("ask-group-all", CHAIN, "*"),
    ("ask-unit-all", UNIT, "*"),
    ("ask-domain", DOMAIN, "objectSid dc name distinguishedName objectGUID instanceType"),
    ("ask-domain-all", DOMAIN, "*"),
    ("ask-users-container", "CN=Users,DC=corp,DC=test", "*"),
    ("ask-domain-users", "CN=Domain Users,CN=Users,DC=corp,DC=test", "*"),
    ("ask-administrators", "CN=Administrators,CN=Builtin,DC=corp,DC=test", "*"),
    ("ask-administrator", "CN=Administrator,CN=Users,DC=corp,DC=test", "*"),
    ("ask-people-unit", "OU=People,DC=corp,DC=test", "*"),
    ("ask-photo", JOHN, "thumbnailPhoto jpegPhoto"),
    // Ranges.
    ("range-first", CHAIN, "member;range=0-0"),
    ("range-rest", CHAIN, "member;range=1-*"),
    ("range-all", CHAIN, "member;range=0-*"),
    ("range-past-end", CHAIN, "member;range=5-*"),
    ("range-beyond", CHAIN, "member;range=0-99"),
    ("range-reversed", CHAIN, "member;range=1-0"),
    ("range-ill", CHAIN, "member;range=x"),
    ("range-case", CHAIN, "MEMBER;Range=0-0"),
    ("range-single-valued", JOHN, "cn;range=0-*"),
    ("range-text", JOHN, "proxyAddresses;range=0-*"),
    ("range-absent", JOHN, "member;range=0-*"),
    ("range-big-whole", BIG, "member;range=0-*"),
    ("range-big-all", BIG, "member"),
    // Constructed.
    ("made-canonical", JOHN, "canonicalName"),
    (
        "made-canonical-slash",
        "CN=Slash/Name,OU=Names,OU=Differential,DC=corp,DC=test",
        "canonicalName",
    ),
    (
        "made-canonical-backslash",
        "CN=Back\\\\Slash,OU=Names,OU=Differential,DC=corp,DC=test",
        "canonicalName",
    ),
    ("made-canonical-domain", DOMAIN, "canonicalName"),
    ("made-canonical-unit", UNIT, "canonicalName"),
    ("made-token-user", JOHN, "primaryGroupToken"),
    ("made-token-group", CHAIN, "primaryGroupToken"),
    (
        "made-token-list",
        "CN=mail-list,OU=Circles,OU=Differential,DC=corp,DC=test",
        "primaryGroupToken",
    ),
    ("made-token-domain-users", "CN=Domain Users,CN=Users,DC=corp,DC=test", "primaryGroupToken"),
    ("made-token-built-in", "CN=Users,CN=Builtin,DC=corp,DC=test", "primaryGroupToken"),
    ("made-groups-user", JOHN, "tokenGroups"),
    ("made-groups-nested", INGE, "tokenGroups"),
    ("made-groups-ring", SALIMA, "tokenGroups"),
    ("made-groups-primary", "CN=pia,OU=People,DC=corp,DC=test", "tokenGroups"),
    ("made-groups-administrator", "CN=Administrator,CN=Users,DC=corp,DC=test", "tokenGroups"),
    ("made-groups-group", CHAIN, "tokenGroups"),
    ("made-groups-unit", UNIT, "tokenGroups"),
    ("made-groups-global", JOHN, "tokenGroupsGlobalAndUniversal"),
    ("made-groups-no-catalog", JOHN, "tokenGroupsNoGCAcceptable"),
    ("made-control-john", JOHN, "msDS-User-Account-Control-Computed"),
    (
        "made-control-disabled",
        "CN=Disabled,OU=States,OU=Differential,DC=corp,DC=test",
        "msDS-User-Account-Control-Computed userAccountControl",
    ),
    (
        "made-control-must",
        "CN=Must Change,OU=States,OU=Differential,DC=corp,DC=test",
        "msDS-User-Account-Control-Computed pwdLastSet",
    ),
    (
        "made-control-expired",
        "CN=Expired,OU=States,OU=Differential,DC=corp,DC=test",
        "msDS-User-Account-Control-Computed accountExpires",
    ),
    (
        "made-control-never",
        "CN=Never,OU=States,OU=Differential,DC=corp,DC=test",
        "msDS-User-Account-Control-Computed",
    ),
    (
        "made-control-dave",
        "CN=dave,OU=People,DC=corp,DC=test",
        "msDS-User-Account-Control-Computed",
    ),
    (
        "made-control-frank",
        "CN=frank,OU=People,DC=corp,DC=test",
        "msDS-User-Account-Control-Computed",
    ),
    ("made-control-group", CHAIN, "msDS-User-Account-Control-Computed"),
    ("made-principal-user", JOHN, "msDS-PrincipalName"),
    ("made-principal-group", CHAIN, "msDS-PrincipalName"),
    (
        "made-principal-built-in",
        "CN=Administrators,CN=Builtin,DC=corp,DC=test",
        "msDS-PrincipalName",
    ),
    ("made-principal-unit", UNIT, "msDS-PrincipalName"),
    ("made-subordinates", UNIT, "msDS-Approx-Immed-Subordinates"),
    ("made-subordinates-leaf", JOHN, "msDS-Approx-Immed-Subordinates"),
    ("made-groups-global-nested", INGE, "tokenGroupsGlobalAndUniversal"),
    (
        "made-groups-global-administrator",
        "CN=Administrator,CN=Users,DC=corp,DC=test",
        "tokenGroupsGlobalAndUniversal tokenGroupsNoGCAcceptable",
    ),
    ("made-groups-global-ring", SALIMA, "tokenGroupsGlobalAndUniversal"),
    ("made-parent", JOHN, "parentGUID"),
    ("made-parent-group", CHAIN, "parentGUID"),
    ("made-parent-unit", UNIT, "parentGUID"),
    ("made-parent-domain", DOMAIN, "parentGUID"),
    ("made-structural", JOHN, "structuralObjectClass"),
    ("made-structural-group", CHAIN, "structuralObjectClass"),
    ("made-structural-domain", DOMAIN, "structuralObjectClass"),
    ("made-stamps", JOHN, "createTimeStamp"),
    ("made-schema", JOHN, "subSchemaSubEntry"),
    ("made-possible", JOHN, "possibleInferiors allowedAttributes"),
    ("made-policy", JOHN, "msDS-ResultantPSO"),
    ("made-key-version", JOHN, "msDS-KeyVersionNumber"),
    ("made-expiry", JOHN, "msDS-UserPasswordExpiryTimeComputed"),
    ("made-entry-dn", JOHN, "entryDN hasSubordinates numSubordinates entryUUID"),
];

const MANY: &[(&str, &str, &str)] = &[
    ("all-users-all", "(objectClass=user)", "*"),
    ("all-groups-all", "(objectClass=group)", "*"),
    ("all-units-all", "(|(objectClass=organizationalUnit)(objectClass=container))", "*"),
    ("all-users-canonical", "(objectClass=user)", "canonicalName msDS-PrincipalName"),
    ("all-groups-token", "(objectClass=group)", "primaryGroupToken"),
    (
        "all-member-of",
        "(objectClass=*)",
        "memberOf member manager directReports managedBy managedObjects",
    ),
    ("all-plus", "(objectClass=group)", "+"),
    ("all-groups-members-range", "(objectClass=group)", "member;range=0-1"),
    ("filter-made-canonical", "(canonicalName=*)", "cn"),
    ("filter-made-token", "(primaryGroupToken=513)", "cn"),
    ("filter-made-groups", "(tokenGroups=*)", "cn"),
    ("filter-made-entry-dn", "(entryDN=*)", "cn"),
    ("filter-made-subordinates", "(hasSubordinates=TRUE)", "cn"),
    (
        "filter-made-computed",
        "(msDS-User-Account-Control-Computed:1.2.840.113556.1.4.803:=16)",
        "cn",
    ),
];
