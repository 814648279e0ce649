//! Logging: what is written, how, how much, and by whom.
//!
//! What lives here: the log's level and format (`log`), lines that are written many thousand times a second
//! (`line`), and the queue in which all lines wait for standard error (`queue`).
//!
//! What does not: what a line says; each room writes its own.
//!
//! Invariants, with the test that holds each:
//! - A line made by hand has the shape of the others: `line::tests::lines_look_as_the_library_writes_them`.
//! - Lines leave in the order in which they came, and whole: `queue::tests::lines_leave_in_order_and_whole`.
//! - A reader that does not read holds up no one who leaves a line, and what is lost is counted:
//!   `queue::tests::a_stuck_reader_holds_up_nobody_and_the_loss_is_told`.
//! - What must not be printed is not: `log::tests::the_level_changes_while_it_runs_and_the_wire_library_stays_silent`.

mod line;
mod log;
mod queue;

pub use line::{Line, LineLog};
pub use log::{
    LogConfig, LogFormat, LogHandle, LogLevel, TelemetryError, UnknownLevel, init, subscriber,
};
