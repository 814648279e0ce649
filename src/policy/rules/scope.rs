//! Where an application's users live, and what must hold for them.

use crate::policy::application::ScopeBase;
use crate::policy::refusal::Refusal;

use super::Subject;

pub(super) fn within_bases(subject: Subject<'_>) -> Result<(), Refusal> {
    let dn = subject.entry.normalized_dn();
    let covers = |base: &ScopeBase| {
        base.directory.as_deref().is_none_or(|name| name == subject.directory)
            && dn.is_within(&base.dn)
    };
    let application = subject.application;
    let inside = application.bases.is_empty() || application.bases.iter().any(covers);
    if inside && !application.excluded_bases.iter().any(covers) {
        Ok(())
    } else {
        Err(Refusal::OutOfScope)
    }
}

pub(super) fn matches_filter(subject: Subject<'_>) -> Result<(), Refusal> {
    match &subject.application.user_filter {
        Some(filter) if !subject.view.matches(subject.entry, filter) => Err(Refusal::FilteredOut),
        _ => Ok(()),
    }
}
