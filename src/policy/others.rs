//! The groups, containers and other entries that an application is shown, all at once.

use roaring::RoaringBitmap;

use crate::directory::{EntryKind, EntryRef, OWN_CONTEXT, Slot, View, own_names};
use crate::ldap::dn::NormalizedDn;

use super::application::Application;
use super::visibility::names;

/// Their slots; `None`: all of them.
///
/// Groups are those in a visible base for which the group filter holds. Everything else but users is shown where it
/// is in a visible base or in a base of users, or above one, so that who walks down the tree arrives there.
pub(super) fn shown(
    application: &Application,
    directory: &str,
    view: &View,
) -> Option<RoaringBitmap> {
    let presentation = application.presentation.as_deref().filter(|shown| shown.limits_groups())?;
    let mut groups = view.slots_of_kind(EntryKind::Group).as_ref().clone();
    if let Some(filter) = &presentation.group_filter {
        groups &= view.matching(filter);
    }
    let mut rest = all(view) - view.slots_of_kind(EntryKind::Group).as_ref();
    if !presentation.visible_bases.is_empty() {
        let visible = names(&presentation.visible_bases, directory);
        groups = kept(view, groups, |entry| is_below(entry, &visible));
        let people = names(&application.bases, directory);
        let places: Vec<&NormalizedDn> = visible.into_iter().chain(people).collect();
        let own = own(view);
        rest = kept(view, rest, |entry| {
            let mut lead_on = places.iter().copied().chain(&own);
            is_below(entry, &places) || lead_on.any(|place| place.is_within(entry.normalized_dn()))
        });
    }
    Some(groups | rest)
}

/// All groups, containers and other entries, and the place of what was removed, which counts as removed itself.
pub(super) fn all(view: &View) -> RoaringBitmap {
    let kinds = [EntryKind::Group, EntryKind::Container, EntryKind::Other];
    let slots = kinds.into_iter().map(|kind| view.slots_of_kind(kind).as_ref());
    let mut all = slots.fold(RoaringBitmap::new(), |all, slots| all | slots);
    let graves = NormalizedDn::parse(&graves(view)).ok();
    all.extend(graves.and_then(|name| view.find_dn(&name)).map(|entry| entry.slot().0));
    all
}

fn graves(view: &View) -> String {
    format!("CN=Deleted Objects,{}", view.domain().naming_context)
}

/// Entries that the application would take for others, because it is shown another sub-tree in their place. Which
/// names a directory has is not known when the configuration is read.
pub(super) fn taken(application: &Application, view: &View) -> RoaringBitmap {
    let places = application.wording().into_iter().flat_map(|wording| wording.bases.places());
    let others = places.filter(|(to, from)| to != from);
    others.fold(RoaringBitmap::new(), |all, (to, _)| all | view.slots_within(to))
}

fn kept(view: &View, slots: RoaringBitmap, keeps: impl Fn(EntryRef<'_>) -> bool) -> RoaringBitmap {
    slots.into_iter().filter(|slot| view.entry(Slot(*slot)).is_some_and(&keeps)).collect()
}

fn is_below(entry: EntryRef<'_>, bases: &[&NormalizedDn]) -> bool {
    bases.iter().any(|base| entry.normalized_dn().is_within(base))
}

/// What every client may have to find whatever it is shown: the head of each context that is served, the entry that
/// tells which copy it is, and the place of what was removed.
fn own(view: &View) -> Vec<NormalizedDn> {
    let domain = view.domain();
    let deleted = graves(view);
    let service = own_names(domain).map(|names| names.service);
    let texts = [Some(deleted), service, Some(OWN_CONTEXT.to_owned())];
    texts.into_iter().flatten().filter_map(|text| NormalizedDn::parse(&text).ok()).collect()
}
