//! The floor of the machine: a server that reads a request and writes a ready answer, and nothing else.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::ber;
use crate::dataset::{Company, EIGHT};
use crate::ldap::{self, Message};

const LISTENER: Token = Token(usize::MAX);

/// Serves for ever.
pub(crate) fn serve(address: SocketAddr) -> Result<(), String> {
    let answers = Answers::new();
    let fail = |error: io::Error| error.to_string();
    let mut poll = Poll::new().map_err(fail)?;
    let mut listener = TcpListener::bind(address).map_err(fail)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).map_err(fail)?;
    let mut events = Events::with_capacity(1024);
    // A place is not used again: a floor serves a few thousand connections.
    let mut peers: Vec<Option<Peer>> = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    let mut out = Vec::new();
    loop {
        poll.poll(&mut events, None).map_err(fail)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let (token, interest) = (Token(peers.len()), Interest::READABLE);
                    stream.set_nodelay(true).map_err(fail)?;
                    poll.registry().register(&mut stream, token, interest).map_err(fail)?;
                    peers.push(Some(Peer { stream, incoming: Vec::new() }));
                }
                continue;
            }
            let Some(place) = peers.get_mut(event.token().0) else { continue };
            let Some(peer) = place else { continue };
            if peer.serve(&answers, &mut chunk, &mut out).is_err() {
                *place = None;
            }
        }
    }
}

struct Answers {
    entry: Vec<u8>,
    done: Vec<u8>,
    bound: Vec<u8>,
}

impl Answers {
    fn new() -> Self {
        let mut values = Company { people: 1 }.attributes(0);
        values.retain(|(name, _)| EIGHT.contains(name));
        Self {
            entry: ldap::entry(&Company::dn(0), &values),
            done: ldap::success(ldap::SEARCH_DONE),
            bound: ldap::success(ldap::BIND_RESPONSE),
        }
    }
}

struct Peer {
    stream: TcpStream,
    incoming: Vec<u8>,
}

impl Peer {
    /// Answers what has arrived.
    ///
    /// # Errors
    /// The connection is over, or its peer reads too slowly for a floor to be measured.
    fn serve(&mut self, answers: &Answers, chunk: &mut [u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self.stream.read(chunk) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.incoming.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        out.clear();
        let mut used = 0;
        while let Some(rest) = self.incoming.get(used..) {
            let length = ber::message_length(rest).map_err(|_| io::ErrorKind::InvalidData)?;
            let Some(octets) = length.and_then(|length| rest.get(..length)) else { break };
            let message = Message::read(octets).map_err(|_| io::ErrorKind::InvalidData)?;
            match message.tag {
                ldap::BIND_REQUEST => ldap::put_message(out, message.id, &answers.bound, &[]),
                ldap::UNBIND_REQUEST => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {
                    ldap::put_message(out, message.id, &answers.entry, &[]);
                    ldap::put_message(out, message.id, &answers.done, &[]);
                }
            }
            used += octets.len();
        }
        self.incoming.drain(..used);
        self.stream.write_all(out)
    }
}
