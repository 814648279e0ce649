//! The tables of `ldap::schema` beside the schema that the directory publishes (MS-ADTS §3.1.1.2.3).

use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::schema::{DirectoryKind, Syntax, attribute_type, is_forbidden};

use super::super::read;
use crate::world::client::Client;

const SCHEMA: &str = "CN=Schema,CN=Configuration,DC=corp,DC=test";

/// Holds every attribute type that both sides know to its name, number and syntax, and every attribute that the
/// entries may have to being known.
pub(super) fn check(directory: &mut Client, base: &str) {
    let mut faults = Vec::new();
    let published = ["lDAPDisplayName", "attributeID", "attributeSyntax", "oMSyntax"];
    let types = read(directory, SCHEMA, "(objectClass=attributeSchema)", &published);
    assert!(types.len() > 1000, "{} attribute types", types.len());
    for published in &types {
        let name = published.text("lDAPDisplayName").unwrap();
        let Some(known) = attribute_type(name) else { continue };
        let (number, syntax) = (published.text("attributeID"), syntax(published));
        let ours = known.syntax_in(DirectoryKind::ActiveDirectory);
        if known.name != name {
            faults.push(format!("{name} is called {}", known.name));
        }
        if known.oid.is_some() && known.oid != number {
            faults.push(format!("{name} is {number:?}, not {:?}", known.oid));
        }
        if syntax.is_some_and(|syntax| !alike(syntax, ours)) {
            faults.push(format!("{name} is of {syntax:?}, not {ours:?}"));
        }
    }
    for entry in read(directory, base, "(objectClass=*)", &["allowedAttributes"]) {
        for name in entry.values("allowedAttributes") {
            let name = std::str::from_utf8(name).unwrap();
            if attribute_type(name).is_none() && !is_forbidden(name) {
                faults.push(format!("{name} is not known"));
            }
        }
    }
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// MS-ADTS §3.1.1.2.2.2: attributeSyntax and oMSyntax; `None` where values are compared as octets only.
fn syntax(published: &Entry) -> Option<Syntax> {
    match (published.text("attributeSyntax").unwrap(), published.text("oMSyntax").unwrap()) {
        ("2.5.5.1", _) => Some(Syntax::DistinguishedName),
        ("2.5.5.2", _) => Some(Syntax::ObjectIdentifier),
        ("2.5.5.3" | "2.5.5.5", _) => Some(Syntax::CaseExact),
        ("2.5.5.4" | "2.5.5.12", _) => Some(Syntax::CaseIgnore),
        ("2.5.5.8", _) => Some(Syntax::Boolean),
        ("2.5.5.9", _) => Some(Syntax::Integer),
        ("2.5.5.10", "4") => Some(Syntax::OctetString),
        ("2.5.5.11", "24") => Some(Syntax::GeneralizedTime),
        ("2.5.5.16", _) => Some(Syntax::LargeInteger),
        ("2.5.5.17", _) => Some(Syntax::Sid),
        _ => None,
    }
}

/// Small numbers may be kept as large ones.
fn alike(published: Syntax, ours: Syntax) -> bool {
    published == ours || published == Syntax::Integer && ours == Syntax::LargeInteger
}
