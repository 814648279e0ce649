//! `[io]` Reading fine-grained policies, which are not copied: few may read them, and nobody is to be shown them.

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::filter::Filter;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::request::{SearchRequest, SearchScope};
use crate::ldap::schema::DirectoryKind;
use crate::upstream::{FetchError, Step, Upstream};

use super::policy::{FineGrained, PASSWORD_SETTINGS, PASSWORD_SETTINGS_ATTRIBUTES};

/// Entries of one page.
const PAGE: u32 = 500;

/// What was found of fine-grained policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Those that may be read.
    pub(super) policies: Vec<FineGrained>,
    /// How many are there of which only the name may be read.
    pub(super) hidden: usize,
}

/// Reads the fine-grained policies of the domain with this naming context; none where there is no such container,
/// or no right to see it.
///
/// # Errors
/// The controllers could not be asked; nothing is known then.
pub(super) async fn fine_grained(
    upstream: &Upstream,
    naming_context: &str,
) -> Result<Found, FetchError> {
    let mut found = Found::default();
    if upstream.config().kind != DirectoryKind::ActiveDirectory {
        return Ok(found);
    }
    let mut session = upstream.fetch_session().await?;
    let mut each = |page: Vec<PackedEntry>| {
        let seen = page.len();
        let before = found.policies.len();
        found.policies.extend(page.iter().filter_map(FineGrained::read));
        found.hidden += seen - (found.policies.len() - before);
    };
    let read = session.search_paged(search(naming_context), PAGE, &mut each).await;
    session.close().await;
    match read {
        Ok(()) => Ok(found),
        Err(error) if matches!(error.step, Step::Base | Step::Rights) => Ok(Found::default()),
        Err(error) => Err(error),
    }
}

fn search(naming_context: &str) -> SearchRequest {
    SearchRequest {
        base: format!("{PASSWORD_SETTINGS},{naming_context}"),
        scope: SearchScope::SingleLevel,
        deref_aliases: 0,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter: Filter::Equality {
            attribute: AttributeDescription::new("objectClass"),
            value: b"msDS-PasswordSettings".to_vec(),
        },
        attributes: PASSWORD_SETTINGS_ATTRIBUTES.iter().map(|&name| name.to_owned()).collect(),
    }
}
