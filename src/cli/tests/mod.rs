//! The commands against a company of two controllers in this process.

mod check;
mod control;
mod explaining;
mod syncing;
mod world;
