//! Random changes of a company, of every kind, and what is called how meanwhile.

use super::Random;
use crate::demo::{Directory, DirectoryError, Kind};
use crate::ldap::identifier::Guid;

/// What can be changed.
pub(super) struct Names {
    kind: Kind,
    /// Whether containers that were made here are deleted again, with all below them.
    pub(super) deletes_units: bool,
    /// Whether people get out of what is copied, and back.
    pub(super) hides: bool,
    units: Vec<String>,
    own_units: Vec<String>,
    users: Vec<String>,
    groups: Vec<String>,
    /// Objects that were deleted, and whether they were groups.
    deleted: Vec<(Guid, bool)>,
    made: usize,
}

impl Names {
    pub(super) fn new(directory: &Directory) -> Self {
        let (kind, suffix) = (directory.kind(), directory.domain().dn.clone());
        let (people, units, groups): (&[&str], &[&str], &[&str]) = match kind {
            Kind::ActiveDirectory => (
                &["alice", "bob", "dave", "ivan", "judy", "kate", "müller", "zhang"],
                &["OU=Sales,OU=People", "OU=People", "OU=Groups", "OU=Outside"],
                &["crm-asia", "crm-nested", "crm-users", "crm-denied"],
            ),
            Kind::OpenLdap => (
                &["alice", "bob", "müller", "kate", "ivan"],
                &["ou=people", "ou=groups", "ou=outside"],
                &["crm-nested", "crm-users"],
            ),
        };
        let (rdn, unit) = match kind {
            Kind::ActiveDirectory => ("CN", "OU=Groups"),
            Kind::OpenLdap => ("cn", "ou=groups"),
        };
        Self {
            kind,
            deletes_units: true,
            hides: kind == Kind::ActiveDirectory,
            units: units.iter().map(|unit| format!("{unit},{suffix}")).collect(),
            own_units: Vec::new(),
            users: people.iter().map(|name| directory.dn_of(name).unwrap()).collect(),
            groups: groups.iter().map(|name| format!("{rdn}={name},{unit},{suffix}")).collect(),
            deleted: Vec::new(),
            made: 0,
        }
    }

    /// One change; `trees`: also one that renames or deletes more than one entry. Says what it was.
    pub(super) fn change(
        &mut self,
        directory: &mut Directory,
        random: &mut Random,
        trees: bool,
    ) -> String {
        let before = self.members(directory);
        let done = match random.below(22) {
            0 | 1 => self.create_user(directory, random),
            2 | 3 => self.set(directory, random),
            4 => one(&self.users, random, |dn| directory.disable(dn)),
            5 => one(&self.users, random, |dn| directory.enable(dn)),
            6 => self.rename(directory, random),
            7 | 8 => self.move_one(directory, random),
            9 if trees => self.rename_unit(directory, random),
            10 => self.create_unit(directory, random),
            11 if trees => self.delete_unit(directory, random),
            12 => self.delete(directory, random),
            13 => self.undelete(directory, random),
            14 | 15 => self.add_member(directory, random),
            16 => self.remove_member(directory, random),
            17 => self.create_group(directory, random),
            18 => self.primary_group(directory, random),
            19 | 20 => self.hide(directory, random),
            _ => self.manager(directory, random),
        };
        if self.kind == Kind::OpenLdap {
            self.keep_integrity(directory, &before);
        }
        done
    }

    fn create_user(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        self.made += 1;
        let (name, above) = (format!("made{}", self.made), random.of(&self.units).clone());
        let dn = match self.kind {
            Kind::ActiveDirectory => format!("CN={name},{above}"),
            Kind::OpenLdap => format!("uid={name},{above}"),
        };
        let attributes: &[(&str, &str)] = match self.kind {
            Kind::ActiveDirectory => &[("objectClass", "user"), ("sAMAccountName", &name)],
            Kind::OpenLdap => &[("objectClass", "inetOrgPerson"), ("cn", &name), ("sn", &name)],
        };
        told("create", &dn, directory.add(&dn, attributes));
        self.users.push(dn.clone());
        format!("create {dn}")
    }

    fn create_group(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        self.made += 1;
        let (name, above) = (format!("team{}", self.made), random.of(&self.units).clone());
        let dn = format!("CN={name},{above}");
        let member = random.of(&self.users).clone();
        let class = match self.kind {
            Kind::ActiveDirectory => "group",
            Kind::OpenLdap => "groupOfNames",
        };
        told("create", &dn, directory.add(&dn, &[("objectClass", class), ("member", &member)]));
        self.groups.push(dn.clone());
        format!("create {dn} with {member}")
    }

    fn create_unit(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        self.made += 1;
        let dn = format!("OU=unit{},{}", self.made, random.of(&self.units));
        told("create", &dn, directory.add(&dn, &[("objectClass", "organizationalUnit")]));
        self.units.push(dn.clone());
        self.own_units.push(dn.clone());
        format!("create {dn}")
    }

    fn set(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        self.made += 1;
        let list = if random.one_in(3) { &self.groups } else { &self.users };
        let name = *random.of(&["description", "mail", "telephoneNumber"]);
        let value = format!("value{}", self.made);
        let values: &[&str] = if random.one_in(4) { &[] } else { &[&value] };
        one(list, random, |dn| directory.set(dn, name, values)) + name
    }

    fn rename(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        self.made += 1;
        let list = if random.one_in(3) { &self.groups } else { &self.users };
        let old = random.of(list).clone();
        let (attribute, rest) = old.split_once('=').unwrap();
        let above = above(&old);
        // Also to a name that differs in case only, which is the directory's affair.
        let new = match random.one_in(4) {
            true => format!("{attribute}={},{above}", leading(rest).to_uppercase()),
            false => format!("{attribute}=Renamed{},{above}", self.made),
        };
        self.to(directory, &old, &new)
    }

    fn move_one(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        let list = if random.one_in(3) { &self.groups } else { &self.users };
        let old = random.of(list).clone();
        let new = format!("{},{}", leading(&old), random.of(&self.units));
        self.to(directory, &old, &new)
    }

    fn rename_unit(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        self.made += 1;
        let old = random.of(&self.units).clone();
        // Anywhere but below itself.
        let places: Vec<&String> =
            self.units.iter().filter(|unit| !unit.ends_with(old.as_str())).collect();
        let place = match random.one_in(3) && !places.is_empty() {
            true => (*random.of(&places)).clone(),
            false => above(&old).to_owned(),
        };
        let new = format!("OU=Unit renamed {},{place}", self.made);
        self.to(directory, &old, &new)
    }

    fn to(&mut self, directory: &mut Directory, old: &str, new: &str) -> String {
        if directory.rename(old, new).is_ok() {
            let lists = [&mut self.units, &mut self.own_units, &mut self.users, &mut self.groups];
            for dn in lists.into_iter().flatten() {
                if let Some(front) = dn.strip_suffix(old) {
                    *dn = format!("{front}{new}");
                }
            }
        }
        format!("rename {old} to {new}")
    }

    fn delete(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        let is_group = random.one_in(3);
        let list = if is_group { &mut self.groups } else { &mut self.users };
        if list.len() < 3 {
            return "nothing".to_owned();
        }
        let dn = list.swap_remove(random.below(list.len()));
        self.bury(directory, &dn, is_group);
        told("delete", &dn, directory.remove(&dn));
        format!("delete {dn}")
    }

    fn delete_unit(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        if self.own_units.is_empty() || !self.deletes_units {
            return "nothing".to_owned();
        }
        let unit = random.of(&self.own_units).clone();
        let is_below = |dn: &String| dn.ends_with(unit.as_str());
        for is_group in [false, true] {
            let list = if is_group { &mut self.groups } else { &mut self.users };
            let below: Vec<String> = list.extract_if(.., |dn| is_below(dn)).collect();
            for dn in below {
                self.bury(directory, &dn, is_group);
            }
        }
        self.units.retain(|dn| !is_below(dn));
        self.own_units.retain(|dn| !is_below(dn));
        told("delete", &unit, directory.remove(&unit));
        format!("delete all of {unit}")
    }

    fn bury(&mut self, directory: &Directory, dn: &str, is_group: bool) {
        let octets = directory.entry(dn).and_then(|entry| entry.values("objectGUID").first());
        let guid = octets.and_then(|octets| Guid::from_ad_octets(octets));
        self.deleted.extend(guid.map(|guid| (guid, is_group)));
    }

    fn undelete(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        if self.deleted.is_empty() {
            return "nothing".to_owned();
        }
        let (guid, is_group) = self.deleted.swap_remove(random.below(self.deleted.len()));
        match directory.undelete(&guid.to_string()) {
            Ok(dn) => {
                let list = if is_group { &mut self.groups } else { &mut self.users };
                list.push(dn.clone());
                format!("undelete {dn}")
            }
            // Its container is gone, or its name taken.
            Err(error) => format!("no undelete: {error}"),
        }
    }

    fn add_member(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        let group = random.of(&self.groups).clone();
        // Groups within groups, cycles included.
        let list = if random.one_in(3) { &self.groups } else { &self.users };
        let member = random.of(list).clone();
        told("add to", &group, directory.add_member(&group, &member));
        format!("{member} into {group}")
    }

    fn remove_member(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        let group = random.of(&self.groups).clone();
        let members = values(directory, &group, "member");
        let Some(first) = members.first() else { return "nothing".to_owned() };
        let member = String::from_utf8(first.clone()).unwrap();
        told("take from", &group, directory.remove_member(&group, &member));
        format!("{member} out of {group}")
    }

    fn primary_group(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        if self.kind == Kind::OpenLdap {
            return "nothing".to_owned();
        }
        let group = random.of(&self.groups).clone();
        one(&self.users, random, |dn| directory.set_primary_group(dn, &group)) + &group
    }

    /// Out of what is copied, or back into it; as if the sync account might not see it for a while.
    fn hide(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        if !self.hides {
            return "nothing".to_owned();
        }
        one(&self.users, random, |dn| {
            let kinds = values(directory, dn, "sAMAccountType");
            let is_hidden = kinds.iter().any(|kind| kind == b"805306369");
            let kind = if is_hidden { "805306368" } else { "805306369" };
            directory.set(dn, "sAMAccountType", &[kind])
        }) + "is hidden or shown"
    }

    fn manager(&mut self, directory: &mut Directory, random: &mut Random) -> String {
        if self.kind == Kind::OpenLdap {
            return "nothing".to_owned();
        }
        let manager = random.of(&self.users).clone();
        one(&self.users, random, |dn| directory.set(dn, "manager", &[&manager])) + &manager
    }

    /// The members of each group, in the order of the groups.
    fn members(&self, directory: &Directory) -> Vec<Vec<Vec<u8>>> {
        self.groups.iter().map(|group| values(directory, group, "member")).collect()
    }

    /// As the overlay refint of OpenLDAP does: a group whose members are called otherwise was changed. The
    /// in-process directory changes the values without a trace, as Active Directory does.
    fn keep_integrity(&self, directory: &mut Directory, before: &[Vec<Vec<u8>>]) {
        for group in &self.groups {
            let members = values(directory, group, "member");
            if !before.contains(&members) {
                told("touch", group, directory.set_octets(group, "member", members));
            }
        }
    }
}

fn values(directory: &Directory, dn: &str, name: &str) -> Vec<Vec<u8>> {
    directory.entry(dn).map_or_else(Vec::new, |entry| entry.values(name).to_vec())
}

fn one(
    list: &[String],
    random: &mut Random,
    change: impl FnOnce(&str) -> Result<(), DirectoryError>,
) -> String {
    let dn = random.of(list);
    told("change", dn, change(dn));
    format!("change {dn} ")
}

fn told(what: &str, dn: &str, done: Result<(), DirectoryError>) {
    if let Err(error) = done {
        panic!("{what} {dn}: {error}");
    }
}

/// The first RDN, or its value.
fn leading(dn: &str) -> &str {
    &dn[..comma(dn)]
}

fn above(dn: &str) -> &str {
    &dn[comma(dn) + 1..]
}

/// The first comma that is not escaped.
fn comma(dn: &str) -> usize {
    let octets = dn.as_bytes();
    (1..octets.len()).find(|&at| octets[at] == b',' && octets[at - 1] != b'\\').unwrap()
}
