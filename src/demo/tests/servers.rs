//! Transport, death, and scripted faults.

use super::*;

#[tokio::test]
async fn start_tls_and_ldaps() {
    let world = World::company();
    let settings = || LdapConnSettings::new().set_config(world.trust());
    let ldap = format!("ldap://localhost:{}", world.dc1.ldap_address().port());
    let ldaps = format!("ldaps://localhost:{}", world.dc1.ldaps_address().port());
    world.dc1.quirks(|quirks| quirks.strong_auth_required = true);
    for (settings, url) in [(settings().set_starttls(true), &ldap), (settings(), &ldaps)] {
        let mut client = connect(settings, url).await.unwrap();
        assert_eq!(bind(&mut client, "CORP\\alice", "Alice-Pass-1").await.0, 0, "{url}");
        let who = client.extended(WhoAmI).await.unwrap().0.val.unwrap();
        assert_eq!(who, b"u:CORP\\alice");
    }
    assert_eq!(bind(&mut plain(&world.dc1).await.unwrap(), "CORP\\alice", "x").await.0, 8);
    let other = World::company();
    let mistrusting = LdapConnSettings::new().set_config(other.trust());
    assert!(connect(mistrusting, &ldaps).await.is_err());
    world.dc1.quirks(|quirks| quirks.start_tls = false);
    assert!(connect(settings().set_starttls(true), &ldap).await.is_err());
}

#[tokio::test]
async fn an_expired_certificate() {
    let world = World::company();
    let mut options = Options::new("dc3", &world.directory, &world.authority, LOOPBACK);
    options.certificate_expired = true;
    let dc3 = Controller::start(SocketAddr::new(LOOPBACK, 0), &world.directory, options).unwrap();
    let settings = LdapConnSettings::new().set_config(world.trust());
    let url = format!("ldaps://localhost:{}", dc3.ldaps_address().port());
    let error = connect(settings, &url).await.err().unwrap().to_string();
    assert!(error.to_lowercase().contains("expired"), "{error}");
}

#[tokio::test]
async fn killed_and_revived() {
    let world = World::company();
    let mut client = world.client().await;
    let address = world.dc1.ldap_address();
    world.dc1.kill().await.unwrap();
    assert!(world.dc1.is_killed());
    assert!(client.extended(WhoAmI).await.is_err());
    for port in [address, world.dc1.ldaps_address()] {
        let refused = tokio::net::TcpStream::connect(port).await.err().unwrap();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
    for _ in 0..3 {
        world.dc1.revive().unwrap();
        assert_eq!(world.dc1.ldap_address(), address);
        assert_eq!(bind(&mut world.client().await, "CORP\\alice", "Alice-Pass-1").await.0, 0);
        world.dc1.kill().await.unwrap();
    }
    world.dc1.kill().await.unwrap();
    world.dc1.revive().unwrap();
    world.dc1.revive().unwrap();
    world.client().await;
}

#[tokio::test]
async fn hangs_and_resumes() {
    let world = World::company();
    let mut client = world.client().await;
    world.dc1.hang();
    let before = world.directory.with(|directory| directory.binds().len());
    let mut late = plain(&world.dc1).await.unwrap();
    let wait = Duration::from_millis(100);
    assert!(client.with_timeout(wait).extended(WhoAmI).await.is_err());
    let waiting =
        tokio::spawn(async move { bind(&mut late, "CORP\\alice", "Alice-Pass-1").await.0 });
    tokio::time::sleep(wait).await;
    assert!(!waiting.is_finished());
    assert_eq!(world.directory.with(|directory| directory.binds().len()), before);
    world.dc1.resume();
    assert_eq!(waiting.await.unwrap(), 0);
}

#[tokio::test]
async fn scripted_answers_and_faults() {
    let world = World::company();
    let mut client = plain(&world.dc1).await.unwrap();
    for code in [1, 8, 51, 52, 94, 4096] {
        world.dc1.quirks(|quirks| quirks.bind_answer = Some((code, "scripted".to_owned())));
        let answer = bind(&mut client, "CORP\\alice", "Alice-Pass-1").await;
        assert_eq!(answer, (code, "scripted".to_owned()));
    }
    let last = world.directory.with(|directory| directory.binds().last().unwrap().clone());
    assert_eq!((last.account.as_deref(), last.outcome), (Some("alice"), Outcome::Code(4096)));

    world.dc1.quirks(|quirks| {
        quirks.bind_answer = None;
        quirks.answer_delay = Duration::from_millis(120);
        quirks.four_byte_lengths = true;
    });
    let begun = now();
    assert_eq!(bind(&mut client, "CORP\\alice", "Alice-Pass-1").await.0, 0);
    assert!(now() - begun >= Duration::from_millis(120));
    world.dc1.quirks(|quirks| quirks.answer_delay = Duration::ZERO);
    let (entries, _, rc) =
        search(&mut client, CRM_USERS, Scope::Base, "(objectClass=*)", &["member"]).await;
    assert_eq!((entries.first().unwrap().attrs.get("member").unwrap().len(), rc), (11, 0));

    world.dc1.quirks(|quirks| quirks.search_answer = Some((51, "busy".to_owned())));
    let (entries, _, rc) = search(&mut client, BASE, Scope::Subtree, "(mail=*)", &["cn"]).await;
    assert_eq!((entries.len(), rc), (13, 51));
}

#[tokio::test]
async fn faults_that_end_the_connection() {
    let world = World::company();
    for fault in [(|quirks| quirks.close_after_request = true) as fn(&mut Quirks), |quirks| {
        quirks.notice_of_disconnection = true
    }] {
        world.dc1.quirks(|quirks| *quirks = Quirks::default());
        let mut client = plain(&world.dc1).await.unwrap();
        world.dc1.quirks(fault);
        assert!(client.simple_bind("CORP\\alice", "Alice-Pass-1").await.is_err());
    }
    assert_eq!(world.directory.with(|directory| directory.binds().len()), 0);
    world.dc1.quirks(|quirks| *quirks = Quirks::default());
    let mut client = world.client().await;
    world.dc1.quirks(|quirks| quirks.cut_search_after = Some(2));
    let mut stream =
        client.streaming_search(BASE, Scope::Subtree, "(mail=*)", ["cn"]).await.unwrap();
    assert!(stream.next().await.unwrap().is_some());
    assert!(stream.next().await.unwrap().is_some());
    assert!(stream.next().await.is_err());
}

/// Octets that are no LDAP, read by hand since clients may not survive them.
#[tokio::test]
async fn garbage() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = World::company();
    world.dc1.quirks(|quirks| quirks.garbage_answer = true);
    let mut stream = tokio::net::TcpStream::connect(world.dc1.ldap_address()).await.unwrap();
    stream.write_all(&[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]).await.unwrap();
    let mut octets = [0; 16];
    stream.read_exact(&mut octets).await.unwrap();
    assert_eq!(octets, wire::GARBAGE);
    world.dc1.quirks(|quirks| *quirks = Quirks { four_byte_lengths: true, ..Quirks::default() });
    let read = [0x30, 27, 2, 1, 2, 0x63, 22, 4, 0, 10, 1, 0, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1];
    stream.write_all(&read).await.unwrap();
    stream.write_all(&[1, 0, 0x87, 1, b'x', 0x30, 0]).await.unwrap();
    stream.read_exact(&mut octets).await.unwrap();
    let [sequence, form, ..] = octets;
    assert_eq!((sequence, form), (0x30, 0x84));
}
