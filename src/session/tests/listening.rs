//! What has come in: messages are the same however the stream is cut, and nothing is left behind.

use proptest::prelude::*;

use crate::ldap::ber::{Writer, tag};
use crate::session::inbox::Inbox;

/// A message with `content` as what an operation would be.
fn message(content: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.element(tag::SEQUENCE, content);
    writer.into_octets()
}

/// Puts as much as there is room for; gives how much that was.
fn put(inbox: &mut Inbox, octets: &[u8], limit: usize) -> usize {
    let room = inbox.room(limit);
    let count = octets.len().min(room.len());
    assert!(count > 0 || octets.is_empty(), "no room");
    room[..count].copy_from_slice(&octets[..count]);
    inbox.filled(count);
    count
}

fn take_all(inbox: &mut Inbox, limit: usize, taken: &mut Vec<Vec<u8>>) {
    while let Some(length) = inbox.message_length(limit).unwrap() {
        taken.push(inbox.take(length, <[u8]>::to_vec));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// RFC 4511 §5.2: a stream has no borders but those of its messages.
    #[test]
    fn any_fragments_give_the_same_messages(
        sizes in proptest::collection::vec(prop_oneof![8 => 0..300_usize, 1 => 0..40_000_usize], 1..40),
        cuts in proptest::collection::vec(prop_oneof![4 => 1..80_usize, 1 => 1..20_000_usize], 1..40),
    ) {
        let limit = 64 * 1024;
        let messages: Vec<Vec<u8>> =
            (1..).zip(&sizes).map(|(fill, size)| message(&vec![fill; *size])).collect();
        let stream = messages.concat();
        let (mut inbox, mut taken) = (Inbox::default(), Vec::new());
        let (mut rest, mut cuts) = (stream.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let cut = rest.len().min(*cuts.next().unwrap());
            rest = &rest[put(&mut inbox, &rest[..cut], limit)..];
            take_all(&mut inbox, limit, &mut taken);
            let kept = rest.len() + taken.concat().len();
            let inside = stream.len() - kept;
            prop_assert_eq!(inbox.held().iter().filter(|octet| **octet != 0).count() <= inside, true);
        }
        prop_assert!(inbox.is_empty());
        prop_assert!(inbox.held().iter().all(|octet| *octet == 0));
        prop_assert_eq!(taken, messages);
    }
}

/// Octets that have been read are gone, also where others follow and where they have moved.
#[test]
fn what_was_read_is_overwritten() {
    let secret = message(&[b'S'; 1500]);
    let other = message(&[b'o'; 1500]);
    let holds_secret = |inbox: &Inbox| inbox.held().contains(&b'S');
    let mut inbox = Inbox::default();
    put(&mut inbox, &secret, 4096);
    put(&mut inbox, &other, 4096);
    let length = inbox.message_length(4096).unwrap().unwrap();
    assert!(inbox.take(length, |octets| octets.contains(&b'S')));
    assert!(!holds_secret(&inbox));
    // What waits moves to the front: its former place holds nothing of it.
    put(&mut inbox, &secret[..700], 4096);
    let length = inbox.message_length(4096).unwrap().unwrap();
    inbox.take(length, |octets| assert!(octets.contains(&b'o')));
    put(&mut inbox, &secret[700..], 4096);
    let count = inbox.held().iter().filter(|octet| **octet == b'S').count();
    assert_eq!(count, 1500);
    let length = inbox.message_length(4096).unwrap().unwrap();
    inbox.take(length, |_| ());
    assert!(inbox.held().iter().all(|octet| *octet == 0));
}

/// The buffer grows with what has come, to the limit and no further, and shrinks when it is empty.
#[test]
fn room_is_bounded() {
    let limit = 300_000;
    let largest = message(&vec![1; limit - 10]);
    assert!(largest.len() <= limit);
    let mut inbox = Inbox::default();
    put(&mut inbox, &largest[..5], limit);
    assert_eq!(inbox.held().len(), 4096, "a header alone takes no room");
    let mut rest = &largest[5..];
    while !rest.is_empty() {
        rest = &rest[put(&mut inbox, rest, limit)..];
    }
    assert!(inbox.held().len() <= limit);
    let length = inbox.message_length(limit).unwrap().unwrap();
    inbox.take(length, |_| ());
    inbox.room(limit);
    assert_eq!(inbox.held().len(), 4096);
}

/// A stream of small messages is read with large reads, whatever is left of the last one.
#[test]
fn leftovers_do_not_narrow_the_room() {
    let (mut inbox, message) = (Inbox::default(), message(&[7; 90]));
    let stream = message.repeat(1000);
    let (mut rest, mut reads, mut taken) = (stream.as_slice(), 0, Vec::new());
    while !rest.is_empty() {
        rest = &rest[put(&mut inbox, rest, 65536)..];
        reads += 1;
        take_all(&mut inbox, 65536, &mut taken);
    }
    assert_eq!(taken.len(), 1000);
    assert!(reads <= stream.len() / 4000 + 1, "{reads} reads");
}
