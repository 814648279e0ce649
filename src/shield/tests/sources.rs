//! Floods of wrong passwords from one place.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::super::sources::{Source, SourceLimits, Sources};
use super::clock;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn an_application_and_an_address_have_bounds_of_their_own() {
    let at = clock();
    let window = Duration::from_secs(10);
    let sources = Sources::new(SourceLimits { application: 5, client: 2, window });
    let (crm, mail): (Arc<str>, Arc<str>) = ("crm".into(), "mail".into());
    let admit = |name: &Arc<str>, client: &str, moment| {
        sources.admit(name, address(client), at(moment)).err()
    };
    for _ in 0..2 {
        assert_eq!(admit(&crm, "10.0.0.1", 0), None);
        sources.charge(&crm, address("10.0.0.1"), at(0));
    }
    assert_eq!(admit(&crm, "10.0.0.1", 1), Some(Source::Client));
    assert_eq!(admit(&mail, "::ffff:10.0.0.1", 1), Some(Source::Client), "the same address");
    assert_eq!(admit(&crm, "10.0.0.2", 1), None);
    for number in 3..6 {
        sources.charge(&crm, address(&format!("10.0.0.{number}")), at(2));
    }
    assert_eq!(admit(&crm, "10.0.0.9", 3), Some(Source::Application));
    assert_eq!(admit(&mail, "10.0.0.9", 3), None);
    assert_eq!(sources.refused(), (1, 2));
    assert_eq!(admit(&crm, "10.0.0.1", 10_000), None, "the window is over");
}

/// Whoever has an address of IPv6 has its whole network.
#[test]
fn an_ipv6_network_is_one_client() {
    let at = clock();
    let limits = SourceLimits { client: 1, ..SourceLimits::default() };
    let sources = Sources::new(limits);
    let crm: Arc<str> = "crm".into();
    sources.charge(&crm, address("2001:db8:1:2::1"), at(0));
    let admit = |client: &str| sources.admit(&crm, address(client), at(1)).err();
    assert_eq!(admit("2001:db8:1:2:ffff::7"), Some(Source::Client));
    assert_eq!(admit("2001:db8:1:3::1"), None);
}

#[test]
fn zero_is_without_a_bound() {
    let at = clock();
    let limits = SourceLimits { application: 0, client: 0, ..SourceLimits::default() };
    let sources = Sources::new(limits);
    let crm: Arc<str> = "crm".into();
    for _ in 0..10_000 {
        sources.charge(&crm, address("10.0.0.1"), at(0));
    }
    assert_eq!(sources.admit(&crm, address("10.0.0.1"), at(0)), Ok(()));
}
