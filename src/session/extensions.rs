//! The controls of one search, read (RFC 4511 §4.1.11): what they ask for, and what they cannot have.

use crate::ldap::ber::BerError;
use crate::ldap::control::{Control, oid};
use crate::ldap::controls::paged_results::PagedResults;
use crate::ldap::controls::search_options::SearchOptions;
use crate::ldap::controls::server_side_sort::{self, SortFault, SortKey};
use crate::ldap::controls::virtual_list_view::VirtualListView;
use crate::ldap::result::{LdapResult, ResultCode};

/// What the controls of a search ask for.
#[derive(Debug, Default)]
pub struct Extensions {
    /// In pages.
    pub paged: Option<PagedResults>,
    /// Sorted.
    pub sort: Option<Sort>,
    /// A window of a sorted list.
    pub list_view: Option<ListView>,
    /// Over the naming contexts below the base too (MS-ADTS §3.1.1.3.4.1.12).
    pub phantom_root: bool,
    /// Removed entries too (MS-ADTS §3.1.1.3.4.1.14).
    pub show_deleted: bool,
}

/// A sort control.
#[derive(Debug)]
pub struct Sort {
    /// The keys, the weightiest first.
    pub keys: Vec<SortKey>,
    /// Whether there is to be no answer unless it is sorted.
    pub critical: bool,
}

/// A virtual list view control.
#[derive(Debug)]
pub struct ListView {
    /// The window.
    pub window: VirtualListView,
    /// Whether there is to be no answer but the window.
    pub critical: bool,
}

impl Extensions {
    /// Reads the controls that searches serve; the others have been judged (`critical`).
    ///
    /// # Errors
    /// protocolError for a value that is none, whether the control is critical or not: a control that is
    /// recognised and broken must not be passed over (RFC 4511 §4.1.11).
    pub fn read(controls: &[Control]) -> Result<Self, LdapResult> {
        let mut found = Self::default();
        for control in controls {
            let critical = control.criticality;
            match control.oid.as_str() {
                oid::PAGED_RESULTS => {
                    found.paged =
                        Some(PagedResults::read(control).map_err(broken("paged results"))?);
                }
                oid::SERVER_SIDE_SORT => {
                    let keys =
                        server_side_sort::read_keys(control).map_err(|fault| match fault {
                            SortFault::Ber(error) => broken("sort")(error),
                            SortFault::NotText | SortFault::Count => {
                                protocol_error(fault.to_string())
                            }
                        })?;
                    found.sort = Some(Sort { keys, critical });
                }
                oid::VIRTUAL_LIST_VIEW => {
                    let read = VirtualListView::read(control);
                    let window = read.map_err(broken("virtual list view"))?;
                    found.list_view = Some(ListView { window, critical });
                }
                oid::SEARCH_OPTIONS => {
                    let options = SearchOptions::read(control).map_err(broken("search options"))?;
                    found.phantom_root = options.phantom_root;
                }
                oid::SHOW_DELETED => found.show_deleted = true,
                _ => {}
            }
        }
        Ok(found)
    }
}

/// Whether the controls continue a list of which the client holds a part.
#[must_use]
pub fn continues_a_list(controls: &[Control]) -> bool {
    controls.iter().filter(|control| control.oid == oid::PAGED_RESULTS).any(|control| {
        PagedResults::read(control).is_ok_and(|paged| paged.size > 0 && !paged.cookie.is_empty())
    })
}

fn broken(control: &'static str) -> impl Fn(BerError) -> LdapResult {
    move |error| protocol_error(format!("{control} control: {error}"))
}

fn protocol_error(text: String) -> LdapResult {
    LdapResult::new(ResultCode::PROTOCOL_ERROR, text)
}
