//! Whether a controller's root DSE is that of a controller we can use.

use std::time::{Duration, SystemTime};

use super::health::Observation;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::Entry;
use crate::ldap::matching_rule::generalized_time;
use crate::time::{Now, unix_seconds};

/// The attributes of the root DSE that [`assess`] looks at.
pub(super) const ATTRIBUTES: [&str; 3] = ["namingContexts", "currentTime", "isSynchronized"];

/// What the root DSE says about the controller (RFC 4512 §5.1, MS-ADTS 3.1.1.3.2).
pub(super) fn assess(
    root_dse: &Entry,
    base: Option<&NormalizedDn>,
    max_skew: Duration,
    now: Now,
) -> Observation {
    if let Some(reason) = foreign(root_dse, base) {
        return Observation::Lost(reason);
    }
    if root_dse.text("isSynchronized").is_some_and(|value| value.eq_ignore_ascii_case("FALSE")) {
        return Observation::Impaired("it is not synchronized yet (isSynchronized)".to_owned());
    }
    if let Some(skew) = root_dse.text("currentTime").and_then(|text| clock_skew(text, now.wall))
        && skew > max_skew
    {
        return Observation::Impaired(format!("its clock is {} s off ours", skew.as_secs()));
    }
    Observation::Good
}

/// Says so if the root DSE lists naming contexts and none of them holds the base.
pub(super) fn foreign(root_dse: &Entry, base: Option<&NormalizedDn>) -> Option<String> {
    let base = base?;
    let contexts = root_dse.values("namingContexts");
    let holds = contexts.is_empty()
        || contexts.iter().any(|context| {
            std::str::from_utf8(context)
                .ok()
                .and_then(|text| NormalizedDn::parse(text).ok())
                .is_some_and(|context| base.is_within(&context))
        });
    (!holds).then(|| {
        let names: Vec<_> = contexts.iter().map(|c| String::from_utf8_lossy(c)).collect();
        format!(
            "it does not serve the configured base DN; its naming contexts: {}",
            names.join("; ")
        )
    })
}

/// `currentTime` against our clock, in whole seconds.
fn clock_skew(text: &str, wall: SystemTime) -> Option<Duration> {
    let (theirs, _) = generalized_time(text.as_bytes())?;
    Some(Duration::from_secs(theirs.abs_diff(unix_seconds(wall))))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::ldap::entry::EntryAttribute;

    fn root_dse(attributes: &[(&str, &[&str])]) -> Entry {
        let attributes = attributes.iter().map(|(name, values)| EntryAttribute {
            description: (*name).to_owned(),
            values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
        });
        Entry { dn: String::new(), attributes: attributes.collect() }
    }

    fn at(seconds: u64) -> Now {
        Now { wall: UNIX_EPOCH + Duration::from_secs(seconds), ..Now::read() }
    }

    const SKEW: Duration = Duration::from_secs(300);
    /// 2026-11-21T07:10:31Z.
    const MOMENT: u64 = 1_795_245_031;

    #[test]
    fn clocks_and_synchronization() {
        let good = [
            root_dse(&[]),
            root_dse(&[("currentTime", &["20261121071031.0Z"]), ("isSynchronized", &["TRUE"])]),
            root_dse(&[("currentTime", &["20261121071031Z"])]),
            root_dse(&[("currentTime", &["20261121071530.0Z"])]),
            root_dse(&[("currentTime", &["yesterday"])]),
        ];
        for entry in good {
            assert_eq!(assess(&entry, None, SKEW, at(MOMENT)), Observation::Good, "{entry:?}");
        }
        for (name, value) in [
            ("currentTime", "20261121071532.0Z"),
            ("currentTime", "20261121070530.0Z"),
            ("isSynchronized", "FALSE"),
        ] {
            let verdict = assess(&root_dse(&[(name, &[value])]), None, SKEW, at(MOMENT));
            assert!(matches!(verdict, Observation::Impaired(_)), "{name} {value}: {verdict:?}");
        }
    }

    #[test]
    fn a_controller_of_another_directory_is_lost_for_us() {
        let base = NormalizedDn::parse("OU=People,DC=corp,DC=test").unwrap();
        let ours = root_dse(&[("namingContexts", &["DC=other,DC=test", "dc=CORP,dc=test"])]);
        assert_eq!(assess(&ours, Some(&base), SKEW, at(MOMENT)), Observation::Good);
        let theirs = root_dse(&[("namingContexts", &["DC=other,DC=test"])]);
        let verdict = assess(&theirs, Some(&base), SKEW, at(MOMENT));
        let Observation::Lost(reason) = verdict else { panic!("{verdict:?}") };
        assert!(reason.contains("DC=other"), "{reason}");
    }
}
