//! The control socket: how an operator asks the running program what it does and tells it to act.
//!
//! What lives here: the documents it speaks ([`document`], [`block_document`]), what it knows of the program
//! ([`state`]), how a search is explained (`explain`) and a login (`explain_bind`, `explain_offline`, with
//! the documents [`explained_bind`]), the shield (`shield`, [`budgets`]), how the copying is asked about and told to act (`sync`) and
//! what is shown of one person (`person`), how the configuration is read again ([`reload`], with the documents
//! [`reload_document`]), how blocks are set and lifted (`blocks`), the metrics ([`metrics`]), the
//! Unix socket ([`socket`]) and the routes on it ([`routes`]). `cli` holds its clients.
//!
//! What does not: what an application may ask (`session`), and how any of it is carried out
//! (`upstream`, `sync`).
//!
//! Invariants: only the account that runs the program (and root) can open the socket
//! (`socket::tests::only_the_owner_can_open_it`), a running instance is never pushed off its socket
//! (`socket::tests::a_running_instance_keeps_its_socket`), and no answer holds a secret: the documents
//! have no field for one. Metrics name directories and controllers and nobody
//! (`metrics::tests::labels_name_directories_and_controllers_only`).

pub mod block_document;
mod blocks;
pub mod budgets;
pub mod document;
mod explain;
mod explain_bind;
mod explain_offline;
pub mod explained_bind;
pub mod metrics;
mod person;
pub mod reload;
pub mod reload_document;
pub mod routes;
mod shield;
pub mod socket;
pub mod state;
mod sync;

pub use reload::Reload;
pub use routes::serve;
pub use socket::{ControlError, ControlSocket};
pub use state::{ControlState, ControlledDirectory, ListenerFacts};
