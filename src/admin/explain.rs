//! `[io]` How a search is answered: carries it out for an operator, with the clock beside it.

use std::time::Duration;

use crate::directory::{Audience, Budget, EntryRef, SearchError};
use crate::ldap::filter::Filter;
use crate::ldap::request::SearchScope;
use crate::ldap::schema;
use crate::policy::visibility::{Viewer, VisibilityCache};
use crate::time::Now;

use super::document::{ExplainedSearch, Failure, SearchQuestion};
use super::state::{ControlState, ControlledDirectory};

/// Longest time for one search.
const PATIENCE: Duration = Duration::from_secs(5);

/// An operator sees every entry that is in use.
struct Operator;

impl Audience for Operator {
    fn sees(&self, _: EntryRef<'_>) -> bool {
        true
    }

    fn shows(&self, attribute: &str) -> bool {
        !schema::is_forbidden(attribute)
    }
}

/// Carries the search out and says how it went.
pub(super) fn search(
    state: &ControlState,
    question: &SearchQuestion,
) -> Result<ExplainedSearch, Failure> {
    let directory = directory(state, question)?;
    let Some(view) = directory.gate.published.load() else {
        let error = "there is no copy of it yet".to_owned();
        return Err(Failure { error, culprit: format!("directory {:?}", directory.gate.name) });
    };
    let failure = |culprit: &str, error: String| Failure { error, culprit: culprit.to_owned() };
    let filter =
        Filter::parse(&question.filter).map_err(|error| failure("filter", error.to_string()))?;
    let base = question.base.as_deref().unwrap_or_default();
    let base = view.resolve_base(base).map_err(|error| failure("base", error.to_string()))?;
    let scope = scope(question.scope.as_deref())?;
    let viewer = viewer(state, question, directory)?;
    let audience: &dyn Audience = viewer.as_ref().map_or(&Operator, |viewer| viewer);
    let start = Now::read().monotonic;
    let clock = || Now::read().monotonic.saturating_duration_since(start);
    let expired = || clock() > PATIENCE;
    let budget = Budget { candidates: u64::MAX, expired: &expired };
    let explanation = view.explain(&base, scope, &filter, audience, &budget, &clock);
    let explanation = explanation.map_err(|error| match error {
        SearchError::NoSuchObject(missing) => {
            let known = if missing.matched.is_empty() { "nothing" } else { &missing.matched };
            failure("base", format!("there is no such entry; of its name there is: {known}"))
        }
        SearchError::TooManyCandidates | SearchError::TimedOut => {
            failure("filter", format!("it takes longer than {} s", PATIENCE.as_secs()))
        }
    })?;
    Ok(ExplainedSearch {
        directory: directory.gate.name.to_string(),
        generation: view.generation(),
        application: question.application.clone(),
        explanation,
    })
}

fn directory<'s>(
    state: &'s ControlState,
    question: &SearchQuestion,
) -> Result<&'s ControlledDirectory, Failure> {
    match state.select(question.directory.as_deref())?.as_slice() {
        [only] => Ok(only),
        several => {
            let names: Vec<&str> = several.iter().map(|directory| &*directory.gate.name).collect();
            let error = format!("say which directory: {}", names.join(", "));
            Err(Failure { error, culprit: "directory".to_owned() })
        }
    }
}

fn scope(word: Option<&str>) -> Result<SearchScope, Failure> {
    Ok(match word.unwrap_or("sub") {
        "base" => SearchScope::BaseObject,
        "one" => SearchScope::SingleLevel,
        "sub" => SearchScope::WholeSubtree,
        "children" => SearchScope::SubordinateSubtree,
        other => {
            let error = format!("{other:?} is no scope; there is: base, one, sub, children");
            return Err(Failure { error, culprit: "scope".to_owned() });
        }
    })
}

/// The application's eyes.
fn viewer(
    state: &ControlState,
    question: &SearchQuestion,
    directory: &ControlledDirectory,
) -> Result<Option<Viewer>, Failure> {
    let Some(name) = question.application.as_deref() else { return Ok(None) };
    let applications = state.gate.applications.current();
    let found = applications.named(name);
    let Some(application) = found.filter(|found| found.directories.contains(&directory.gate.name))
    else {
        let known: Vec<&str> =
            applications.all().iter().map(|application| &*application.name).collect();
        let error =
            format!("there is none that uses the directory; there is: {}", known.join(", "));
        return Err(Failure { error, culprit: format!("application {name:?}") });
    };
    let cache = VisibilityCache::default();
    let users = directory
        .gate
        .published
        .load()
        .map(|view| cache.users(application, &directory.gate.name, &view));
    let primary_groups = application.primary_group_in_member_of;
    Ok(users.map(|users| Viewer::new(users, None).counting_primary_groups(primary_groups)))
}
