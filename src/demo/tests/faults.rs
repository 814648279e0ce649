//! Faults of single searches.

use ldap3::LdapError;

use super::follow::bound;
use super::*;

const USERS: &str = "(sAMAccountName=u0*)";

fn arm(world: &World, skip: usize, after: usize, ending: Ending) {
    world.dc1.quirks(|quirks| quirks.search_faults.push(SearchFault { skip, after, ending }));
}

/// Reads all pages: how many entries came, and how it ended.
async fn read(client: &mut Ldap) -> (usize, Result<u32, LdapError>) {
    let adapters: Vec<Box<dyn Adapter<_, _>>> =
        vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(10))];
    let mut pages = client
        .with_timeout(Duration::from_millis(300))
        .streaming_search_with(adapters, BASE, Scope::Subtree, USERS, ["cn"])
        .await
        .unwrap();
    let mut count = 0;
    loop {
        match pages.next().await {
            Ok(Some(_)) => count += 1,
            Ok(None) => return (count, Ok(pages.finish().await.rc)),
            Err(error) => return (count, Err(error)),
        }
    }
}

#[tokio::test]
async fn each_happens_once_where_it_was_put() {
    let world = World::company();
    world.add_users(25);
    for (skip, after, entries) in [(0, 0, 0), (0, 7, 7), (1, 3, 13), (2, 99, 25)] {
        arm(&world, skip, after, Ending::Cut);
        let (count, end) = read(&mut world.client().await).await;
        assert_eq!((count, end.is_err()), (entries, true), "{skip} {after}");
        arm(&world, skip, after, Ending::Stop);
        let mut client = world.client().await;
        let (count, end) = read(&mut client).await;
        assert!(matches!(end, Err(LdapError::Timeout { .. })), "{end:?}");
        assert_eq!(count, entries);
        // Not only the search: nothing is answered any more.
        assert!(client.with_timeout(Duration::from_millis(50)).extended(WhoAmI).await.is_err());
        for code in [3, 4, 11, 51, 52, 80] {
            arm(&world, skip, after, Ending::Code(code, "fault".to_owned()));
            let (count, end) = read(&mut world.client().await).await;
            assert_eq!((count, end.unwrap()), (entries, code));
        }
        let (count, end) = read(&mut world.client().await).await;
        assert_eq!((count, end.unwrap()), (25, 0));
    }
    arm(&world, 1, 0, Ending::Empty);
    let (count, end) = read(&mut world.client().await).await;
    assert_eq!((count, end.unwrap()), (10, 0));
    assert!(world.dc1.quirks(|quirks| quirks.search_faults.is_empty()));
}

/// A change between two pages: what is renamed comes under its new name, what is deleted does not come.
#[tokio::test]
async fn changes_between_pages() {
    let world = World::company();
    world.add_users(25);
    let mut times = 0;
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    world.dc1.between_pages(move |directory| {
        times += 1;
        told.send(times).unwrap();
        if times == 1 {
            directory.set_rdn(&dn_in(directory, "u0024"), "CN=a0024").unwrap();
            directory.remove(&dn_in(directory, "u0023")).unwrap();
        }
    });
    let mut client = bound(&world.dc1).await;
    let adapters: Vec<Box<dyn Adapter<_, _>>> =
        vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(10))];
    let mut pages =
        client.streaming_search_with(adapters, BASE, Scope::Subtree, USERS, ["cn"]).await.unwrap();
    let mut names = Vec::new();
    while let Some(entry) = pages.next().await.unwrap() {
        names.push(SearchEntry::construct(entry).dn);
    }
    assert_eq!(names.len(), 24);
    assert_eq!(names.last(), Some(&format!("CN=a0024,OU=Sales,OU=People,{BASE}")));
    assert_eq!((heard.try_recv(), heard.try_recv()), (Ok(1), Ok(2)));
    world.dc1.quiet_between_pages();
    read(&mut client).await.1.unwrap();
    assert!(heard.try_recv().is_err());
}
