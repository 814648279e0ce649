//! `[io]` The Unix socket itself: made for its owner alone, never taken from a running instance, gone
//! after the end.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::net::UnixListener;

/// The owner may read and write, nobody else may do anything.
const SOCKET_MODE: u32 = 0o600;
/// The owner may enter, nobody else may.
const DIRECTORY_MODE: u32 = 0o700;

/// Longest path that a Unix socket address holds (`sun_path` in unix(7), without the ending NUL).
const MAX_PATH: usize = 107;

/// Why there is no control socket.
#[derive(Debug, Error)]
pub enum ControlError {
    /// Somebody answers on it.
    #[error(
        "another ldapgate is listening on {}; stop it, or give this one its own socket path \
         in the configuration", .0.display()
    )]
    AlreadyRunning(PathBuf),
    /// No client could ever address it.
    #[error(
        "the path of the control socket is too long for a socket ({} octets, {MAX_PATH} are \
         possible): {}", .0.as_os_str().len(), .0.display()
    )]
    PathTooLong(PathBuf),
    /// Something else has the name.
    #[error(
        "{} exists and is not a socket; it is left alone: move it away or choose another path",
        .0.display()
    )]
    NotASocket(PathBuf),
    /// The system said no.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A control socket that has its name. Dropping it takes the name away.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    name: SocketName,
}

/// Removes the socket's name at the end, so that a client is told "nothing runs" at once.
#[derive(Debug)]
pub(super) struct SocketName(PathBuf);

impl Drop for SocketName {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(socket = %self.0.display(), %error, "control socket not removed");
        }
    }
}

impl ControlSocket {
    /// Makes the socket at `path`, with mode 0600, and its directory with mode 0700 where it is not
    /// there. What a dead instance left behind is replaced. Call it within a Tokio runtime.
    ///
    /// # Errors
    /// Another instance answers on it, something else has the name, or the system says no.
    pub fn bind(path: &Path) -> Result<Self, ControlError> {
        if path.as_os_str().len() > MAX_PATH {
            return Err(ControlError::PathTooLong(path.to_owned()));
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(directory)
            .map_err(failed("create the directory", directory))?;
        refuse_if_in_use(path)?;

        // Under another name first: the real one appears with its final mode and replaces a stale one
        // in the same step.
        let unnamed = directory.join(format!(".{}", std::process::id()));
        let _ = fs::remove_file(&unnamed);
        let listener =
            UnixListener::bind(&unnamed).map_err(failed("listen on the control socket", path))?;
        let named = fs::set_permissions(&unnamed, Permissions::from_mode(SOCKET_MODE))
            .and_then(|()| fs::rename(&unnamed, path));
        if let Err(source) = named {
            let _ = fs::remove_file(&unnamed);
            return Err(failed("name the control socket", path)(source));
        }
        Ok(Self { listener, name: SocketName(path.to_owned()) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.name.0
    }

    pub(super) fn into_parts(self) -> (UnixListener, SocketName) {
        (self.listener, self.name)
    }
}

fn refuse_if_in_use(path: &Path) -> Result<(), ControlError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ControlError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at", path)(error)),
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(ControlError::AlreadyRunning(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("find out who listens on", path)(error)),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ControlError {
    move |source| ControlError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, mode};

    #[tokio::test]
    async fn only_the_owner_can_open_it() {
        let scratch = Scratch::new("owner");
        let path = scratch.0.join("run/control.sock");
        let socket = ControlSocket::bind(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no left-overs");
        drop(socket);
        assert!(!path.exists(), "the name is gone with the socket");
    }

    #[tokio::test]
    async fn a_running_instance_keeps_its_socket() {
        let scratch = Scratch::new("running");
        let path = scratch.0.join("control.sock");
        let first = ControlSocket::bind(&path).unwrap();
        let second = ControlSocket::bind(&path).unwrap_err();
        assert!(matches!(second, ControlError::AlreadyRunning(_)), "{second}");
        assert!(UnixStream::connect(&path).is_ok(), "the first one still answers");
        drop(first);
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced() {
        let scratch = Scratch::new("stale");
        let path = scratch.0.join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = ControlSocket::bind(&path).unwrap();
        assert!(UnixStream::connect(socket.path()).is_ok());
    }

    #[tokio::test]
    async fn a_file_is_left_alone() {
        let scratch = Scratch::new("file");
        let path = scratch.0.join("control.sock");
        fs::write(&path, "precious").unwrap();
        let refused = ControlSocket::bind(&path).unwrap_err();
        assert!(matches!(refused, ControlError::NotASocket(_)), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_is_said_so() {
        let scratch = Scratch::new("long");
        let path = scratch.0.join("x".repeat(100)).join("control.sock");
        let refused = ControlSocket::bind(&path).unwrap_err();
        assert!(matches!(refused, ControlError::PathTooLong(_)), "{refused}");
    }
}
