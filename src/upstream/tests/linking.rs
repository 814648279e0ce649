//! What may have reached the controller, and what cannot have.

use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::password;
use crate::upstream::link::{Link, Unanswered};
use crate::upstream::stream::{CountedStream, Stream};

/// A link and the other end of it.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (ours, listener.accept().await.unwrap().0)
}

async fn bind(stream: TcpStream, name: &[u8]) -> Unanswered {
    let mut link = Link::new(Stream::Plain(CountedStream::new(stream)), 1024);
    let deadline = Instant::now() + Duration::from_millis(100);
    link.bind(name, &password("secret"), &[], deadline).await.unwrap_err()
}

#[tokio::test]
async fn a_request_of_which_the_kernel_took_nothing_was_not_sent() {
    let (ours, _theirs) = pair().await;
    SockRef::from(&ours).shutdown(Shutdown::Write).unwrap();
    assert!(!bind(ours, b"alice").await.sent);
}

#[tokio::test]
async fn a_request_of_which_anything_left_was_sent() {
    let (ours, _theirs) = pair().await;
    assert!(bind(ours, b"alice").await.sent, "all of it");
    let (ours, _theirs) = pair().await;
    assert!(bind(ours, &vec![b'x'; 16 << 20]).await.sent, "a part of it");
}

#[tokio::test]
async fn a_link_is_quiet_until_anything_comes() {
    for goodbye in [false, true] {
        let (ours, theirs) = pair().await;
        let mut link = Link::new(Stream::Plain(CountedStream::new(ours)), 1024);
        assert!(link.is_quiet());
        if goodbye {
            drop(theirs);
            // Without a turn of the runtime: the kernel knows already.
            std::thread::sleep(Duration::from_millis(20));
            assert!(!link.is_quiet());
        } else {
            theirs.writable().await.unwrap();
            theirs.try_write(b"x").unwrap();
            std::thread::sleep(Duration::from_millis(20));
            assert!(!link.is_quiet());
        }
    }
}
