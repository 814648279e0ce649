//! Names under another base.

use std::borrow::Cow;

use crate::ldap::dn::{DistinguishedName, NormalizedDn, rebase};

/// Sub-trees that are shown in another place.
#[derive(Clone, Debug, Default)]
pub struct Bases(Vec<Moved>);

#[derive(Clone, Debug)]
struct Moved {
    /// Where the directory has it.
    from: Base,
    /// Where it is shown.
    to: Base,
}

#[derive(Clone, Debug)]
struct Base {
    name: DistinguishedName,
    normalized: NormalizedDn,
}

/// Why sub-trees cannot be shown so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseFault {
    /// The root has no name that could be another.
    #[error("the root cannot be moved, nor can anything be moved there")]
    Root,
    /// Two moves of one sub-tree, or into one another.
    #[error("it overlaps with number {0} of the list")]
    Overlap(usize),
    /// The place lies in the sub-tree or around it.
    #[error("the sub-tree and its place overlap")]
    Itself,
}

/// Names nothing: what an application calls otherwise cannot be asked for under the directory's name.
const NOWHERE: &str = "ldapgate-nowhere=nowhere";

impl Base {
    fn of(name: DistinguishedName) -> Self {
        Self { normalized: name.normalized(), name }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.normalized.is_within(&other.normalized) || other.normalized.is_within(&self.normalized)
    }
}

impl Bases {
    /// Whether every name is shown as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Shows the sub-tree `from` as `to`.
    ///
    /// # Errors
    /// Names could be mistaken for one another. A sub-tree may take the place of itself: that changes the spelling
    /// of its base.
    pub fn add(&mut self, from: DistinguishedName, to: DistinguishedName) -> Result<(), BaseFault> {
        let moved = Moved { from: Base::of(from), to: Base::of(to) };
        if moved.from.name.is_root() || moved.to.name.is_root() {
            return Err(BaseFault::Root);
        }
        if moved.from.normalized != moved.to.normalized && moved.from.overlaps(&moved.to) {
            return Err(BaseFault::Itself);
        }
        let clashes = |other: &Moved| {
            let both = [&moved.from, &moved.to];
            both.into_iter().any(|one| one.overlaps(&other.from) || one.overlaps(&other.to))
        };
        if let Some(place) = self.0.iter().position(clashes) {
            return Err(BaseFault::Overlap(place));
        }
        self.0.push(moved);
        Ok(())
    }

    /// The places where sub-trees are shown and their own names, for comparing.
    pub fn places(&self) -> impl Iterator<Item = (&NormalizedDn, &NormalizedDn)> {
        self.0.iter().map(|moved| (&moved.to.normalized, &moved.from.normalized))
    }

    /// A name of the directory as it is shown. What is outside all moved sub-trees is shown as it is; `None`: it
    /// would be mistaken for a name within one. What is no name is shown as it is, too.
    #[must_use]
    pub fn outward<'n>(&self, name: &'n str) -> Option<Cow<'n, str>> {
        for Moved { from, to } in &self.0 {
            match rebase(name, &from.normalized, &to.name) {
                Ok(Some(shown)) => return Some(Cow::Owned(shown)),
                Ok(None) => {}
                Err(_) => return Some(Cow::Borrowed(name)),
            }
        }
        let taken = self.0.iter().any(|moved| is_within(name, &moved.to.normalized));
        (!taken).then_some(Cow::Borrowed(name))
    }

    /// What the directory calls a name as it is shown. The directory's own name of a moved sub-tree leads nowhere.
    /// What is no name stays as it is.
    #[must_use]
    pub fn inward<'n>(&self, name: &'n str) -> Cow<'n, str> {
        for Moved { from, to } in &self.0 {
            match rebase(name, &to.normalized, &from.name) {
                Ok(Some(own)) => return Cow::Owned(own),
                Ok(None) => {}
                Err(_) => return Cow::Borrowed(name),
            }
        }
        let hidden = self.0.iter().any(|moved| is_within(name, &moved.from.normalized));
        if hidden { Cow::Borrowed(NOWHERE) } else { Cow::Borrowed(name) }
    }

    /// The same for what may be an identity in the place of a name (MS-ADTS §3.1.1.3.1.2.4): of these, `<WKGUID=…,
    /// container>` has a name in it.
    #[must_use]
    pub fn inward_identity<'n>(&self, text: &'n str) -> Cow<'n, str> {
        let form = text.trim().strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
        let Some(form) = form else { return self.inward(text) };
        match form.split_once(',') {
            Some((identity, container)) => {
                Cow::Owned(format!("<{identity},{}>", self.inward(container)))
            }
            None => Cow::Borrowed(text),
        }
    }
}

fn is_within(name: &str, base: &NormalizedDn) -> bool {
    NormalizedDn::parse(name).is_ok_and(|name| name.is_within(base))
}
