//! What the domain is called by follows the directory, though no strategy follows the configuration context.

use super::random::{copier, fresh, pass};
use super::*;
use crate::directory::{PublishedView, View};
use crate::ldap::entry::{Entry, EntryAttribute};
use crate::sync::names::other_names;
use crate::sync::{Effect, PassKind, Strategy};

const PARTITIONS: &str = "CN=Partitions,CN=Configuration,DC=corp,DC=example";

fn suffixes(view: &View) -> Vec<&str> {
    view.domain().upn_suffixes.iter().map(String::as_str).collect()
}

/// What following comes to is what reading everything comes to, in the entries too.
async fn is_as_read_anew(company: &Company, own: &View) {
    let fresh = fresh(company).await;
    assert!(own.domain().same_names(fresh.domain()));
    let differs = super::random::difference(own, &fresh);
    assert!(differs.is_empty(), "{}", differs.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_of_the_domain_are_read_with_the_identities() {
    for strategy in [Strategy::DirSync, Strategy::Usn] {
        let company = Company::new();
        let published = PublishedView::empty();
        let mut copier = copier(&company, published.clone(), strategy, 50);
        pass(&mut copier, PassKind::Full).await.unwrap();
        let set = |dn: &str, name: &str, values: &[&str]| {
            company.directory.with(|directory| directory.set(dn, name, values).unwrap());
        };
        assert_eq!(pass(&mut copier, PassKind::Reconcile).await.unwrap(), Effect::Nothing);
        let before = published.load().unwrap();
        assert_eq!(suffixes(&before), ["partner.example"]);

        set(PARTITIONS, "uPNSuffixes", &["partner.example", "new.example"]);
        assert_eq!(pass(&mut copier, PassKind::Reconcile).await.unwrap(), Effect::Applied);
        let now = published.load().unwrap();
        assert_eq!(suffixes(&now), ["new.example", "partner.example"], "{strategy}");
        assert!(now.generation() > before.generation() && now.invocation() == before.invocation());
        is_as_read_anew(&company, &now).await;
        assert_eq!(pass(&mut copier, PassKind::Reconcile).await.unwrap(), Effect::Nothing);
        assert_eq!(pass(&mut copier, PassKind::Full).await.unwrap(), Effect::Nothing);

        // Of an organizational unit, which every strategy follows.
        let unit = "OU=Sales,OU=People,DC=corp,DC=example";
        set(unit, "uPNSuffixes", &["sales.example"]);
        assert_eq!(pass(&mut copier, PassKind::Changes).await.unwrap(), Effect::Applied);
        let now = published.load().unwrap();
        assert_eq!(suffixes(&now), ["new.example", "partner.example", "sales.example"]);
        is_as_read_anew(&company, &now).await;

        set(&format!("CN=CORP,{PARTITIONS}"), "nETBIOSName", &["OTHER"]);
        set(PARTITIONS, "uPNSuffixes", &[]);
        assert_eq!(pass(&mut copier, PassKind::Reconcile).await.unwrap(), Effect::Applied);
        let now = published.load().unwrap();
        assert_eq!(now.domain().netbios_name.as_deref(), Some("OTHER"));
        assert_eq!(suffixes(&now), ["sales.example"]);
        is_as_read_anew(&company, &now).await;
    }
}

/// The account may have lost the right to read them: people go on logging in by the names they know.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_cannot_be_found_are_kept() {
    let company = Company::new();
    let published = PublishedView::empty();
    let mut copier = copier(&company, published.clone(), Strategy::DirSync, 50);
    pass(&mut copier, PassKind::Full).await.unwrap();
    company.directory.with(|directory| {
        directory.remove(&format!("CN=CORP,{PARTITIONS}")).unwrap();
        directory.remove(PARTITIONS).unwrap();
    });
    assert_eq!(pass(&mut copier, PassKind::Reconcile).await.unwrap(), Effect::Nothing);
    let view = published.load().unwrap();
    assert_eq!(view.domain().netbios_name.as_deref(), Some("CORP"));
    assert_eq!(suffixes(&view), ["partner.example"]);
    // Entries whose identity may not be read are in no view, and yet have told the names once.
    let head = Entry {
        dn: company.suffix().to_owned(),
        attributes: [("objectClass", b"domainDNS".to_vec()), ("objectGUID", vec![7; 16])]
            .map(|(name, value)| EntryAttribute {
                description: name.to_owned(),
                values: vec![value],
            })
            .into(),
    };
    let bare = View::build(1, view.domain().clone(), vec![head], view.built_at()).unwrap();
    assert_eq!(other_names(&bare), None);
}
