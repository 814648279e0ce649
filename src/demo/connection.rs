//! `[io]` One connection: octets to requests, answers to octets, and what a fault does instead.

use std::io;
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use ldap3_proto::LdapCodec;
use ldap3_proto::proto::LdapMsg;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::codec::{Decoder, Encoder, Framed};

use super::controller::Inner;
use super::conversation::{Conversation, Facts, Step};
use super::faults;
use super::quirks::Quirks;
use super::view::Replica;
use super::wire::{
    GARBAGE, Outgoing, complete_length, notice_of_disconnection, widen, with_identities_as_text,
};

/// A handshake that takes longer is given up, so that a silent client cannot hold a task for ever.
const HANDSHAKE: std::time::Duration = std::time::Duration::from_secs(10);

/// Largest request read. Passwords and filters of test clients are far smaller.
const MAX_REQUEST: usize = 1024 * 1024;
/// Answers requests until the client leaves or a fault ends it.
pub(super) async fn serve(
    inner: Arc<Inner>,
    stream: TcpStream,
    implicit_tls: bool,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut conversation = Conversation::default();
    let mut facts = inner.facts.clone();
    if !implicit_tls {
        let mut plain = Framed::new(stream, Wire::new());
        match converse(&inner, &mut plain, &mut conversation, &facts).await? {
            After::Close => return Ok(()),
            // Octets pipelined behind the request are dropped with the frame (RFC 4511 §4.14.1).
            After::BeginTls => {
                return secure(&inner, plain.into_inner(), conversation, facts).await;
            }
        }
    }
    facts.tls = true;
    secure(&inner, stream, conversation, facts).await
}

async fn secure(
    inner: &Inner,
    stream: TcpStream,
    mut conversation: Conversation,
    mut facts: Facts,
) -> io::Result<()> {
    facts.tls = true;
    inner.until_not_hung().await;
    let stream = timeout(HANDSHAKE, inner.tls.accept(stream)).await??;
    let mut framed = Framed::new(stream, Wire::new());
    converse(inner, &mut framed, &mut conversation, &facts).await?;
    Ok(())
}

/// How a conversation ended.
enum After {
    Close,
    BeginTls,
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    inner: &Inner,
    framed: &mut Framed<S, Wire>,
    conversation: &mut Conversation,
    facts: &Facts,
) -> io::Result<After> {
    let mut changes = inner.directory.changes();
    loop {
        let step = tokio::select! {
            message = framed.next() => match message {
                Some(message) => respond(inner, framed, conversation, message?, facts).await,
                None => return Ok(After::Close),
            },
            Ok(()) = changes.changed(), if conversation.is_listening() => {
                inner.until_not_hung().await;
                let tell = |replica: &mut Replica<'_>| conversation.changes(replica);
                Step::Answer(inner.with_replica(facts, &inner.quirks(), tell))
            }
        };
        inner.until_not_hung().await;
        match step {
            Step::Answer(answers) => send(framed, answers).await?,
            Step::AnswerAndClose(answers) => {
                send(framed, answers).await?;
                return Ok(After::Close);
            }
            Step::AnswerAndStop(answers) => {
                send(framed, answers).await?;
                // Until the client has had enough.
                while framed.next().await.is_some_and(|message| message.is_ok()) {}
                return Ok(After::Close);
            }
            Step::BeginTls(answer) => {
                send(framed, vec![answer]).await?;
                return Ok(After::BeginTls);
            }
        }
        if conversation.is_between_pages() {
            inner.happen_between_pages();
        }
    }
}

async fn respond<S: AsyncRead + AsyncWrite + Unpin>(
    inner: &Inner,
    framed: &mut Framed<S, Wire>,
    conversation: &mut Conversation,
    message: LdapMsg,
    facts: &Facts,
) -> Step {
    inner.until_not_hung().await;
    let quirks = inner.quirks();
    framed.codec_mut().four_byte_lengths = quirks.four_byte_lengths;
    let step =
        fault(&quirks).unwrap_or_else(|| answer(inner, conversation, message, facts, &quirks));
    if !quirks.answer_delay.is_zero() {
        sleep(quirks.answer_delay).await;
    }
    step
}

fn answer(
    inner: &Inner,
    conversation: &mut Conversation,
    message: LdapMsg,
    facts: &Facts,
    quirks: &Quirks,
) -> Step {
    let message_id = message.msgid;
    let fault = if faults::concerns(&message) { inner.next_fault() } else { None };
    let step = inner.with_replica(facts, quirks, |replica| conversation.handle(message, replica));
    let Some(fault) = fault else { return step };
    // A search that a fault ends does not go on later.
    conversation.abandon(message_id);
    fault.spoil(message_id, step)
}

/// What is done instead of answering.
fn fault(quirks: &Quirks) -> Option<Step> {
    if quirks.close_after_request {
        Some(Step::AnswerAndClose(Vec::new()))
    } else if quirks.garbage_answer {
        Some(Step::Answer(vec![Outgoing::Octets(GARBAGE.to_vec())]))
    } else if quirks.notice_of_disconnection {
        let notice = notice_of_disconnection(52, &quirks.diagnostic("the controller goes down"));
        Some(Step::AnswerAndClose(vec![Outgoing::Octets(notice)]))
    } else {
        None
    }
}

async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    framed: &mut Framed<S, Wire>,
    answers: Vec<Outgoing>,
) -> io::Result<()> {
    for answer in answers {
        framed.feed(answer).await?;
    }
    framed.flush().await
}

/// Requests through the codec, answers as [`Outgoing`].
struct Wire {
    codec: LdapCodec,
    /// Constructed lengths in the five-octet form.
    four_byte_lengths: bool,
}

impl Wire {
    fn new() -> Self {
        let codec = LdapCodec::new(Some(MAX_REQUEST), None);
        Self { codec, four_byte_lengths: false }
    }
}

impl Decoder for Wire {
    type Item = LdapMsg;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<LdapMsg>> {
        let Some(length) = complete_length(buffer) else { return self.codec.decode(buffer) };
        let mut message = buffer.split_to(length);
        if let Some(text) = with_identities_as_text(&message) {
            message = BytesMut::from(text.as_slice());
        }
        self.codec.decode(&mut message)
    }
}

impl Encoder<Outgoing> for Wire {
    type Error = io::Error;

    fn encode(&mut self, outgoing: Outgoing, buffer: &mut BytesMut) -> io::Result<()> {
        match outgoing {
            Outgoing::Octets(octets) => buffer.put_slice(&octets),
            Outgoing::Message(message) if self.four_byte_lengths => {
                let mut plain = BytesMut::new();
                self.codec.encode(message, &mut plain)?;
                let widened = widen(&plain)
                    .ok_or_else(|| io::Error::other("the codec wrote what is not BER"))?;
                buffer.put_slice(&widened);
            }
            Outgoing::Message(message) => self.codec.encode(message, buffer)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{bind_response, search_done};
    use super::*;
    use ldap3_proto::proto::{LdapBindResponse, LdapFilter, LdapOp, LdapResult, LdapResultCode};

    fn decoded(octets: &[u8]) -> LdapMsg {
        Wire::new().decode(&mut BytesMut::from(octets)).unwrap().unwrap()
    }

    #[test]
    fn handmade_answers_are_what_the_codec_reads() {
        let expected = |code, text: &str| LdapMsg {
            msgid: 300,
            op: LdapOp::BindResponse(LdapBindResponse {
                res: LdapResult {
                    code,
                    matcheddn: String::new(),
                    message: text.to_owned(),
                    referral: Vec::new(),
                },
                saslcreds: None,
            }),
            ctrl: Vec::new(),
        };
        let long = "x".repeat(300);
        assert_eq!(decoded(&bind_response(300, 51, &long)), expected(LdapResultCode::Busy, &long));
        assert_eq!(
            decoded(&bind_response(300, 4096, "")),
            expected(LdapResultCode::EsyncRefreshRequired, "")
        );
        assert!(matches!(decoded(&search_done(1, 0, "")).op, LdapOp::SearchResultDone(_)));
        // X.690 §8.3: 200 needs a leading zero octet to stay positive.
        assert_eq!(search_done(200, 0, "").get(2..6), Some(&[2, 2, 0, 200][..]));
        let notice = decoded(&notice_of_disconnection(52, "going down"));
        assert_eq!(notice.msgid, 0);
        assert!(matches!(notice.op, LdapOp::ExtendedResponse(_)));
    }

    /// Requests arrive in any pieces, and what is behind one stays for the next.
    #[test]
    fn identities_arrive_as_digits() {
        let guid = [0xff_u8; 16];
        let assertion = |name: &[u8]| {
            let mut octets = vec![0xa3, 20 + u8::try_from(name.len()).unwrap(), 4];
            octets.push(u8::try_from(name.len()).unwrap());
            octets.extend(name);
            octets.extend([4, 16]);
            octets.extend(guid);
            octets
        };
        let request = |name: &[u8]| {
            let mut search = vec![4, 0, 10, 1, 2, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0];
            search.extend(assertion(name));
            search.extend([0x30, 0]);
            let mut message = vec![2, 1, 5, 0x63, u8::try_from(search.len()).unwrap()];
            message.extend(search);
            let mut octets = vec![0x30, u8::try_from(message.len()).unwrap()];
            octets.extend(message);
            octets
        };
        let sent = request(b"objectguid");
        let mut wire = Wire::new();
        let mut buffer = BytesMut::new();
        for octet in &sent[..sent.len() - 1] {
            buffer.put_u8(*octet);
            assert_eq!(wire.decode(&mut buffer).unwrap(), None);
        }
        buffer.put_u8(*sent.last().unwrap());
        buffer.put_slice(b"0");
        let LdapOp::SearchRequest(search) = wire.decode(&mut buffer).unwrap().unwrap().op else {
            panic!("not a search");
        };
        let LdapFilter::Equality(_, value) = search.filter else { panic!("{:?}", search.filter) };
        assert_eq!((value, &buffer[..]), ("ff".repeat(16), &b"0"[..]));
        assert!(wire.decode(&mut BytesMut::from(&request(b"objectSid")[..])).is_err());
        let nested = |levels| {
            (0..levels).fold(Vec::new(), |inner: Vec<u8>, _| {
                let [high, low] = u16::try_from(inner.len()).unwrap().to_be_bytes();
                [&[0x30, 0x82, high, low], &inner[..]].concat()
            })
        };
        assert!(with_identities_as_text(&nested(60)).is_some());
        assert_eq!(with_identities_as_text(&nested(10_000)), None, "and no deep recursion");
    }

    #[test]
    fn widened_octets_mean_the_same() {
        let plain = bind_response(7, 49, "no");
        let wide = widen(&plain).unwrap();
        assert_eq!(wide.get(..6).unwrap(), [0x30, 0x84, 0, 0, 0, 18]);
        assert_eq!(decoded(&wide), decoded(&plain));
        assert_eq!(widen(&[0x30, 5, 1]), None);
    }
}
