//! One copy: what is in it, what changes while it is read, and what it says when it fails.

use std::time::UNIX_EPOCH;

use super::*;
use crate::directory::View;
use crate::ldap::dn::NormalizedDn;
use crate::sync::{Copy, Wanted, whole_copy};
use crate::upstream::{FetchError, Step};

async fn copy(
    upstream: &Upstream,
    wanted: Wanted<'_>,
    progress: impl FnMut(usize) + Send,
) -> Result<Copy, FetchError> {
    let mut session = upstream.fetch_session().await?;
    let mut progress = progress;
    let copy = whole_copy(&mut session, wanted, &mut progress).await;
    session.close().await;
    copy
}

const WHOLE: Wanted<'static> = Wanted { base: None, page_size: 100, config: None, last: None };

fn has(view: &View, dn: &str) -> bool {
    view.find_dn(&NormalizedDn::parse(dn).unwrap()).is_some()
}

/// The names of the groups that an account is directly in.
fn groups_of(view: &View, account: &str) -> Vec<String> {
    let users = view.users_with("sAMAccountName", account);
    let [user] = users.as_slice() else { panic!("{account}: {users:?}") };
    let values = user.values("memberOf");
    values.into_iter().map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_the_same_in_pages_of_any_size() {
    let company = Company::new();
    let upstream = company.upstream();
    let mut told = Vec::new();
    let whole = copy(&upstream, WHOLE, |entries| told.push(entries)).await.unwrap();
    assert!(whole.view.counts().users > 10 && whole.view.counts().groups > 3);
    let domain = whole.view.domain();
    assert_eq!(domain.netbios_name.as_deref(), Some("CORP"));
    assert_eq!(domain.upn_suffixes, ["partner.example"]);
    assert!(has(&whole.view, domain.configuration_context.as_deref().unwrap()));
    assert!(told.is_sorted() && told.len() >= 3, "{told:?}");
    for page_size in [0, 1, 7] {
        let last = Arc::new(copy(&upstream, WHOLE, |_| {}).await.unwrap().view);
        let wanted = Wanted { page_size, last: Some(&last), ..WHOLE };
        let again = copy(&upstream, wanted, |_| {}).await.unwrap();
        assert!(again.changes.is_empty(), "{page_size}: {:?}", again.changes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrowed_copy_has_what_stands_above_it() {
    let company = Company::new();
    let wanted = Wanted { base: Some("ou=people, dc=corp,dc=example"), ..WHOLE };
    let view = copy(&company.upstream(), wanted, |_| {}).await.unwrap().view;
    assert!(has(&view, "OU=People,DC=corp,DC=example") && has(&view, "DC=corp,DC=example"));
    assert!(view.users_with("sAMAccountName", "ivan").is_empty(), "outside");
    assert_eq!(view.domain().naming_context, "DC=corp,DC=example");
}

/// Whichever end of a membership was read before a rename: nobody leaves a group by it, least of all one
/// that denies.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_renamed_meanwhile_stays_in_the_groups() {
    for company in [Company::new(), Company::openldap()] {
        let kate = company.dn("kate");
        let renamed = kate.replacen("Kate", "Renamed", 1).replacen("kate", "renamed", 1);
        // One group is read before the people, one after.
        company.directory.with(|directory| {
            for (name, unit) in [("first", "A"), ("last", "Z")] {
                let parent = format!("ou={unit},{}", company.suffix());
                directory.add(&parent, &[("objectClass", "organizationalUnit")]).unwrap();
                let class = match company.kind {
                    DirectoryKind::ActiveDirectory => "group",
                    DirectoryKind::OpenLdap => "groupOfNames",
                };
                let group = format!("cn={name},{parent}");
                directory.add(&group, &[("objectClass", class), ("member", &kate)]).unwrap();
            }
        });
        let upstream = company.upstream();
        let mut entries = 0;
        copy(&upstream, WHOLE, |read| entries = read).await.unwrap();
        let mut found = 0;
        for after in 1..entries {
            let mut done = false;
            let wanted = Wanted { page_size: 1, ..WHOLE };
            let rename = |entries| {
                if !done && entries >= after {
                    done = true;
                    company.directory.with(|directory| directory.rename(&kate, &renamed).unwrap());
                }
            };
            let view = copy(&upstream, wanted, rename).await.unwrap().view;
            company.directory.with(|directory| directory.rename(&renamed, &kate).unwrap());
            // A rename after the last page that tells of it is for the next pass.
            let present =
                [&renamed, &kate].into_iter().filter(|dn| has(&view, dn)).collect::<Vec<_>>();
            let [present] = present.as_slice() else {
                // These controllers lose an entry that is renamed before its page.
                assert_eq!((present.len(), found), (0, 0), "after {after}");
                continue;
            };
            found += usize::from(**present == renamed);
            let name = NormalizedDn::parse(present).unwrap();
            let groups = view.find_dn(&name).unwrap().values("memberOf");
            let groups: Vec<_> = groups.iter().map(|dn| String::from_utf8_lossy(dn)).collect();
            for group in ["cn=first,", "cn=last,"] {
                let is_in = groups.iter().any(|name| name.to_lowercase().starts_with(group));
                assert!(is_in, "{group} after {after}: {groups:?}");
            }
        }
        assert!(found >= 3, "{found} of {entries}");
    }
}

/// A group that is removed or renamed between its page and the rest of its members.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_group_that_goes_meanwhile() {
    const GROUP: &str = "CN=large,OU=People,DC=corp,DC=example";
    const RENAMED: &str = "CN=larger,OU=People,DC=corp,DC=example";
    let company = Company::new();
    for controller in &company.controllers {
        controller.quirks(|quirks| quirks.value_range = Some(3));
    }
    let add = || {
        company.directory.with(|directory| {
            directory.add(GROUP, &[("objectClass", "group")]).unwrap();
            for account in ["alice", "bob", "carol", "dave", "judy", "kate", "zhang"] {
                let member = directory.dn_of(account).unwrap();
                directory.add_member(GROUP, &member).unwrap();
            }
        });
    };
    let upstream = company.upstream();
    add();
    let whole = copy(&upstream, WHOLE, |_| {}).await.unwrap().view;
    assert!(groups_of(&whole, "zhang").iter().any(|group| group == GROUP));
    for (renamed, there) in [(true, RENAMED), (false, "")] {
        let mut done = false;
        let change = |_| {
            if !done {
                done = true;
                company.directory.with(|directory| match renamed {
                    true => directory.rename(GROUP, RENAMED).unwrap(),
                    false => directory.remove(GROUP).unwrap(),
                });
            }
        };
        let view = copy(&upstream, WHOLE, change).await.unwrap().view;
        assert!(!has(&view, GROUP));
        let names = groups_of(&view, "zhang");
        assert_eq!(names.iter().any(|name| name == there), renamed, "{names:?}");
        company.directory.with(|directory| {
            if renamed {
                directory.remove(RENAMED).unwrap();
            }
        });
        add();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_names_its_step() {
    let company = Company::new();
    let step = async |upstream: Arc<Upstream>, wanted| {
        copy(&upstream, wanted, |_| {}).await.unwrap_err().step
    };
    let elsewhere = Wanted { base: Some("OU=Other,DC=other"), ..WHOLE };
    assert_eq!(step(company.upstream(), elsewhere).await, Step::Base);
    let nowhere = Wanted { base: Some("OU=Nobody,DC=corp,DC=example"), ..WHOLE };
    assert_eq!(step(company.upstream(), nowhere).await, Step::Base);
    let empty = Wanted { base: Some("CN=Builtin,DC=corp,DC=example"), ..WHOLE };
    let error = copy(&company.upstream(), empty, |_| {}).await.unwrap_err();
    assert_eq!(error.step, Step::Base, "{error}");

    let wrong = company.upstream_with(|config| {
        config.service_password = Password::copy_from(b"wrong");
    });
    assert_eq!(step(wrong, WHOLE).await, Step::Credentials);
    for controller in &company.controllers {
        controller.quirks(|quirks| quirks.search_answer = Some((4, String::new())));
    }
    assert_eq!(step(company.upstream(), WHOLE).await, Step::Limit);
    for controller in &company.controllers {
        controller.quirks(|quirks| {
            quirks.search_answer = None;
            quirks.cut_search_after = Some(2);
        });
    }
    assert_eq!(step(company.upstream(), WHOLE).await, Step::Connect);
    for controller in &company.controllers {
        controller.kill().await.unwrap();
    }
    let error = copy(&company.upstream(), WHOLE, |_| {}).await.unwrap_err();
    assert_eq!(error.step, Step::Connect);
    assert!(error.to_string().starts_with("dc2.corp.example: connection: "), "{error}");
}

/// Entries below containers of classes that no filter of a pass asks for: tree browsers need every step.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missing_above_an_entry() {
    for company in [Company::new(), Company::openldap()] {
        let suffix = company.suffix();
        let odd = format!("cn=Odd\\, One,ou=People,{suffix}");
        let inner = format!("cn=Inner,{odd}");
        let class = match company.kind {
            DirectoryKind::ActiveDirectory => "lostAndFound",
            DirectoryKind::OpenLdap => "device",
        };
        company.directory.with(|directory| {
            directory.add(&odd, &[("objectClass", class)]).unwrap();
            directory.add(&inner, &[("objectClass", class)]).unwrap();
            let kate = directory.dn_of("kate").unwrap();
            directory.rename(&kate, &format!("cn=kate,{inner}")).unwrap();
        });
        let view = copy(&company.upstream(), WHOLE, |_| {}).await.unwrap().view;
        for entry in view.iter() {
            let name = NormalizedDn::parse(entry.dn()).unwrap();
            let heads = [suffix, "CN=Configuration,DC=corp,DC=example", "cn=ldapgate"];
            let is_head = heads.iter().any(|head| NormalizedDn::parse(head).unwrap() == name);
            assert!(is_head || view.find_dn(&name.parent().unwrap()).is_some(), "{name}");
        }
        assert!(has(&view, &odd) && has(&view, &inner) && has(&view, &format!("cn=kate,{inner}")));
    }
}

/// The heads of all contexts that are named are there.
#[tokio::test(flavor = "multi_thread")]
async fn the_schema_context_has_its_head() {
    let view = copy(&Company::new().upstream(), WHOLE, |_| {}).await.unwrap().view;
    assert!(has(&view, view.domain().schema_context.as_deref().unwrap()));
}

/// A company whose controllers have a subschema.
fn with_schema(company: Company) -> (Company, &'static str) {
    let (dn, class) = match company.kind {
        DirectoryKind::ActiveDirectory => {
            ("CN=Aggregate,CN=Schema,CN=Configuration,DC=corp,DC=example", "subSchema")
        }
        DirectoryKind::OpenLdap => ("cn=Subschema", "subschema"),
    };
    let attributes = [
        ("objectClass", class),
        ("attributeTypes", "( 2.5.4.3 NAME 'cn' )"),
        ("attributeTypes", "( 2.5.4.4 NAME 'sn' )"),
        ("objectClasses", "( 2.5.6.0 NAME 'top' )"),
        ("modifyTimeStamp", "20200101000000Z"),
    ];
    company.directory.with(|directory| directory.add(dn, &attributes).unwrap());
    (company, dn)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_subschema_is_relayed_whole_or_not_at_all() {
    for company in [Company::new(), Company::openldap()] {
        let none = copy(&company.upstream(), WHOLE, |_| {}).await.unwrap().view;
        assert!(none.domain().subschema.is_none(), "there is no such entry");
        let (company, dn) = with_schema(company);
        let upstream = company.upstream();
        // OpenLDAP stamps every change by itself, to the second.
        let set = |name, values: &[&str], second: u64| {
            company.directory.with(|directory| {
                directory.advance(UNIX_EPOCH + Duration::from_secs(second));
                directory.set(dn, name, values).unwrap();
                directory.set(dn, "modifyTimeStamp", &[&second.to_string()]).unwrap();
            });
        };
        set("cn", &["Aggregate"], 1);
        let view = copy(&upstream, WHOLE, |_| {}).await.unwrap().view;
        let relayed = view.domain().subschema.clone().unwrap();
        assert_eq!((relayed.dn(), relayed.attribute_types()), (dn, 2));

        let mut last = Arc::new(view);
        let mut next = async || {
            let copy =
                copy(&upstream, Wanted { last: Some(&last), ..WHOLE }, |_| {}).await.unwrap();
            let changed = !copy.changes.is_empty();
            last = Arc::new(copy.view);
            (last.domain().subschema.clone(), changed)
        };
        // Whether it has changed is asked cheaply: what its stamp does not tell is for the next day.
        set("objectClasses", &["( 2.5.6.0 NAME 'top' )", "( 2.5.6.6 NAME 'person' )"], 1);
        let (kept, changed) = next().await;
        assert!(Arc::ptr_eq(&kept.unwrap(), &relayed) && !changed);
        set("attributeTypes", &["( 2.5.4.3 NAME 'cn' )"], 2);
        let (renewed, changed) = next().await;
        assert!(renewed.unwrap().attribute_types() == 1 && changed, "the change is published");
        // A schema that lacks its types would make clients refuse every attribute.
        set("attributeTypes", &[], 3);
        let (gone, changed) = next().await;
        assert!(gone.is_none() && changed);
    }
}

/// The view is as good without it.
#[tokio::test(flavor = "multi_thread")]
async fn a_subschema_that_cannot_be_read_fails_no_pass() {
    let (company, dn) = with_schema(Company::new());
    // Larger than any message may be.
    company.directory.with(|directory| {
        let huge = "x".repeat(2 * 1024 * 1024);
        directory.set(dn, "attributeTypes", &[&huge]).unwrap();
    });
    let view = copy(&company.upstream(), WHOLE, |_| {}).await.unwrap().view;
    assert!(view.counts().users > 10 && view.domain().subschema.is_none());
}
