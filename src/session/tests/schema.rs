//! The subschema by its name, and filters on the root DSE (RFC 4512 §4.2, §5.1).

use super::*;
use crate::directory::{Domain, Subschema, View};
use crate::ldap::entry::{Entry, EntryAttribute};
use crate::ldap::packed_entry::PackedEntry;
use crate::policy::tests::{lab_view, person};

const AGGREGATE: &str = "CN=Aggregate,CN=Schema,CN=Configuration,DC=corp,DC=example";

/// The same view with a schema.
fn relaying(view: &View, entries: Vec<Entry>, dn: &str, now: Now) -> Arc<View> {
    let attribute = |name: &str, value: &str| EntryAttribute {
        description: name.to_owned(),
        values: vec![value.as_bytes().to_vec()],
    };
    let schema = Entry {
        dn: dn.to_owned(),
        attributes: vec![
            attribute("objectClass", "subSchema"),
            attribute("attributeTypes", "( 2.5.4.3 NAME 'cn' )"),
            attribute("objectClasses", "( 2.5.6.0 NAME 'top' )"),
        ],
    };
    let subschema = Subschema::read(PackedEntry::pack(&schema), now.wall).map(Arc::new);
    assert!(subschema.is_some());
    let domain = Domain { subschema, ..view.domain().clone() };
    Arc::new(View::build(view.generation(), domain, entries, now.wall).unwrap())
}

fn with_schema(mut client: Client) -> Client {
    let state = &mut client.world.directories[0];
    let view = state.view.take().unwrap();
    state.view = Some(relaying(&view, company(), AGGREGATE, client.now));
    client
}

fn found(client: &mut Client, dn: &str, scope: SearchScope, filter: &str) -> (usize, u32) {
    let answers = client.send(search(dn, scope, filter), Vec::new());
    (answers.entries().len(), answers.code())
}

#[test]
fn the_subschema_is_found_by_its_name() {
    let base_object = SearchScope::BaseObject;
    let mut client = with_schema(searching());
    for (scope, filter, expected) in [
        (base_object, "(objectClass=*)", (1, 0)),
        (base_object, "(objectClass=subschema)", (1, 0)),
        (base_object, "(attributeTypes=*)", (1, 0)),
        (base_object, "(objectClass=user)", (0, 0)),
        // Active Directory's is an object like others, with nothing below it.
        (SearchScope::WholeSubtree, "(objectClass=*)", (1, 0)),
        (SearchScope::SingleLevel, "(objectClass=*)", (0, 0)),
        (SearchScope::SubordinateSubtree, "(objectClass=*)", (0, 0)),
    ] {
        let answer = found(&mut client, AGGREGATE, scope, filter);
        assert_eq!(answer, expected, "{scope:?} {filter}");
    }
    let spelled = AGGREGATE.to_lowercase().replace(',', " , ");
    assert_eq!(found(&mut client, &spelled, base_object, "(objectClass=*)"), (1, 0));
    let paged = client.page(&search(AGGREGATE, base_object, "(objectClass=*)"), 10, b"");
    assert_eq!((paged.entries().len(), paged.cookie()), (1, Vec::new()));
    let other = AGGREGATE.replace("Aggregate", "Other");
    assert_eq!(found(&mut client, &other, base_object, "(objectClass=*)"), (0, 32));
    let mut without = searching();
    assert_eq!(found(&mut without, AGGREGATE, base_object, "(objectClass=*)"), (0, 32));
}

/// As at Active Directory, it is for those who may search; the root DSE is for everybody.
#[test]
fn the_subschema_needs_a_permit() {
    let mut stranger = with_schema(Client::new(application(), corp(1, company())));
    let base_object = SearchScope::BaseObject;
    assert_eq!(found(&mut stranger, AGGREGATE, base_object, "(objectClass=*)"), (0, 1));
    assert_eq!(found(&mut stranger, "", base_object, "(objectClass=*)"), (1, 0));
}

/// OpenLDAP answers for its subschema in base searches only.
#[test]
fn openldap_has_it_at_its_base_alone() {
    let lab = Application {
        directories: vec![Arc::from("lab")],
        local_accounts: Vec::new(),
        searchers: crate::policy::application::Searchers::PermittedUsers,
        ..application()
    };
    let mut client = Client::new(lab, corp(1, company()));
    let people = || vec![person(43, "anna")];
    let view = lab_view(1, people());
    let mut entries: Vec<Entry> = people();
    let mut head = person(41, "head");
    head.dn = view.domain().naming_context.clone();
    let mut unit = person(42, "people");
    unit.dn = format!("ou=people,{}", head.dn);
    entries.extend([head, unit]);
    let view = relaying(&view, entries, "cn=Subschema", client.now);
    client.world.directories =
        vec![crate::policy::world::DirectoryState::new(Arc::from("lab"), Some(view))];
    assert_eq!(client.bind("anna"), 0);
    let name = "CN=subschema";
    assert_eq!(found(&mut client, name, SearchScope::BaseObject, "(objectClass=*)"), (1, 0));
    for scope in [SearchScope::WholeSubtree, SearchScope::SingleLevel] {
        assert_eq!(found(&mut client, name, scope, "(objectClass=*)"), (0, 32));
    }
}

/// RFC 4511 §4.5.1.7: what is Undefined selects nothing, whichever way it is turned.
#[test]
fn filters_on_the_root_dse_have_three_values() {
    let mut client = searching();
    for (filter, entries) in [
        ("(objectClass=*)", 1),
        ("(supportedLDAPVersion=3)", 1),
        ("(supportedLDAPVersion>=3)", 1),
        ("(!(isDeleted=TRUE))", 1),
        ("(vendorName=ldap*)", 1),
        ("(!(noSuchThing=x))", 0),
        ("(noSuchThing=x)", 0),
        ("(objectClass=user)", 0),
        ("(&)", 1),
        ("(|)", 0),
    ] {
        let answer = found(&mut client, "", SearchScope::BaseObject, filter);
        assert_eq!(answer, (entries, 0), "{filter}");
    }
}
