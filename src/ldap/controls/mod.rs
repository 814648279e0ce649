//! Values of the controls this program serves or sends, one file each.
//!
//! Whether a control is served at all is decided in `session::critical`, not here.

pub mod dir_sync;
pub mod paged_results;
pub mod search_options;
pub mod server_side_sort;
pub mod sync_done;
pub mod sync_request;
pub mod sync_state;
pub mod virtual_list_view;
