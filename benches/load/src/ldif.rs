//! The company as LDIF, for slapadd.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::dataset::{Company, GROUPS, PEOPLE, SERVICE, SERVICE_PASSWORD, SUFFIX};

/// Writes every entry, parents first. Passwords are in clear text, which is what slapd compares fastest.
/// memberOf is written as stored values: slapadd runs no overlays.
pub(crate) fn write(company: Company, out: &mut impl Write) -> io::Result<()> {
    let unit = [("objectClass", "organizationalUnit")];
    entry(out, SUFFIX, [("objectClass", "domain")])?;
    entry(out, PEOPLE, unit)?;
    entry(out, GROUPS, unit)?;
    let service = [
        ("objectClass", "applicationProcess"),
        ("objectClass", "simpleSecurityObject"),
        ("userPassword", SERVICE_PASSWORD),
    ];
    entry(out, SERVICE, service)?;
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for person in 0..company.people {
        let (dn, password) = (Company::dn(person), Company::password(person));
        let values = company.attributes(person);
        let values = values.iter().map(|(name, value)| (*name, value.as_str()));
        entry(out, &dn, values.chain([("userPassword", password.as_str())]))?;
        for group in company.groups_of(person) {
            groups.entry(group).or_default().push(dn.clone());
        }
    }
    for (dn, members) in &groups {
        let members = members.iter().map(|member| ("member", member.as_str()));
        entry(out, dn, std::iter::once(("objectClass", "groupOfNames")).chain(members))?;
    }
    Ok(())
}

/// Writes an entry. No value needs base64 but for octets beyond ASCII, and slapadd takes those as they are.
fn entry<'v>(
    out: &mut impl Write,
    dn: &str,
    values: impl IntoIterator<Item = (&'v str, &'v str)>,
) -> io::Result<()> {
    writeln!(out, "dn: {dn}")?;
    let mut named = false;
    let (rdn_name, rest) = dn.split_once('=').unwrap_or_default();
    for (name, value) in values {
        named |= name == rdn_name;
        writeln!(out, "{name}: {value}")?;
    }
    if !named {
        writeln!(out, "{rdn_name}: {}", rest.split(',').next().unwrap_or_default())?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_membership_are_written() {
        let mut out = Vec::new();
        write(Company { people: 60 }, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(lines("memberOf: "), 3 * 60);
        assert_eq!(lines("member: "), 3 * 60);
        assert_eq!(lines("objectClass: user"), 60);
        assert_eq!(lines("cn: team-"), 6);
    }
}
