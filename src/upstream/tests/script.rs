//! A controller that does what a script says: answers octets, hangs, resets, talks nonsense.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::ldap::ber::Writer;
use crate::ldap::control::Control;
use crate::ldap::controls::paged_results::PagedResults;
use crate::ldap::entry::{Entry, EntryAttribute};
use crate::ldap::frame::complete_length;
use crate::ldap::message::{MessageId, operation_tag};
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::request::{Authentication, Operation, Request, SearchRequest};
use crate::ldap::response::{
    Extras, IntermediateResponse, encode_attribute, write_controlled_entry, write_entry,
    write_intermediate, write_result,
};
use crate::ldap::result::{LdapResult, ResultCode};

/// The password that the default script accepts.
pub(super) const RIGHT: &str = "right";
/// What the default script says to any other, as Windows writes it.
pub(super) const WRONG_TEXT: &str =
    "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 52e, v4563\0";

/// What the controller does about a request.
#[derive(Clone)]
pub(super) enum Act {
    /// Writes these octets.
    Answer(Vec<u8>),
    /// Waits.
    Wait(Duration),
    /// Says nothing more on this connection.
    Hang,
    /// Closes the connection.
    Close,
    /// Closes it with a reset.
    Reset,
}

/// A request as the script sees it.
pub(super) struct Seen {
    pub(super) id: MessageId,
    pub(super) asked: Asked,
    pub(super) controls: Vec<Control>,
}

pub(super) enum Asked {
    Bind { name: String, password: String },
    Search(Arc<SearchRequest>),
    StartTls,
    Other,
}

impl Seen {
    /// A terminal answer of type `tag`.
    pub(super) fn done(&self, tag: u8, code: u32, text: &str, controls: &[u8]) -> Act {
        let mut writer = Writer::new();
        let result = LdapResult::new(ResultCode(code), text);
        let extras = Extras { controls, ..Extras::default() };
        write_result(&mut writer, self.id, tag, &result, extras);
        Act::Answer(writer.into_octets())
    }

    pub(super) fn bound(&self, code: u32, text: &str) -> Vec<Act> {
        vec![self.done(operation_tag::BIND_RESPONSE, code, text, &[])]
    }

    pub(super) fn entry(&self, dn: &str, attributes: &[(&str, Vec<Vec<u8>>)]) -> Act {
        let encoded: Vec<Vec<u8>> = attributes
            .iter()
            .map(|(name, values)| {
                let mut octets = Vec::new();
                encode_attribute(&mut octets, name, values.iter().map(Vec::as_slice));
                octets
            })
            .collect();
        let mut octets = Vec::new();
        write_entry(&mut octets, self.id, dn.as_bytes(), encoded.iter().map(Vec::as_slice));
        Act::Answer(octets)
    }

    /// An entry with response controls of its own.
    pub(super) fn controlled(
        &self,
        dn: &str,
        attributes: &[(&str, Vec<Vec<u8>>)],
        controls: &[Control],
    ) -> Act {
        let attributes = attributes.iter().map(|(name, values)| EntryAttribute {
            description: (*name).to_owned(),
            values: values.clone(),
        });
        let entry = Entry { dn: dn.to_owned(), attributes: attributes.collect() };
        let mut writer = Writer::new();
        write_controlled_entry(&mut writer, self.id, &PackedEntry::pack(&entry), controls);
        Act::Answer(writer.into_octets())
    }

    pub(super) fn intermediate(&self, name: &str, value: &[u8]) -> Act {
        let (name, value) = (Some(name.to_owned()), Some(value.to_vec()));
        let mut writer = Writer::new();
        write_intermediate(&mut writer, self.id, &IntermediateResponse { name, value });
        Act::Answer(writer.into_octets())
    }

    /// The end of a search with response controls.
    pub(super) fn searched_with(&self, code: u32, controls: &[Control]) -> Act {
        let mut writer = Writer::new();
        controls.iter().for_each(|control| control.write(&mut writer));
        self.done(operation_tag::SEARCH_RESULT_DONE, code, "", writer.octets())
    }

    /// The control of this name in the request.
    pub(super) fn control(&self, oid: &str) -> Option<&Control> {
        self.controls.iter().find(|control| control.oid == oid)
    }

    pub(super) fn searched(&self, code: u32, text: &str) -> Act {
        self.done(operation_tag::SEARCH_RESULT_DONE, code, text, &[])
    }

    pub(super) fn page_end(&self, cookie: &str) -> Act {
        let page = PagedResults { size: 0, cookie: cookie.as_bytes().to_vec() };
        let mut writer = Writer::new();
        page.to_control(false).write(&mut writer);
        self.done(operation_tag::SEARCH_RESULT_DONE, 0, "", writer.octets())
    }
}

/// What a sane controller does.
pub(super) fn sane(seen: &Seen) -> Vec<Act> {
    match &seen.asked {
        Asked::Bind { password, .. } if password == RIGHT => seen.bound(0, ""),
        Asked::Bind { .. } => seen.bound(49, WRONG_TEXT),
        Asked::Search(search) if search.base.is_empty() => {
            let context = vec![b"DC=corp,DC=test".to_vec()];
            vec![seen.entry("", &[("namingContexts", context)]), seen.searched(0, "")]
        }
        Asked::Search(search) => vec![seen.entry(&search.base, &[]), seen.searched(0, "")],
        Asked::StartTls => vec![seen.done(operation_tag::EXTENDED_RESPONSE, 0, "", &[])],
        Asked::Other => vec![Act::Close],
    }
}

type Behaviour = Box<dyn Fn(&Seen) -> Vec<Act> + Send>;

/// A running scripted controller; stops when dropped.
pub(super) struct Script {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    binds: Mutex<Vec<(String, String)>>,
    controls: Mutex<Vec<Control>>,
    connections: AtomicUsize,
    deaf: AtomicBool,
    tls: Option<TlsAcceptor>,
    start_tls: bool,
}

impl Script {
    pub(super) async fn run(behaviour: impl Fn(&Seen) -> Vec<Act> + Send + 'static) -> Self {
        Self::listen(behaviour, None, false).await
    }

    /// Answers every bind the same way; the rest is sane.
    pub(super) async fn binds(act: impl Fn(&Seen) -> Vec<Act> + Send + 'static) -> Self {
        Self::run(binds(act)).await
    }

    pub(super) async fn tls(acceptor: TlsAcceptor, start_tls: bool) -> Self {
        Self::listen(sane, Some(acceptor), start_tls).await
    }

    async fn listen(
        behaviour: impl Fn(&Seen) -> Vec<Act> + Send + 'static,
        tls: Option<TlsAcceptor>,
        start_tls: bool,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(Box::new(behaviour)),
            binds: Mutex::default(),
            controls: Mutex::default(),
            connections: AtomicUsize::new(0),
            deaf: AtomicBool::new(false),
            tls,
            start_tls,
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, task }
    }

    /// From now on behaves otherwise, on open connections too.
    pub(super) fn change(&self, behaviour: impl Fn(&Seen) -> Vec<Act> + Send + 'static) {
        *self.shared.behaviour.lock().unwrap() = Box::new(behaviour);
    }

    /// From now on behaves otherwise about searches of one base, and as before about the rest.
    pub(super) fn change_one(
        &self,
        base: &'static str,
        act: impl Fn(&Seen) -> Vec<Act> + Send + 'static,
    ) {
        let mut behaviour = self.shared.behaviour.lock().unwrap();
        let before = std::mem::replace(&mut *behaviour, Box::new(sane));
        *behaviour = Box::new(move |seen| match &seen.asked {
            Asked::Search(search) if search.base == base => act(seen),
            Asked::Search(_) | Asked::Bind { .. } | Asked::StartTls | Asked::Other => before(seen),
        });
    }

    /// From now on closes new connections at once and serves the old ones.
    pub(super) fn take_no_more(&self) {
        self.shared.deaf.store(true, Ordering::SeqCst);
    }

    /// The names and passwords it has seen.
    pub(super) fn seen_binds(&self) -> Vec<(String, String)> {
        self.shared.binds.lock().unwrap().clone()
    }

    pub(super) fn bind_count(&self) -> usize {
        self.seen_binds().len()
    }

    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The controls of the last bind.
    pub(super) fn bind_controls(&self) -> Vec<Control> {
        self.shared.controls.lock().unwrap().clone()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A behaviour with its own binds and sane about everything else.
pub(super) fn binds(
    act: impl Fn(&Seen) -> Vec<Act> + Send + 'static,
) -> impl Fn(&Seen) -> Vec<Act> + Send + 'static {
    move |seen| match seen.asked {
        Asked::Bind { .. } => act(seen),
        Asked::Search(_) | Asked::StartTls | Asked::Other => sane(seen),
    }
}

/// An address where nobody listens.
pub(super) async fn nobody() -> Script {
    let script = Script::run(sane).await;
    script.task.abort();
    while tokio::net::TcpStream::connect(script.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    script
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Connections end with the listener: a killed controller takes them along.
    let mut serving = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        shared.connections.fetch_add(1, Ordering::SeqCst);
        if shared.deaf.load(Ordering::SeqCst) {
            continue;
        }
        stream.set_nodelay(true).unwrap();
        let shared = Arc::clone(&shared);
        serving.spawn(async move {
            match &shared.tls {
                Some(tls) if !shared.start_tls => {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    converse(stream, &shared).await;
                }
                Some(tls) => {
                    let stream = until_start_tls(stream, &shared).await;
                    let Ok(stream) = tls.accept(stream).await else { return };
                    converse(stream, &shared).await;
                }
                None => converse_tcp(stream, &shared).await,
            }
        });
    }
}

async fn until_start_tls(mut stream: TcpStream, shared: &Shared) -> TcpStream {
    let mut buffer = BytesMut::new();
    let seen = read(&mut stream, &mut buffer, shared).await.unwrap();
    assert!(matches!(seen.asked, Asked::StartTls));
    perform(&mut stream, sane(&seen)).await;
    stream
}

async fn converse_tcp(mut stream: TcpStream, shared: &Shared) {
    if serve(&mut stream, shared).await.is_some_and(|act| matches!(act, Act::Reset)) {
        stream.set_zero_linger().unwrap();
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    serve(&mut stream, shared).await;
}

async fn serve(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), shared: &Shared) -> Option<Act> {
    let mut buffer = BytesMut::new();
    loop {
        let seen = read(stream, &mut buffer, shared).await?;
        let acts = (shared.behaviour.lock().unwrap())(&seen);
        if let Some(end) = perform(stream, acts).await {
            return Some(end);
        }
    }
}

async fn perform(stream: &mut (impl AsyncWrite + Unpin), acts: Vec<Act>) -> Option<Act> {
    for act in acts {
        match act {
            Act::Answer(octets) => {
                stream.write_all(&octets).await.ok()?;
                stream.flush().await.ok()?;
            }
            Act::Wait(time) => tokio::time::sleep(time).await,
            Act::Hang => std::future::pending().await,
            end @ (Act::Close | Act::Reset) => return Some(end),
        }
    }
    None
}

async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    shared: &Shared,
) -> Option<Seen> {
    let length = loop {
        if let Some(length) = complete_length(buffer, 1 << 20).unwrap() {
            break length;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let request = Request::decode(&buffer.split_to(length)).unwrap();
    let asked = match request.operation {
        Operation::Bind(bind) => {
            let Authentication::Simple(password) = &bind.authentication else { panic!() };
            let name = String::from_utf8(bind.name).unwrap();
            let password = String::from_utf8(password.expose().to_vec()).unwrap();
            shared.binds.lock().unwrap().push((name.clone(), password.clone()));
            *shared.controls.lock().unwrap() = request.controls.clone();
            Asked::Bind { name, password }
        }
        Operation::Search(search) => Asked::Search(search),
        Operation::Extended(_) => Asked::StartTls,
        Operation::Unbind
        | Operation::Compare(_)
        | Operation::Abandon(_)
        | Operation::Write { .. } => Asked::Other,
    };
    Some(Seen { id: request.id, asked, controls: request.controls })
}
