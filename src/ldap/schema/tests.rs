use std::collections::HashMap;

use super::attribute_type::{LONGEST_NAME, all};
use super::*;

#[test]
fn names_are_unique() {
    let mut seen = HashMap::new();
    for known in all() {
        for key in [Some(known.name.to_ascii_lowercase()), known.oid.map(str::to_owned)] {
            let Some(key) = key else { continue };
            assert!(key.len() <= LONGEST_NAME);
            assert_eq!(seen.insert(key, known.name), None, "{}", known.name);
        }
    }
    for (alias, name) in standard::ALIASES {
        assert_eq!(seen.insert((*alias).to_owned(), name), None, "{alias}");
        assert_eq!(attribute_type(alias).unwrap().name, *name);
    }
    let mut classes = HashMap::new();
    for class in object_class::CLASSES {
        assert_eq!(classes.insert(class.name.to_ascii_lowercase(), ()), None, "{}", class.name);
        assert_eq!(classes.insert(class.oid.to_owned(), ()), None, "{}", class.name);
    }
}

#[test]
fn names_and_identifiers_are_well_formed() {
    for known in all() {
        assert!(crate::ldap::attribute::is_type(known.name), "{}", known.name);
        if let Some(oid) = known.oid {
            assert!(crate::ldap::attribute::is_type(oid), "{}", known.name);
            assert!(oid.starts_with(|first: char| first.is_ascii_digit()), "{}", known.name);
        }
    }
}

#[test]
fn types_are_found_in_any_spelling() {
    for (asked, name) in [
        ("sAMAccountName", "sAMAccountName"),
        ("SAMACCOUNTNAME", "sAMAccountName"),
        ("thumbnailphoto", "thumbnailPhoto"),
        ("2.5.4.3", "cn"),
        ("commonName", "cn"),
        ("surname", "sn"),
        ("1.2.840.113556.1.4.221", "sAMAccountName"),
        ("createTimestamp", "createTimeStamp"),
        ("entryuuid", "entryUUID"),
        ("msds-user-account-control-computed", "msDS-User-Account-Control-Computed"),
    ] {
        assert_eq!(attribute_type(asked).map(|known| known.name), Some(name), "{asked}");
    }
    for unknown in ["", "dn", "noSuchAttribute", "cn;binary", "\u{212a}", &"a".repeat(1000)] {
        assert_eq!(attribute_type(unknown), None, "{unknown}");
    }
}

/// Every attribute that the applications of the client survey ask for or filter on.
#[test]
fn what_applications_ask_for_is_known() {
    for name in "accountExpires c canonicalName cn co company department description displayName \
        distinguishedName employeeID employeeNumber employeeType entryDN entryUUID facsimileTelephoneNumber \
        gidNumber givenName groupType homeDirectory homePhone info initials instanceType isDeleted jpegPhoto l \
        lastLogon lastLogonTimestamp lockoutTime loginShell mail manager member memberOf memberUid \
        mobile modifyTimestamp msDS-PrincipalName msDS-User-Account-Control-Computed name objectCategory \
        objectClass objectGUID objectSid otherTelephone ou pager physicalDeliveryOfficeName postalCode \
        primaryGroupID primaryGroupToken proxyAddresses pwdAccountLockedTime pwdLastSet sAMAccountName \
        sAMAccountType seeAlso servicePrincipalName shadowExpire sn st street streetAddress \
        telephoneNumber thumbnailPhoto title tokenGroups uSNChanged uSNCreated uid uidNumber uniqueMember \
        url userAccountControl userCertificate userPrincipalName wWWHomePage whenChanged whenCreated \
        mailNickname extensionAttribute1 msExchHideFromAddressLists uPNSuffixes nETBIOSName dnsRoot nCName \
        subschemaSubentry createTimestamp hasSubordinates structuralObjectClass msTSHomeDirectory \
        msDS-ResultantPSO invocationId logonHours userWorkstations isCriticalSystemObject lastKnownParent"
        .split_whitespace()
    {
        assert!(attribute_type(name).is_some(), "{name}");
    }
}

#[test]
fn syntaxes_and_visibility() {
    for (name, syntax, operational) in [
        ("member", Syntax::DistinguishedName, false),
        ("memberOf", Syntax::DistinguishedName, false),
        ("objectCategory", Syntax::DistinguishedName, false),
        ("objectClass", Syntax::ObjectIdentifier, false),
        ("objectSid", Syntax::Sid, false),
        ("objectGUID", Syntax::OctetString, false),
        ("userAccountControl", Syntax::Integer, false),
        ("accountExpires", Syntax::LargeInteger, false),
        ("whenChanged", Syntax::GeneralizedTime, false),
        ("isDeleted", Syntax::Boolean, false),
        ("sAMAccountName", Syntax::CaseIgnore, false),
        ("tokenGroups", Syntax::Sid, true),
        ("primaryGroupToken", Syntax::Integer, true),
        ("canonicalName", Syntax::CaseIgnore, true),
        ("entryUUID", Syntax::CaseIgnore, true),
        ("createTimestamp", Syntax::GeneralizedTime, true),
        ("msDS-User-Account-Control-Computed", Syntax::Integer, true),
    ] {
        let known = attribute_type(name).unwrap();
        assert_eq!((known.syntax, known.operational), (syntax, operational), "{name}");
    }
}

#[test]
fn each_directory_has_its_spelling() {
    let created = attribute_type("2.5.18.1").unwrap();
    assert_eq!(created.name_in(DirectoryKind::ActiveDirectory), "createTimeStamp");
    assert_eq!(created.name_in(DirectoryKind::OpenLdap), "createTimestamp");
    let mail = attribute_type("MAIL").unwrap();
    assert_eq!(mail.name_in(DirectoryKind::OpenLdap), "mail");
    for known in all() {
        let other = known.name_in(DirectoryKind::OpenLdap);
        assert_eq!(attribute_type(other).unwrap().name, known.name);
    }
}

/// RFC 4517 §4.2.29 and RFC 2307 §3 beside MS-ADTS §3.1.1.2.2.4.11.
#[test]
fn each_directory_compares_in_its_way() {
    for (name, there, here) in [
        ("telephoneNumber", Syntax::CaseIgnore, Syntax::TelephoneNumber),
        ("facsimileTelephoneNumber", Syntax::CaseIgnore, Syntax::CaseIgnore),
        ("homeDirectory", Syntax::CaseIgnore, Syntax::CaseExact),
        ("unixHomeDirectory", Syntax::CaseExact, Syntax::CaseExact),
        ("gecos", Syntax::CaseExact, Syntax::CaseIgnore),
        ("cn", Syntax::CaseIgnore, Syntax::CaseIgnore),
    ] {
        let known = attribute_type(name).unwrap();
        assert_eq!(known.syntax_in(DirectoryKind::ActiveDirectory), there, "{name}");
        assert_eq!(known.syntax_in(DirectoryKind::OpenLdap), here, "{name}");
    }
}

#[test]
fn secrets_are_forbidden_in_any_spelling() {
    for name in [
        "userPassword",
        "USERPASSWORD",
        "userPassword;x",
        "userPassword;lang-de;x",
        " userPassword ",
        "2.5.4.35",
        "2.5.4.35;binary",
        "OID.2.5.4.35",
        "unicodePwd",
        "1.2.840.113556.1.4.90",
        "supplementalCredentials",
        "dBCSPwd",
        "ntPwdHistory",
        "lmPwdHistory",
        "ms-Mcs-AdmPwd",
        "ms-Mcs-AdmPwdExpirationTime",
        "msLAPS-Password",
        "mslaps-encryptedpasswordhistory",
        "1.2.840.113556.1.6.44.1.2",
        "msFVE-RecoveryPassword",
        "msDS-ManagedPassword",
        "msDS-KeyCredentialLink",
        "msPKIAccountCredentials",
        "msPKI-CredentialRoamingTokens",
        "sambaNTPassword",
        "sambaLMPassword",
        "krbPrincipalKey",
        "pwdHistory",
        "msLAPS-and-something-much-longer-than-any-name-in-the-tables-can-be-because-there-is-a-limit-of-octets",
    ] {
        assert!(is_forbidden(name), "{name}");
    }
    for name in
        ["", ";", "cn", "pwdLastSet", "badPwdCount", "userPasswordX", "2.5.4.3", "msTSHomeDrive"]
    {
        assert!(!is_forbidden(name), "{name}");
    }
}

#[test]
fn tables_hold_nothing_forbidden() {
    for known in all() {
        assert!(!is_forbidden(known.name), "{}", known.name);
        assert!(!known.oid.is_some_and(is_forbidden), "{}", known.name);
    }
    for (name, oid) in forbidden::TYPES {
        assert!(is_forbidden(name) && attribute_type(name).is_none(), "{name}");
        assert!(oid.is_empty() || is_forbidden(oid) && attribute_type(oid).is_none(), "{oid}");
    }
}

/// MS-ADTS §3.1.1.3.1.3.5: a class name in an objectCategory assertion.
#[test]
fn category_short_names() {
    for (name, category) in [
        ("person", "Person"),
        ("user", "Person"),
        ("USER", "Person"),
        ("inetOrgPerson", "Person"),
        ("contact", "Person"),
        ("group", "Group"),
        ("computer", "Computer"),
        ("organizationalUnit", "Organizational-Unit"),
        ("container", "Container"),
        ("domainDNS", "Domain-DNS"),
    ] {
        assert_eq!(object_class(name).unwrap().category, Some(category), "{name}");
    }
    assert_eq!(object_class("2.5.6.6").unwrap().name, "person");
    assert_eq!(object_class("nobody"), None);
}
