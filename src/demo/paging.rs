//! Searches in pages (RFC 2696), size limits, and references.

use std::collections::HashMap;
use std::ops::ControlFlow;

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapOp, LdapResult, LdapResultCode, LdapSearchRequest, LdapSearchResultReference,
    LdapSearchScope,
};

use super::conversation::{done, no_base, outgoing, result};
use super::directory::Kind;
use super::name::DnKey;
use super::root_dse::DOMAIN_SCOPE;
use super::search::page;
use super::view::View;
use super::wire::Outgoing;

/// The paged searches that a connection has begun.
#[derive(Default)]
pub(super) struct Cursors {
    cursors: HashMap<Vec<u8>, Cursor>,
    next_cookie: u32,
}

/// The rest of a paged search. The entries are fixed by the first page, by identity, so that one
/// that is renamed before its page is not lost; what is shown of them is not fixed.
struct Cursor {
    search: LdapSearchRequest,
    rest: Vec<[u8; 16]>,
}

impl Cursors {
    /// The entries of a search, or of its next page.
    ///
    /// # Errors
    /// The result that ends the search instead.
    pub(super) fn find(
        &mut self,
        request: LdapSearchRequest,
        controls: &[LdapControl],
        view: &View<'_>,
    ) -> Result<Found, LdapResult> {
        let paged = controls.iter().find_map(|control| {
            let LdapControl::SimplePagedResults { size, cookie } = control else { return None };
            Some((*size, cookie))
        });
        let references = references(&request, controls, view);
        let resumed = match paged {
            Some((_, cookie)) if !cookie.is_empty() => Some(self.resume(cookie, &request, view)?),
            Some(_) | None => None,
        };
        let is_first = resumed.is_none();
        let keys = match resumed {
            Some(rest) => rest,
            None => {
                let base = view.locate(&request.base).map_err(no_base)?;
                view.matching(&base, &request.scope, &request.filter)
            }
        };
        let asked = usize::try_from(request.sizelimit).ok().filter(|limit| *limit > 0);
        let Some((size, _)) = paged else {
            let most = asked.unwrap_or(usize::MAX);
            let most = most.min(view.quirks.unpaged_limit.unwrap_or(usize::MAX));
            let is_cut = keys.len() > most;
            let (keys, _) = page(keys, most);
            return Ok(Found { request, keys, is_cut, references, cookie: None });
        };
        let mut found =
            Found { request, keys: Vec::new(), is_cut: false, references, cookie: None };
        found.references.truncate(if is_first { usize::MAX } else { 0 });
        self.take_page(&mut found, keys, size, asked, view);
        Ok(found)
    }

    /// RFC 2696 §3: a size of zero ends the search; a size limit up to the page's size ends it after
    /// that many entries.
    fn take_page(
        &mut self,
        found: &mut Found,
        keys: Vec<DnKey>,
        size: i64,
        asked: Option<usize>,
        view: &View<'_>,
    ) {
        let size = usize::try_from(size).unwrap_or(0).min(view.quirks.max_page);
        let limit = asked.filter(|limit| *limit <= size);
        found.cookie = Some(Vec::new());
        if size == 0 {
            return;
        }
        let (keys, rest) = page(keys, limit.unwrap_or(size));
        found.keys = keys;
        match rest {
            ControlFlow::Break(()) => {}
            ControlFlow::Continue(_) if limit.is_some() => found.is_cut = true,
            ControlFlow::Continue(rest) => {
                self.next_cookie += 1;
                let cookie = self.next_cookie.to_be_bytes().to_vec();
                let search = found.request.clone();
                let identity = |key: &DnKey| view.get(key)?.identity();
                let rest = rest.iter().filter_map(identity).collect();
                self.cursors.insert(cookie.clone(), Cursor { search, rest });
                found.cookie = Some(cookie);
            }
        }
    }

    /// A cookie is good once, on its connection, for the search it came from.
    fn resume(
        &mut self,
        cookie: &[u8],
        request: &LdapSearchRequest,
        view: &View<'_>,
    ) -> Result<Vec<DnKey>, LdapResult> {
        let cursor = self.cursors.remove(cookie).filter(|cursor| {
            cursor.search.base == request.base
                && cursor.search.scope == request.scope
                && cursor.search.filter == request.filter
        });
        let key = |identity: &[u8; 16]| view.directory.by_identity(identity).cloned();
        let keys = |cursor: Cursor| cursor.rest.iter().filter_map(key).collect();
        cursor.map(keys).ok_or_else(|| {
            let text = "00000057: LdapErr: DSID-0C090C60, comment: Error processing control, \
                        data 0, v4563";
            result(LdapResultCode::UnavailableCriticalExtension, &view.diagnostic(text))
        })
    }
}

/// What a search is answered with.
pub(super) struct Found {
    request: LdapSearchRequest,
    keys: Vec<DnKey>,
    is_cut: bool,
    references: Vec<String>,
    /// The cookie of the paged results control, where one was asked for.
    cookie: Option<Vec<u8>>,
}

impl Found {
    /// Whether another page follows.
    pub(super) fn has_more(&self) -> bool {
        self.cookie.as_ref().is_some_and(|cookie| !cookie.is_empty())
    }

    /// Entries, references, and the end.
    pub(super) fn answer(self, message_id: i32, view: &View<'_>) -> Vec<Outgoing> {
        let request = &self.request;
        let entries =
            self.keys.iter().filter_map(|key| view.shown(key, &request.attrs, request.typesonly));
        let mut answer: Vec<Outgoing> = entries
            .map(|entry| outgoing(message_id, LdapOp::SearchResultEntry(entry), Vec::new()))
            .collect();
        answer.extend(self.references.into_iter().map(|uri| {
            let reference = LdapSearchResultReference { uris: vec![uri] };
            outgoing(message_id, LdapOp::SearchResultReference(reference), Vec::new())
        }));
        let code =
            if self.is_cut { LdapResultCode::SizeLimitExceeded } else { LdapResultCode::Success };
        let controls =
            self.cookie.map(|cookie| LdapControl::SimplePagedResults { size: 0, cookie });
        answer.push(done(message_id, result(code, ""), controls.into_iter().collect()));
        answer
    }
}

/// References of a subtree search from the domain's root, unless the client asked for none.
fn references(
    request: &LdapSearchRequest,
    controls: &[LdapControl],
    view: &View<'_>,
) -> Vec<String> {
    let directory = view.directory;
    let unwanted = controls.iter().any(|control| {
        matches!(control, LdapControl::ManageDsaIT { .. })
            || matches!(control, LdapControl::Unknown { oid, .. } if oid == DOMAIN_SCOPE)
    });
    let at_root = DnKey::parse(&request.base).as_ref() == Some(&directory.domain.key)
        && request.scope == LdapSearchScope::Subtree;
    if unwanted || !at_root || !view.quirks.references || directory.kind == Kind::OpenLdap {
        return Vec::new();
    }
    let (dns, dn) = (&directory.domain.dns, &directory.domain.dn);
    vec![
        format!("ldap://ForestDnsZones.{dns}/DC=ForestDnsZones,{dn}"),
        format!("ldap://DomainDnsZones.{dns}/DC=DomainDnsZones,{dn}"),
        format!("ldap://{dns}/CN=Configuration,{dn}"),
    ]
}
