//! `[io]` The client of the control socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::admin::document::Failure;

use super::exit::CommandError;

/// Largest answer that is read, in octets.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// Longest wait for an answer that needs no controller.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest wait for a sync: a large directory takes minutes.
const PATIENCE_FOR_SYNC: Duration = Duration::from_secs(3600);

/// Asks the program that listens on one control socket.
pub struct ControlClient {
    socket: PathBuf,
}

/// An answer whose status may be a failure.
pub struct Answer {
    status: StatusCode,
    body: Bytes,
}

impl ControlClient {
    /// A client for the socket at `path`. Nothing is opened yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { socket: path.to_owned() }
    }

    /// `GET path`.
    ///
    /// # Errors
    /// Nothing runs, or what runs does not answer.
    pub async fn get(&self, path: &str) -> Result<Answer, CommandError> {
        self.ask(Method::GET, path, Bytes::new(), PATIENCE).await
    }

    /// `PUT path` with a JSON body.
    ///
    /// # Errors
    /// Nothing runs, or what runs does not answer.
    pub async fn put(
        &self,
        path: &str,
        body: &(impl serde::Serialize + ?Sized),
    ) -> Result<Answer, CommandError> {
        self.ask(Method::PUT, path, json(body)?, PATIENCE).await
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    /// Nothing runs, or what runs does not answer.
    pub async fn post(
        &self,
        path: &str,
        body: &(impl serde::Serialize + ?Sized),
    ) -> Result<Answer, CommandError> {
        self.ask(Method::POST, path, json(body)?, PATIENCE).await
    }

    /// `POST path` for something that may take as long as a sync.
    ///
    /// # Errors
    /// Nothing runs, or what runs does not answer.
    pub async fn post_and_wait(&self, path: &str) -> Result<Answer, CommandError> {
        self.ask(Method::POST, path, Bytes::new(), PATIENCE_FOR_SYNC).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        patience: Duration,
    ) -> Result<Answer, CommandError> {
        let stream =
            UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(&error))?;
        match tokio::time::timeout(patience, exchange(stream, method, path, body)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(reason)) => Err(CommandError::Failed(format!(
                "the program on {} broke off: {reason}",
                self.socket.display()
            ))),
            Err(_) => Err(CommandError::Failed(format!(
                "the program on {} took the request and did not answer within {} s",
                self.socket.display(),
                patience.as_secs()
            ))),
        }
    }

    fn unreachable(&self, error: &io::Error) -> CommandError {
        let socket = self.socket.display();
        let kind = error.kind();
        if kind == io::ErrorKind::NotFound || kind == io::ErrorKind::ConnectionRefused {
            CommandError::NotRunning(format!(
                "no ldapgate is listening on {socket}; start it with: ldapgate run\n(if it runs \
                 with another configuration, give that with -c, or its socket with --socket)"
            ))
        } else if kind == io::ErrorKind::PermissionDenied {
            CommandError::Failed(format!(
                "{socket} belongs to another account; ask as the account that runs ldapgate, or as \
                 root (for example with sudo)"
            ))
        } else {
            CommandError::Failed(format!("cannot connect to {socket}: {error}"))
        }
    }
}

fn json(body: &(impl serde::Serialize + ?Sized)) -> Result<Bytes, CommandError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| CommandError::Failed(format!("cannot write the request: {error}")))
}

impl Answer {
    /// Whether the status says that it worked.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.is_success()
    }

    /// The document, or the failure that came instead.
    ///
    /// # Errors
    /// The answer is a failure, or not the expected document.
    pub fn document<T: DeserializeOwned>(&self) -> Result<T, CommandError> {
        if self.succeeded() {
            return self.any_document();
        }
        Err(self.failure())
    }

    fn failure(&self) -> CommandError {
        CommandError::Failed(match serde_json::from_slice::<Failure>(&self.body) {
            Ok(failure) => format!("{}: {}", failure.culprit, failure.error),
            Err(_) => format!("the answer was {}", self.status),
        })
    }

    /// The text, or the failure that came instead.
    ///
    /// # Errors
    /// The answer is a failure, or no text.
    pub fn text(&self) -> Result<&str, CommandError> {
        if !self.succeeded() {
            return Err(self.failure());
        }
        std::str::from_utf8(&self.body)
            .map_err(|error| CommandError::Failed(format!("the answer is no text: {error}")))
    }

    /// The document, whatever the status.
    ///
    /// # Errors
    /// It is not the expected document.
    pub fn any_document<T: DeserializeOwned>(&self) -> Result<T, CommandError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            CommandError::Failed(format!(
                "the answer is not what this version of ldapgate expects ({error}); is another \
                 version running?"
            ))
        })
    }
}

async fn exchange(
    stream: UnixStream,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<Answer, String> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(body))
        .map_err(|error| error.to_string())?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answer { status, body })
    };
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        ended = connection => match ended {
            // The connection's end may be seen before the answer that came over it.
            Ok(()) => answer.await,
            Err(error) => Err(error.to_string()),
        },
    }
}

/// A text as one value in a query string (RFC 3986 §2.3: everything else is percent-encoded).
#[must_use]
pub fn query_value(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3986 §2.1 and §2.3.
    #[test]
    fn query_values() {
        assert_eq!(query_value("corp-1.a_b~"), "corp-1.a_b~");
        assert_eq!(query_value("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }

    #[tokio::test]
    async fn nobody_there_is_told_apart() {
        let nowhere = std::env::temp_dir().join("ldapgate-nobody-listens-here.sock");
        let Err(error) = ControlClient::new(&nowhere).get("/v1/status").await else {
            panic!("somebody answered")
        };
        assert_eq!(error.code(), super::super::exit::NOT_RUNNING);
        assert!(error.to_string().contains("ldapgate run"), "{error}");
    }
}
