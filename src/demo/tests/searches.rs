//! Filters, scopes, pages and slices.

use super::*;

#[tokio::test]
async fn root_dse() {
    let world = World::company();
    let mut client = plain(&world.dc1).await.unwrap();
    let (entries, _, _) = search(&mut client, "", Scope::Base, "(objectClass=*)", &["*"]).await;
    let dse = entries.first().unwrap();
    let first = |name: &str| dse.attrs.get(name).unwrap().first().unwrap().clone();
    assert_eq!(first("defaultNamingContext"), BASE);
    assert_eq!(first("dnsHostName"), "dc1.corp.example");
    assert_eq!(dse.attrs.get("namingContexts").unwrap().len(), 3);
    let service = first("dsServiceName");
    let time = first("currentTime");
    world.dc1.quirks(|quirks| quirks.clock_offset = -86_400);
    let (entries, _, _) =
        search(&mut client, "", Scope::Base, "(objectClass=*)", &["currentTime"]).await;
    assert!(entries.first().unwrap().attrs.get("currentTime").unwrap().first().unwrap() < &time);
    let mut client = world.client().await;
    let (entries, _, _) =
        search(&mut client, &service, Scope::Base, "(objectClass=*)", &["invocationId"]).await;
    let entry = entries.first().unwrap();
    assert_eq!(entry.attrs.len() + entry.bin_attrs.len(), 1);
    let (entries, _, _) =
        search(&mut client, "", Scope::Base, "(objectClass=*)", &["namingcontexts"]).await;
    assert_eq!(entries.first().unwrap().attrs.keys().collect::<Vec<_>>(), ["namingContexts"]);
}

#[tokio::test]
async fn filters() {
    let world = World::company();
    let mut client = world.client().await;
    for (filter, expected) in [
        ("(sAMAccountName=ALICE)", &["alice"][..]),
        ("(&(objectCategory=person)(objectClass=user)(sn=Müller))", &["müller"]),
        (
            "(&(objectCategory=user)(userAccountControl:1.2.840.113556.1.4.803:=2)(mail=*))",
            &["bob"],
        ),
        ("(&(objectClass=computer)(!(objectCategory=person)))", &["WS01$"]),
        ("(|(cn=Ali*)(cn=*lice*ple)(cn=张伟))", &["alice", "zhang"]),
        ("(memberOf=cn=crm-nested, ou=groups,dc=corp,dc=example)", &["crm-asia", "müller"]),
        ("(member=CN=crm-nested,OU=Groups,DC=corp,DC=example)", &["crm-users"]),
        ("(&(accountExpires>=1)(accountExpires<=132223104000000000))", &["carol"]),
        ("(&(sAMAccountType=805306368)(pwdLastSet=0))", &["erin"]),
        ("(&(objectClass=group)(!(member=*))(sAMAccountName=Domain U*))", &["Domain Users"]),
    ] {
        assert_eq!(accounts_found(&mut client, filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn scopes_bases_and_faults() {
    let world = World::company();
    let mut client = world.client().await;
    let all = "(objectClass=*)";
    let people = format!("OU=People,{BASE}");
    let (entries, references, _) =
        search(&mut client, &people, Scope::OneLevel, all, &["1.1"]).await;
    assert_eq!((entries.len(), references), (2, 0));
    assert!(entries.iter().all(|entry| entry.attrs.is_empty()));
    // The configuration is a naming context of its own.
    let (entries, references, _) = search(&mut client, BASE, Scope::Subtree, all, &["1.1"]).await;
    assert_eq!(references, 3);
    assert!(!entries.iter().any(|entry| entry.dn.contains("CN=Configuration")));
    let partitions = format!("CN=Partitions,CN=Configuration,{BASE}");
    let (entries, _, _) =
        search(&mut client, &partitions, Scope::Subtree, "(nCName=*)", &["nETBIOSName"]).await;
    assert_eq!(entries.first().unwrap().attrs.get("nETBIOSName").unwrap(), &["CORP"]);

    let result =
        client.search("OU=No,OU=People,DC=corp,DC=example", Scope::Base, all, ["cn"]).await;
    let ldap3::SearchResult(_, result) = result.unwrap();
    assert_eq!((result.rc, result.matched.as_str()), (32, people.as_str()));
    assert!(result.text.starts_with("0000208D: NameErr:") && result.text.ends_with('\0'));
    let (_, _, rc) = search(&mut client, "nonsense", Scope::Base, all, &[]).await;
    assert_eq!(rc, 34);
    let ldap3::SearchResult(_, result) = client
        .with_controls(RawControl { ctype: "1.2.3".to_owned(), crit: true, val: None })
        .search(BASE, Scope::Base, all, ["cn"])
        .await
        .unwrap();
    assert_eq!(result.rc, 12);
}

/// MS-ADTS 3.1.1.3.4.6: MaxPageSize bounds a page whatever was asked for, and a search without pages.
#[tokio::test]
async fn pages_and_limits() {
    let world = World::company();
    world.add_users(30);
    world.dc1.quirks(|quirks| (quirks.max_page, quirks.unpaged_limit) = (10, Some(10)));
    let mut client = world.client().await;
    let filter = "(cn=u00*)";
    let (entries, _, rc) = search(&mut client, BASE, Scope::Subtree, filter, &["cn"]).await;
    assert_eq!((entries.len(), rc), (10, 4));
    client.with_search_options(SearchOptions::new().sizelimit(3));
    let (entries, _, rc) = search(&mut client, BASE, Scope::Subtree, filter, &["cn"]).await;
    assert_eq!((entries.len(), rc), (3, 4));

    let adapters: Vec<Box<dyn Adapter<_, _>>> =
        vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(500))];
    let mut pages =
        client.streaming_search_with(adapters, BASE, Scope::Subtree, filter, ["cn"]).await.unwrap();
    let mut names = Vec::new();
    while let Some(entry) = pages.next().await.unwrap() {
        names.push(SearchEntry::construct(entry).dn);
    }
    assert_eq!(pages.finish().await.rc, 0);
    names.dedup();
    assert_eq!(names.len(), 30);
}

/// A cookie is good once and only for its own search.
#[tokio::test]
async fn cookies() {
    let world = World::company();
    world.add_users(3);
    let mut client = world.client().await;
    let page = |client: &mut Ldap, filter: &'static str, cookie: Vec<u8>| {
        let mut client = client.clone();
        async move {
            let ldap3::SearchResult(entries, result) = client
                .with_controls(Page { size: 2, cookie }.critical())
                .search(BASE, Scope::Subtree, filter, ["cn"])
                .await
                .unwrap();
            let cookie = result.ctrls.first().map(|c| c.1.parse::<Page>().cookie);
            (entries.len(), result.rc, cookie)
        }
    };
    world.dc1.quirks(|quirks| quirks.max_page = 1);
    assert_eq!(page(&mut client, "(cn=u000*)", Vec::new()).await.0, 1);
    world.dc1.quirks(|quirks| quirks.max_page = 1000);
    let (count, rc, cookie) = page(&mut client, "(cn=u000*)", Vec::new()).await;
    let cookie = cookie.unwrap();
    assert_eq!((count, rc, cookie.is_empty()), (2, 0, false));
    let (count, rc, end) = page(&mut client, "(cn=u000*)", cookie.clone()).await;
    assert_eq!((count, rc, end), (1, 0, Some(Vec::new())));
    assert_eq!(page(&mut client, "(cn=u000*)", cookie).await.1, 12);
    let (_, _, cookie) = page(&mut client, "(cn=u000*)", Vec::new()).await;
    assert_eq!(page(&mut client, "(cn=u00*)", cookie.unwrap()).await.1, 12);
}

/// MS-ADTS 3.1.1.3.1.3.3.
#[tokio::test]
async fn large_groups_come_in_slices() {
    let world = World::company();
    world.add_users(25);
    let members: Vec<String> =
        (0..25).map(|n| format!("CN=u{n:04},OU=Sales,OU=People,{BASE}")).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    world.directory.with(|directory| directory.set(CRM_USERS, "member", &members)).unwrap();
    world.dc1.quirks(|quirks| quirks.value_range = Some(10));
    let mut client = world.client().await;
    let mut sizes = Vec::new();
    for asked in ["member", "member;range=10-*", "member;range=20-*"] {
        let (entries, _, _) =
            search(&mut client, CRM_USERS, Scope::Base, "(objectClass=*)", &[asked]).await;
        let mut slices: Vec<(String, usize)> =
            entries.into_iter().flat_map(|e| e.attrs).map(|(name, v)| (name, v.len())).collect();
        slices.sort();
        sizes.extend(slices);
    }
    let expected = [
        ("member", 0),
        ("member;range=0-9", 10),
        ("member;range=10-19", 10),
        ("member;range=20-*", 5),
    ];
    let sizes: Vec<(&str, usize)> =
        sizes.iter().map(|(name, size)| (name.as_str(), *size)).collect();
    assert_eq!(sizes, expected);
}

/// An empty list means all attributes, memberOf with them, but nothing computed.
#[tokio::test]
async fn all_attributes() {
    let world = World::company();
    let mut client = world.client().await;
    let alice = world.directory.with(|directory| dn_in(directory, "alice"));
    for attributes in [&[][..], &["*"], &["mail", "*"]] {
        let (entries, _, _) =
            search(&mut client, &alice, Scope::Base, "(objectClass=*)", attributes).await;
        let entry = entries.first().unwrap();
        assert_eq!(entry.attrs.get("memberOf").unwrap(), &[CRM_USERS]);
        assert_eq!(entry.attrs.get("userAccountControl").unwrap(), &["512"]);
        assert!(!entry.attrs.contains_key("canonicalName"));
        assert!(!entry.attrs.contains_key("demoPassword"));
    }
    let (entries, _, _) = search(
        &mut client,
        &alice,
        Scope::Base,
        "(objectClass=*)",
        &["SAMACCOUNTNAME", "canonicalname", "nothing"],
    )
    .await;
    let mut names: Vec<&String> = entries.first().unwrap().attrs.keys().collect();
    names.sort();
    assert_eq!(names, ["canonicalName", "sAMAccountName"]);
}
