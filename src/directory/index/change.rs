//! Bringing the indices in step with what an entry held and what it holds now. Only what differs is
//! touched.

use std::sync::Arc;

use crate::ldap::matching_rule::prepare;
use crate::ldap::schema::DirectoryKind;

use super::super::attributes::{AttributeId, AttributeInfo, Attributes};
use super::super::stored::{Fields, References, Stored, values};
use super::Index;
use super::attribute::{Entries, Links};

impl Index {
    /// Notes what `slot` held and what it holds now.
    pub(in crate::directory) fn change(
        &mut self,
        kind: DirectoryKind,
        attributes: &Attributes,
        slot: u32,
        old: Option<&Stored>,
        new: Option<&Stored>,
    ) {
        self.grow(attributes);
        let (old_fields, new_fields) = (old.map(|old| &old.fields), new.map(|new| &new.fields));
        if old_fields != new_fields {
            let (old, new) = (described(attributes, old_fields), described(attributes, new_fields));
            each_attribute(&old, &new, |id, old, new| {
                let info = attributes.info(id).filter(|_| old != new);
                if let Some(info) = info {
                    self.change_values(kind, (id, info), slot, old, new);
                }
            });
        }
        let (old_lists, new_lists) =
            (old.map(|old| &old.references), new.map(|new| &new.references));
        let same =
            matches!((old_lists, new_lists), (Some(old), Some(new)) if Arc::ptr_eq(old, new));
        if !same {
            let (old, new) = (referring(attributes, old_lists), referring(attributes, new_lists));
            each_attribute(&old, &new, |id, old, new| self.change_links(id, slot, old, new));
        }
    }

    fn change_values(
        &mut self,
        kind: DirectoryKind,
        (id, info): (AttributeId, &AttributeInfo),
        slot: u32,
        old: &[(AttributeId, &[u8])],
        new: &[(AttributeId, &[u8])],
    ) {
        let Some(index) = self.attributes.get_mut(id.index()) else { return };
        let wanted = index.indexes_values();
        if old.is_empty() != new.is_empty() {
            Arc::make_mut(index).set_present(slot, !new.is_empty());
        }
        if wanted == (false, false) {
            return;
        }
        let (old, new) = differing(old, new);
        let entries = |values: &[&[u8]]| {
            let mut entries = Entries::default();
            for value in values {
                each_key(kind, info, value, |prepared| entries.push(prepared, wanted));
            }
            entries.sort();
            entries
        };
        Arc::make_mut(index).change(slot, &entries(&old), &entries(&new));
    }

    fn change_links(
        &mut self,
        id: AttributeId,
        slot: u32,
        old: &[(AttributeId, &References)],
        new: &[(AttributeId, &References)],
    ) {
        let Some(index) = self.attributes.get_mut(id.index()) else { return };
        let index = Arc::make_mut(index);
        if old.is_empty() != new.is_empty() {
            index.set_present(slot, !new.is_empty());
        }
        index.relink(slot, &links(old), &links(new));
    }
}

/// The elements of an entry by attribute, in order; those of descriptions with options also under
/// their type.
fn described<'s>(
    attributes: &Attributes,
    fields: Option<&'s Fields>,
) -> Vec<(AttributeId, &'s [u8])> {
    let elements = fields.into_iter().flat_map(Fields::iter);
    with_families(attributes, elements)
}

fn referring<'s>(
    attributes: &Attributes,
    lists: Option<&'s Arc<[References]>>,
) -> Vec<(AttributeId, &'s References)> {
    let lists = lists.into_iter().flat_map(|lists| lists.iter());
    with_families(attributes, lists.map(|list| (list.attribute, list)))
}

fn with_families<T: Copy>(
    attributes: &Attributes,
    items: impl Iterator<Item = (AttributeId, T)>,
) -> Vec<(AttributeId, T)> {
    let mut all = Vec::with_capacity(items.size_hint().0.max(16));
    for (id, item) in items {
        all.push((id, item));
        let family = attributes.info(id).map(|info| info.family);
        all.extend(family.filter(|family| *family != id).map(|family| (family, item)));
    }
    all.sort_by_key(|(id, _)| *id);
    all
}

/// Calls `each` for every attribute in one of two ordered lists.
fn each_attribute<'l, T>(
    mut old: &'l [(AttributeId, T)],
    mut new: &'l [(AttributeId, T)],
    mut each: impl FnMut(AttributeId, &'l [(AttributeId, T)], &'l [(AttributeId, T)]),
) {
    loop {
        let next = [old.first(), new.first()].into_iter().flatten().map(|(id, _)| *id).min();
        let Some(id) = next else { return };
        let had = split_run(&mut old, id);
        let has = split_run(&mut new, id);
        each(id, had, has);
    }
}

fn split_run<'l, T>(list: &mut &'l [(AttributeId, T)], id: AttributeId) -> &'l [(AttributeId, T)] {
    let end = list.iter().take_while(|(found, _)| *found == id).count();
    let (run, rest) = list.split_at_checked(end).unwrap_or((list, &[]));
    *list = rest;
    run
}

/// The values to forget and those to note. Where values were only added to a list, they alone; or else
/// all of them, because two spellings may be one key.
fn differing<'s>(
    old: &[(AttributeId, &'s [u8])],
    new: &[(AttributeId, &'s [u8])],
) -> (Vec<&'s [u8]>, Vec<&'s [u8]>) {
    let list = |elements: &[(AttributeId, &'s [u8])]| -> Vec<&'s [u8]> {
        elements.iter().flat_map(|(_, element)| values(element)).collect()
    };
    let (old, mut new) = (list(old), list(new));
    let start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let end = old.iter().skip(start).rev().zip(new.iter().skip(start).rev());
    let end = end.take_while(|(old, new)| old == new).count();
    if start + end == old.len() {
        new.truncate(new.len() - end);
        new.drain(..start);
        return (Vec::new(), new);
    }
    (old, new)
}

fn links<'s>(lists: &[(AttributeId, &'s References)]) -> Links<'s> {
    let names = lists.iter().flat_map(|(_, list)| list.outside.iter());
    Links {
        inside: lists.iter().map(|(_, list)| &list.inside).collect(),
        outside: names.filter_map(|outside| outside.name.as_ref()).collect(),
    }
}

/// Calls `each` with everything under which a stored value is found: the value prepared and, for
/// object classes of servers that list the structural class only, its superclasses.
pub(super) fn each_key(
    kind: DirectoryKind,
    info: &AttributeInfo,
    value: &[u8],
    mut each: impl FnMut(&[u8]),
) {
    let Some(prepared) = prepare(info.syntax, value) else { return };
    each(&prepared);
    if kind == DirectoryKind::OpenLdap && info.type_name.eq_ignore_ascii_case("objectClass") {
        for class in superclasses(&prepared) {
            if let Some(prepared) = prepare(info.syntax, class.as_bytes()) {
                each(&prepared);
            }
        }
    }
}

/// The classes above the common structural classes (RFC 4519 §3, RFC 2798 §3).
fn superclasses(class: &[u8]) -> &'static [&'static str] {
    match class {
        b"inetorgperson" => &["organizationalPerson", "person", "top"],
        b"organizationalperson" | b"residentialperson" => &["person", "top"],
        _ => &["top"],
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::*;
    use super::*;
    use crate::directory::Changes;

    /// RFC 4512 §2.5.2.1.
    #[test]
    fn a_value_stays_while_one_description_has_it() {
        let mut alice = company().into_iter().find(|entry| entry.dn == ALICE).unwrap();
        push(&mut alice, "displayName;lang-de", b"Alice X");
        push(&mut alice, "displayName;lang-en", b"alice x");
        let step = |view: &crate::directory::View, entry: &crate::ldap::entry::Entry| {
            let changes = Changes { upserts: packed(vec![entry.clone()]), removed: Vec::new() };
            let times = crate::directory::Times { read_at: moment(), now: moment() };
            view.changed(changes, times).unwrap().0
        };
        let view = step(&company_view(), &alice);
        assert_eq!(found(&view, "(displayName=ALICE X)"), ["alice"]);
        set(&mut alice, "displayName;lang-de", &[]);
        let view = step(&view, &alice);
        for filter in ["(displayName=ALICE X)", "(displayName=*ice x)", "(displayName;lang-en=*)"] {
            assert_eq!(found(&view, filter), ["alice"], "{filter}");
        }
        assert!(found(&view, "(displayName;lang-de=*)").is_empty());
        set(&mut alice, "displayName;lang-en", &[]);
        let view = step(&view, &alice);
        assert!(found(&view, "(displayName=ALICE X)").is_empty());
        assert!(found(&view, "(displayName=*ice x)").is_empty());
        assert_eq!(found(&view, "(displayName=*)"), ["alice"]);
    }

    #[test]
    fn only_added_values_are_noted_alone() {
        let elements = |lists: &[&[&[u8]]]| -> Vec<Vec<u8>> {
            lists
                .iter()
                .map(|list| {
                    let mut element = Vec::new();
                    crate::ldap::response::encode_attribute(
                        &mut element,
                        "x",
                        list.iter().copied(),
                    );
                    element
                })
                .collect()
        };
        let id = AttributeId::of_number(0);
        let check = |old: &[&[u8]], new: &[&[u8]], forget: &[&[u8]], note: &[&[u8]]| {
            let (old, new) = (elements(&[old]), elements(&[new]));
            let (old, new): (Vec<_>, Vec<_>) = (
                old.iter().map(|element| (id, element.as_slice())).collect(),
                new.iter().map(|element| (id, element.as_slice())).collect(),
            );
            assert_eq!(differing(&old, &new), (forget.to_vec(), note.to_vec()));
        };
        check(&[b"a", b"b"], &[b"a", b"c", b"b"], &[], &[b"c"]);
        check(&[b"a", b"a"], &[b"a", b"a", b"a"], &[], &[b"a"]);
        check(&[b"a", b"b"], &[b"b"], &[b"a", b"b"], &[b"b"]);
        check(&[b"a"], &[b"b"], &[b"a"], &[b"b"]);
    }
}
