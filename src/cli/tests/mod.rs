//! The commands against a company of two controllers in this process.

mod check;
mod control;
mod syncing;
mod world;
