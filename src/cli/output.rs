//! `[io]` Writing results to standard output, and progress to standard error.

use std::io::{self, IsTerminal, Write};

use super::exit::CommandError;

/// Writes a result. A reader that has seen enough (`| head`) is no error.
///
/// # Errors
/// Standard output cannot be written, for example because its disk is full.
pub fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::Failed(format!("cannot write to standard output: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether standard output shows colours: a terminal, and `NO_COLOR` is not set.
#[must_use]
pub fn colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !refused
}

/// One line on standard error that says what is being done, where that is a terminal.
#[derive(Debug)]
pub struct Progress {
    shown: bool,
}

impl Progress {
    /// Shows something only if standard error is a terminal.
    #[must_use]
    pub fn new() -> Self {
        Self { shown: io::stderr().is_terminal() }
    }

    /// Replaces the line.
    pub fn say(&self, text: &str) {
        if self.shown {
            // A progress line that cannot be written is no loss.
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K{text} …");
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.shown {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
