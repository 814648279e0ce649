//! `[io]` The ldapgate program: everything is in the library's `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ldapgate::cli::main()
}
