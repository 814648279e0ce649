//! Who follows a directory through DirSync, over any controllers, lagging ones too, knows in the end
//! what it says: without this, tests that hold a copy against the directory would prove nothing.

use std::collections::{BTreeMap, BTreeSet};

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapDerefAliases, LdapFilter, LdapMsg, LdapOp, LdapSearchRequest, LdapSearchResultEntry,
    LdapSearchScope,
};
use proptest::prelude::*;

use super::*;
use crate::demo::conversation::{Conversation, Facts, Step};
use crate::demo::view::{Numbering, Replica};
use crate::demo::wire::Outgoing;

const FLAGS: [i64; 2] = [1, 0x8000_0001];

/// Objects by identity, each a name and values of attributes.
type Copy = BTreeMap<Vec<u8>, (String, BTreeMap<String, BTreeSet<Vec<u8>>>)>;

#[derive(Clone, Debug)]
enum Act {
    Change(u8, u8),
    HoldBack(usize),
    CatchUp(usize),
    Follow(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (any::<u8>(), any::<u8>()).prop_map(|(what, whom)| Act::Change(what, whom)),
        1 => (0..2_usize).prop_map(Act::HoldBack),
        1 => (0..2_usize).prop_map(Act::CatchUp),
        3 => (0..2_usize).prop_map(Act::Follow),
    ];
    prop::collection::vec(act, 1..40)
}

/// A controller without a network.
struct Silent {
    facts: Facts,
    held_back: Option<Directory>,
}

impl Silent {
    fn new(name: &str) -> Self {
        let facts = Facts {
            controller: name.to_owned(),
            host_name: name.to_owned(),
            tls: false,
            numbering: Numbering::of(name),
        };
        Self { facts, held_back: None }
    }

    /// The answer to a search for everything.
    fn ask(
        &self,
        directory: &mut Directory,
        quirks: &Quirks,
        control: Option<LdapControl>,
    ) -> (Vec<LdapSearchResultEntry>, Vec<LdapControl>) {
        let mut replica =
            Replica { directory, held_back: self.held_back.as_ref(), facts: &self.facts, quirks };
        let mut conversation = Conversation::default();
        let cred = ldap3_proto::proto::LdapBindCred::Simple(SYNC.1.to_owned());
        let bind = ldap3_proto::proto::LdapBindRequest { dn: SYNC.0.to_owned(), cred, version: 3 };
        let ctrl = Vec::new();
        let bind = LdapMsg { msgid: 1, op: LdapOp::BindRequest(bind), ctrl };
        conversation.handle(bind, &mut replica);
        let search = LdapSearchRequest {
            base: BASE.to_owned(),
            scope: LdapSearchScope::Subtree,
            aliases: LdapDerefAliases::Never,
            sizelimit: 0,
            timelimit: 0,
            typesonly: false,
            filter: LdapFilter::Present("objectClass".to_owned()),
            attrs: Vec::new(),
        };
        let ctrl = control.into_iter().collect();
        let search = LdapMsg { msgid: 2, op: LdapOp::SearchRequest(search), ctrl };
        let Step::Answer(answer) = conversation.handle(search, &mut replica) else { panic!() };
        let (mut entries, mut controls) = (Vec::new(), None);
        for message in answer {
            let Outgoing::Message(message) = message else { panic!() };
            if let LdapOp::SearchResultEntry(entry) = message.op {
                entries.push(entry);
            } else {
                controls = Some(message.ctrl);
            }
        }
        (entries, controls.unwrap())
    }
}

struct Follower {
    copy: Copy,
    flags: i64,
    cookie: Option<Vec<u8>>,
}

impl Follower {
    fn follow(&mut self, controller: &Silent, directory: &mut Directory, quirks: &Quirks) -> bool {
        let (flags, cookie) = (self.flags, self.cookie.clone());
        let control = LdapControl::AdDirsync { flags, max_bytes: 0, cookie };
        let (entries, controls) = controller.ask(directory, quirks, Some(control));
        for entry in entries {
            self.take(entry);
        }
        let [LdapControl::Unknown { value: Some(value), .. }] = &controls[..] else { panic!() };
        self.cookie = Some(value[10..].to_vec());
        value[4] == 1
    }

    fn take(&mut self, entry: LdapSearchResultEntry) {
        let identity = entry.attributes.iter().find(|a| a.atype == "objectGUID").unwrap();
        let (dn, known) = self.copy.entry(identity.vals[0].clone()).or_default();
        *dn = entry.dn;
        for attribute in entry.attributes {
            let (name, range) = match attribute.atype.split_once(";range=") {
                Some((name, range)) => (name.to_owned(), Some(range.to_owned())),
                None => (attribute.atype, None),
            };
            let values: BTreeSet<Vec<u8>> = attribute.vals.into_iter().collect();
            let held = known.entry(name).or_default();
            match range.as_deref() {
                Some("1-1") => held.extend(values),
                Some("0-0") => held.retain(|value| !values.contains(value)),
                Some(_) => panic!("{range:?}"),
                None => *held = values,
            }
        }
    }

    /// What it knows of the entries that are not deleted: identities with their attributes.
    fn living(&self) -> BTreeMap<Vec<u8>, BTreeMap<String, BTreeSet<Vec<u8>>>> {
        let is_deleted = |known: &BTreeMap<String, BTreeSet<Vec<u8>>>| {
            known.get("isDeleted").is_some_and(|values| !values.is_empty())
        };
        let living = self.copy.iter().filter(|(_, (_, known))| !is_deleted(known));
        living.map(|(identity, (_, known))| (identity.clone(), comparable(known))).collect()
    }
}

/// Without what DirSync leaves to its reader: links say old names of renamed entries, and of removed
/// ones; and without what is not replicated.
fn comparable(known: &BTreeMap<String, BTreeSet<Vec<u8>>>) -> BTreeMap<String, BTreeSet<Vec<u8>>> {
    let left_out = [
        "member",
        "memberOf",
        "parentGUID",
        "distinguishedName",
        "uSNChanged",
        "uSNCreated",
        "whenChanged",
        "badPwdCount",
        "badPasswordTime",
        "lastLogon",
        "logonCount",
        "manager",
    ];
    let mut known = known.clone();
    known.retain(|name, values| !left_out.contains(&name.as_str()) && !values.is_empty());
    known
}

/// The same of a search for everything.
fn truth(directory: &mut Directory) -> BTreeMap<Vec<u8>, BTreeMap<String, BTreeSet<Vec<u8>>>> {
    let quirks = Quirks { unpaged_limit: None, references: false, ..Quirks::default() };
    let (entries, _) = Silent::new("dc1").ask(directory, &quirks, None);
    let known = entries.into_iter().map(|entry| {
        let attributes = entry.attributes.into_iter();
        let known: BTreeMap<String, BTreeSet<Vec<u8>>> =
            attributes.map(|a| (a.atype, a.vals.into_iter().collect())).collect();
        (known["objectGUID"].first().unwrap().clone(), comparable(&known))
    });
    known.collect()
}

fn members(directory: &Directory) -> BTreeSet<Vec<u8>> {
    directory.entry(CRM_USERS).unwrap().values("member").iter().cloned().collect()
}

/// One of the changes that people make; those that cannot be are skipped.
fn change(directory: &mut Directory, what: u8, whom: u8) {
    let name = format!("u{:04}", whom % 6);
    let home = [format!("OU=Sales,OU=People,{BASE}"), format!("OU=Outside,{BASE}")];
    let Some(dn) = directory.dn_of(&name) else {
        let dn = format!("CN={name},{}", home[0]);
        let _ = directory.add(&dn, &[("objectClass", "user"), ("sAMAccountName", &name)]);
        return;
    };
    let _ = match what % 9 {
        0 => directory.set(&dn, "title", &[&what.to_string()]),
        1 => directory.set(&dn, "title", &[]),
        2 => directory.disable(&dn),
        3 => directory.enable(&dn),
        4 => directory.set_rdn(&dn, &format!("CN={name} {what}")),
        5 => directory.move_to(&dn, &home[usize::from(what) % 2]),
        6 => directory.remove(&dn),
        7 => directory.add_member(CRM_USERS, &dn),
        _ => directory.remove_member(CRM_USERS, &dn),
    };
}

fn check(acts: &[Act], flags: i64, page: usize) -> Result<(), TestCaseError> {
    let mut directory = company(Now::read().wall).unwrap();
    let quirks = Quirks { dir_sync_page: Some(page), ..Quirks::default() };
    let mut controllers = [Silent::new("dc1"), Silent::new("dc2")];
    let mut follower = Follower { copy: Copy::new(), flags, cookie: None };
    for act in acts {
        match *act {
            Act::Change(what, whom) => change(&mut directory, what, whom),
            Act::HoldBack(which) => controllers[which].held_back = Some(directory.clone()),
            Act::CatchUp(which) => controllers[which].held_back = None,
            // One answer only: the next one may come from the other controller.
            Act::Follow(which) => {
                follower.follow(&controllers[which], &mut directory, &quirks);
            }
        }
    }
    controllers[1].held_back = None;
    while follower.follow(&controllers[1], &mut directory, &quirks) {}
    prop_assert_eq!(follower.living(), truth(&mut directory));
    // Members follow too, as long as none was renamed or removed since it was told of.
    for account in ["alice", "bob"] {
        let dn = dn_in(&directory, account);
        directory.remove_member(CRM_USERS, &dn).unwrap();
        directory.add_member(CRM_USERS, &dn).unwrap();
        while follower.follow(&controllers[1], &mut directory, &quirks) {}
    }
    if flags == FLAGS[0] {
        let group = directory.entry(CRM_USERS).unwrap().values("objectGUID")[0].clone();
        prop_assert_eq!(follower.copy[&group].1.get("member"), Some(&members(&directory)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whole lists and values one by one, in pages of any size.
    #[test]
    fn nothing_is_lost(acts in acts(), flags in prop::sample::select(&FLAGS[..]), page in 1..60_usize) {
        check(&acts, flags, page)?;
    }
}
