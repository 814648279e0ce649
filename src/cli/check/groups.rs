//! What is looked for on behalf of a configured list of groups: each name has to stand for one group.

use crate::cli::render::count;
use crate::directory::{EntryRef, View};

use super::report::{Area, Finding};

/// What a list of groups is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Members get into an application.
    Required,
    /// Members do not.
    Denied,
    /// Members get in while no controller can be asked.
    Offline,
    /// Members do not, then.
    OfflineDenied,
}

/// What is found about the groups called `names`, which are at `key` in the configuration, in these views together.
#[must_use]
pub fn findings(purpose: Purpose, names: &[String], key: &str, views: &[&View]) -> Vec<Finding> {
    let finding = |(at, name): (usize, &String)| {
        let called = purpose.called();
        let finding = match group(name, views) {
            Ok(members) => Finding::ok(Area::Groups, format!("{called} {name}: {members}")),
            Err(0) => {
                let message = format!("the {called} {name} does not exist");
                Finding::fail(Area::Groups, message, purpose.if_missing())
            }
            Err(several) => purpose.ambiguous(format!("{several} groups are called {name}")),
        };
        finding.at(format!("{key}[{at}]"))
    };
    names.iter().enumerate().map(finding).collect()
}

/// The members of the one group called `name`, or how many groups there are instead.
fn group(name: &str, views: &[&View]) -> Result<String, usize> {
    let found: Vec<(&View, EntryRef<'_>)> = views
        .iter()
        .flat_map(|view| view.groups_named(name).into_iter().map(move |group| (*view, group)))
        .collect();
    match found.as_slice() {
        [(view, group)] => {
            let members = view.users().filter(|user| view.is_member(*user, *group)).count();
            Ok(format!("{}, {}", group.dn(), count(members, "user", "users")))
        }
        others => Err(others.len()),
    }
}

impl Purpose {
    const fn called(self) -> &'static str {
        match self {
            Self::Required => "required group",
            Self::Denied => "denied group",
            Self::Offline => "offline group",
            Self::OfflineDenied => "denied offline group",
        }
    }

    const fn if_missing(self) -> &'static str {
        match self {
            Self::Required => {
                "nobody gets in through it: correct the name, or let the service account read the \
                 group"
            }
            Self::Denied => {
                "whether somebody is in it cannot be told, so logins are refused \
                 (group_unresolved): correct the name, or remove it"
            }
            Self::Offline => {
                "nobody gets in through it while no controller can be asked: correct the name, or let \
                 the service account read the group"
            }
            Self::OfflineDenied => {
                "whether somebody is in it cannot be told, so nobody gets in while no controller can \
                 be asked: correct the name, or remove it"
            }
        }
    }

    /// A name that stands for several groups grants nothing and denies by each of them.
    fn ambiguous(self, message: String) -> Finding {
        match self {
            Self::Required | Self::Offline => {
                let advice = "an ambiguous group lets nobody in: write its distinguished name";
                Finding::fail(Area::Groups, message, advice)
            }
            Self::Denied | Self::OfflineDenied => {
                let advice = "members of each of them are refused: write the distinguished name of \
                              the one that is meant";
                Finding::warn(Area::Groups, message, advice)
            }
        }
    }
}
