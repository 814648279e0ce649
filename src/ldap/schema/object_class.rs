//! Object classes, and the category that Active Directory reads for a class name.

/// One object class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectClass {
    /// The name in the directory's own spelling.
    pub name: &'static str,
    /// The object identifier.
    pub oid: &'static str,
    /// The cn, below the schema naming context, of the category that `(objectCategory=<name>)` asks for
    /// (the class's defaultObjectCategory, MS-ADTS §3.1.1.3.1.3.5): `Person` for `user`. `None` for
    /// classes that Active Directory does not have.
    pub category: Option<&'static str>,
}

/// The class called `name`: its name in any case, or its dotted object identifier.
#[must_use]
pub fn object_class(name: &str) -> Option<&'static ObjectClass> {
    CLASSES.iter().find(|class| class.name.eq_ignore_ascii_case(name) || class.oid == name)
}

const fn class(
    name: &'static str,
    oid: &'static str,
    category: Option<&'static str>,
) -> ObjectClass {
    ObjectClass { name, oid, category }
}

/// Sorted by name.
pub(super) const CLASSES: &[ObjectClass] = &[
    class("account", "0.9.2342.19200300.100.4.5", Some("account")),
    class("applicationSettings", "1.2.840.113556.1.5.7000.49", Some("Application-Settings")),
    class("attributeSchema", "1.2.840.113556.1.3.14", Some("Attribute-Schema")),
    class("builtinDomain", "1.2.840.113556.1.5.4", Some("Builtin-Domain")),
    class("classSchema", "1.2.840.113556.1.3.13", Some("Class-Schema")),
    class("computer", "1.2.840.113556.1.3.30", Some("Computer")),
    class("configuration", "1.2.840.113556.1.5.12", Some("Configuration")),
    class("contact", "1.2.840.113556.1.5.15", Some("Person")),
    class("container", "1.2.840.113556.1.3.23", Some("Container")),
    class("country", "2.5.6.2", Some("Country")),
    class("crossRef", "1.2.840.113556.1.3.11", Some("Cross-Ref")),
    class("crossRefContainer", "1.2.840.113556.1.5.7000.53", Some("Cross-Ref-Container")),
    class("dcObject", "1.3.6.1.4.1.1466.344", None),
    class("dMD", "1.2.840.113556.1.3.9", Some("DMD")),
    class("dnsNode", "1.2.840.113556.1.5.86", Some("Dns-Node")),
    class("dnsZone", "1.2.840.113556.1.5.85", Some("Dns-Zone")),
    class("domain", "1.2.840.113556.1.5.66", Some("Domain-DNS")),
    class("domainDNS", "1.2.840.113556.1.5.67", Some("Domain-DNS")),
    class("extensibleObject", "1.3.6.1.4.1.1466.101.120.111", None),
    class("foreignSecurityPrincipal", "1.2.840.113556.1.5.76", Some("Foreign-Security-Principal")),
    class("group", "1.2.840.113556.1.5.8", Some("Group")),
    class("groupOfNames", "2.5.6.9", Some("Group-Of-Names")),
    class("groupOfUniqueNames", "2.5.6.17", Some("groupOfUniqueNames")),
    class("groupOfURLs", "2.16.840.1.113730.3.2.33", None),
    class("groupPolicyContainer", "1.2.840.113556.1.5.157", Some("Group-Policy-Container")),
    class("inetOrgPerson", "2.16.840.1.113730.3.2.2", Some("Person")),
    class("infrastructureUpdate", "1.2.840.113556.1.5.175", Some("Infrastructure-Update")),
    class("leaf", "1.2.840.113556.1.5.20", Some("Leaf")),
    class("locality", "2.5.6.3", Some("Locality")),
    class("lostAndFound", "1.2.840.113556.1.5.139", Some("Lost-And-Found")),
    class("mailRecipient", "1.2.840.113556.1.3.46", Some("Mail-Recipient")),
    class("msDS-Device", "1.2.840.113556.1.5.286", Some("ms-DS-Device")),
    class(
        "msDS-GroupManagedServiceAccount",
        "1.2.840.113556.1.5.282",
        Some("ms-DS-Group-Managed-Service-Account"),
    ),
    class(
        "msDS-ManagedServiceAccount",
        "1.2.840.113556.1.5.264",
        Some("ms-DS-Managed-Service-Account"),
    ),
    class("msDS-PasswordSettings", "1.2.840.113556.1.5.255", Some("ms-DS-Password-Settings")),
    class("nTDSDSA", "1.2.840.113556.1.5.7000.47", Some("NTDS-DSA")),
    class("organization", "2.5.6.4", Some("Organization")),
    class("organizationalPerson", "2.5.6.7", Some("Person")),
    class("organizationalRole", "2.5.6.8", Some("Organizational-Role")),
    class("organizationalUnit", "2.5.6.5", Some("Organizational-Unit")),
    class("person", "2.5.6.6", Some("Person")),
    class("posixAccount", "1.3.6.1.1.1.2.0", Some("PosixAccount")),
    class("posixGroup", "1.3.6.1.1.1.2.2", Some("PosixGroup")),
    class("printQueue", "1.2.840.113556.1.5.23", Some("Print-Queue")),
    class("pwdPolicy", "1.3.6.1.4.1.42.2.27.8.2.1", None),
    class("rIDManager", "1.2.840.113556.1.5.83", Some("RID-Manager")),
    class("rIDSet", "1.2.840.113556.1.5.129", Some("RID-Set")),
    class("sambaSamAccount", "1.3.6.1.4.1.7165.2.2.6", None),
    class("samServer", "1.2.840.113556.1.5.5", Some("Sam-Server")),
    class("secret", "1.2.840.113556.1.5.28", Some("Secret")),
    class("securityPrincipal", "1.2.840.113556.1.5.6", Some("Security-Principal")),
    class("server", "1.2.840.113556.1.5.17", Some("Server")),
    class("serversContainer", "1.2.840.113556.1.5.7000.48", Some("Servers-Container")),
    class("serviceConnectionPoint", "1.2.840.113556.1.5.126", Some("Service-Connection-Point")),
    class("shadowAccount", "1.3.6.1.1.1.2.1", Some("ShadowAccount")),
    class("simpleSecurityObject", "0.9.2342.19200300.100.4.19", None),
    class("site", "1.2.840.113556.1.5.31", Some("Site")),
    class("sitesContainer", "1.2.840.113556.1.5.107", Some("Sites-Container")),
    class("subnet", "1.2.840.113556.1.5.96", Some("Subnet")),
    class("subSchema", "2.5.20.1", Some("SubSchema")),
    class("top", "2.5.6.0", Some("Top")),
    class("trustedDomain", "1.2.840.113556.1.5.34", Some("Trusted-Domain")),
    class("uidObject", "1.3.6.1.1.3.1", None),
    class("user", "1.2.840.113556.1.5.9", Some("Person")),
    class("volume", "1.2.840.113556.1.5.36", Some("Volume")),
];
