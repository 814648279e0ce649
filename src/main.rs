//! `[io]` The ldapgate program: everything is in the library's `cli`.

use std::process::ExitCode;

/// Many small pieces of a copy come and go with every pass; this one gives their memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ldapgate::cli::main()
}
