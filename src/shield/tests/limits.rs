//! From a directory's policy to a budget.

use std::time::Duration;

use super::super::limit::{LONGEST_WINDOW, LockoutPolicy, ShieldConfig};
use super::super::policy::{FineGrained, of_account, of_domain};
use super::view;
use crate::policy::tests::{CORP, group, in_groups, set};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn auto(threshold: u32, window: u64) -> Option<(u32, Duration)> {
    let policy = LockoutPolicy { threshold, window: seconds(window) };
    let limit = ShieldConfig::default().limit(Some(policy));
    limit.map(|limit| (limit.failures.get(), limit.window))
}

#[test]
fn half_the_threshold_is_left_to_others() {
    for (threshold, failures) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (10, 5), (50, 25)] {
        assert_eq!(auto(threshold, 600), Some((failures, seconds(661))), "{threshold}");
        assert!(threshold == 1 || failures < threshold);
    }
    assert_eq!(auto(0, 600), None, "nobody is locked there");
    assert_eq!(auto(5, 0), Some((3, seconds(1800))));
    let longest = u64::from(u32::MAX);
    assert_eq!(auto(5, longest), Some((3, LONGEST_WINDOW)));
}

#[test]
fn what_is_configured_counts_before_what_is_read() {
    let policy = Some(LockoutPolicy { threshold: 5, window: seconds(10) });
    let config = |failures, window| ShieldConfig { failures, window, ..ShieldConfig::default() };
    let of = |config: ShieldConfig, policy| {
        config.limit(policy).map(|limit| (limit.failures.get(), limit.window))
    };
    assert_eq!(of(config(Some(2), None), policy), Some((2, seconds(12))));
    assert_eq!(of(config(Some(0), None), policy), None);
    assert_eq!(of(config(None, Some(seconds(3))), policy), Some((3, seconds(3))));
    assert_eq!(of(config(None, None), None), Some((5, seconds(1800))), "nothing can be read");
    let off = ShieldConfig { fallback_failures: 0, ..ShieldConfig::default() };
    assert_eq!(of(off, None), None);
}

/// MS-ADTS §6.1.1.4.11.1: durations are negative, in steps of 100 nanoseconds.
#[test]
fn the_domain_says_it_at_its_head() {
    let with = |threshold: &'static str, window: &'static str| {
        view(1, |entry| {
            if entry.dn == CORP {
                set(entry, "lockoutThreshold", &[threshold]);
                set(entry, "lockOutObservationWindow", &[window]);
            }
        })
    };
    let policy = of_domain(&with("5", "-100000000"));
    assert_eq!(policy, Some(LockoutPolicy { threshold: 5, window: seconds(10) }));
    let forever = of_domain(&with("3", "-9223372036854775808")).unwrap();
    assert_eq!(forever.window, LONGEST_WINDOW);
    assert_eq!(of_domain(&with("", "")), None, "not readable");
}

fn settings(number: u8, precedence: &str, threshold: &str, applies_to: &[&str]) -> FineGrained {
    let mut entry = group(number, &format!("pso{number}"), &[]);
    set(&mut entry, "msDS-PasswordSettingsPrecedence", &[precedence]);
    set(&mut entry, "msDS-LockoutThreshold", &[threshold]);
    set(&mut entry, "msDS-LockoutObservationWindow", &["-300000000"]);
    set(&mut entry, "msDS-PSOAppliesTo", applies_to);
    FineGrained::read(&entry).unwrap()
}

/// MS-ADTS §3.1.1.4.5.36: what names the account goes before what names a group, then the precedence decides.
#[test]
fn the_fine_grained_policy_that_results() {
    let view = view(1, |entry| {
        // A domain-local group hands no policy on.
        if entry.dn.starts_with("CN=crm-loop") {
            set(entry, "groupType", &["-2147483644"]);
        }
    });
    let find = |name: &str| view.users_with("sAMAccountName", name).remove(0);
    let threshold = |user: &str, policies: &[FineGrained]| {
        of_account(find(user), policies).map(|policy| policy.threshold)
    };
    let alice = find("alice").dn().to_lowercase();
    let users = in_groups("crm");
    let by_group = [settings(101, "20", "3", &[&users]), settings(102, "10", "4", &[&users])];
    assert_eq!(threshold("alice", &by_group), Some(4));
    assert_eq!(threshold("bob", &by_group), Some(4), "by a group in the group");
    let local = [settings(101, "1", "3", &[&in_groups("crm-loop")])];
    assert_eq!(threshold("bob", &local), None);
    let direct = [settings(101, "1", "3", &[&users]), settings(102, "99", "7", &[&alice])];
    assert_eq!(threshold("alice", &direct), Some(7));
    assert_eq!(threshold("alice", &[]), None);
    let elsewhere = [settings(101, "1", "3", &["CN=nobody,DC=corp,DC=example"])];
    assert_eq!(threshold("alice", &elsewhere), None);
    assert_eq!(FineGrained::read(&group(103, "incomplete", &[])), None);
}
