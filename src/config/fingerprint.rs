//! Whether two readings of a configuration say the same, and which keys differ if not. Holds digests and no values, for
//! some of those are secrets.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use config::{Value, ValueKind};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::resolve::Files;

/// The section that a running program takes over; all else it has from its start.
const TAKEN_OVER: &str = "application";

type Digest256 = [u8; 32];

/// What a configuration says, key by key: the file, the environment over it, and the contents of the files that are
/// read with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(BTreeMap<String, Digest256>);

impl Fingerprint {
    /// Of all values in `tree`; `contents` has the digests of the files that were read, whose paths start from
    /// `directory`.
    pub(super) fn of(
        tree: &Value,
        directory: &Path,
        contents: &BTreeMap<PathBuf, Digest256>,
    ) -> Self {
        let mut keys = BTreeMap::new();
        let digest = |kind: &ValueKind| {
            let mut digest = Sha256::new();
            digest.update(kind.to_string());
            if let ValueKind::String(text) = kind
                && let Some(content) = contents.get(&directory.join(text))
            {
                digest.update(content);
            }
            digest.finalize().into()
        };
        leaves(&tree.kind, String::new(), &mut |key, kind| _ = keys.insert(key, digest(kind)));
        Self(keys)
    }

    /// The keys that need a restart to be taken over from `new`. A list element that only one of the two has is named
    /// as a whole.
    #[must_use]
    pub fn needs_restart(&self, new: &Self) -> Vec<String> {
        let keys: BTreeSet<&String> = self.0.keys().chain(new.0.keys()).collect();
        let differing = keys.into_iter().filter(|key| self.0.get(*key) != new.0.get(*key));
        let kept = differing.filter(|key| element(key).is_none_or(|(list, _)| list != TAKEN_OVER));
        let named: BTreeSet<String> = kept.map(|key| self.shortened(new, key)).collect();
        named.into_iter().collect()
    }

    /// The digest of one `[[application]]` section, counted from 0.
    #[must_use]
    pub fn application(&self, index: usize) -> Digest256 {
        let prefix = format!("{TAKEN_OVER}[{index}].");
        let mut digest = Sha256::new();
        for (key, value) in self.0.iter().filter(|(key, _)| key.starts_with(&prefix)) {
            let key = key.strip_prefix(&prefix).unwrap_or(key);
            digest.update(u64::try_from(key.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(key);
            digest.update(value);
        }
        digest.finalize().into()
    }

    fn shortened(&self, new: &Self, key: &str) -> String {
        let Some((_, whole)) = element(key) else { return key.to_owned() };
        let inside = format!("{whole}.");
        let has = |one: &Self| one.0.keys().any(|key| key.starts_with(&inside));
        if has(self) && has(new) { key.to_owned() } else { whole.to_owned() }
    }
}

/// The list at the top that a key is in, and the element of it: `directory` and `directory[0]`.
fn element(key: &str) -> Option<(&str, &str)> {
    let (list, rest) = key.split_once('[')?;
    let end = list.len() + 1 + rest.find(']')? + 1;
    (!list.contains('.')).then_some((list, key.get(..end)?))
}

fn leaves(kind: &ValueKind, at: String, take: &mut impl FnMut(String, &ValueKind)) {
    match kind {
        ValueKind::Table(table) => {
            for (name, value) in table {
                let key = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                leaves(&value.kind, key, take);
            }
        }
        ValueKind::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                leaves(&value.kind, format!("{at}[{index}]"), take);
            }
        }
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::String(_) => take(at, kind),
    }
}

/// Files, of whose contents the digests are noted.
pub(super) struct Noted<'a> {
    files: &'a dyn Files,
    contents: RefCell<BTreeMap<PathBuf, Digest256>>,
}

impl<'a> Noted<'a> {
    pub(super) fn new(files: &'a dyn Files) -> Self {
        Self { files, contents: RefCell::default() }
    }

    pub(super) fn contents(self) -> BTreeMap<PathBuf, Digest256> {
        self.contents.into_inner()
    }

    fn note(&self, path: &Path, octets: &[u8]) {
        self.contents.borrow_mut().insert(path.to_owned(), Sha256::digest(octets).into());
    }
}

impl Files for Noted<'_> {
    fn private(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        self.files.private(path).inspect(|octets| self.note(path, octets))
    }

    fn public(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        self.files.public(path).inspect(|octets| self.note(path, octets))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, load};
    use crate::testing::Scratch;

    const TEXT: &str = r#"
        [log]
        level = "info"

        [[directory]]
        name = "corp"
        controllers = ["ldaps://dc1.corp.example", "ldaps://dc2.corp.example"]
        bind_name = "svc@corp.example"
        bind_password_file = "corp.password"

        [[application]]
        name = "crm"
        required_groups = ["crm-users"]
        service_accounts = ["svc-crm@corp.example"]

        [[listener]]
        name = "plain"
        url = "ldap://127.0.0.1:3389"
    "#;

    fn read(scratch: &Scratch, text: &str) -> Config {
        load(&scratch.write("ldapgate.toml", text, 0o600)).unwrap()
    }

    fn scratch(name: &str) -> Scratch {
        let scratch = Scratch::new(name);
        scratch.write("corp.password", "hunter2\n", 0o600);
        scratch
    }

    /// Each change, and the keys that need a restart for it.
    #[test]
    fn keys_that_need_a_restart_are_named() {
        let scratch = scratch("fingerprint-keys");
        let before = read(&scratch, TEXT).fingerprint;
        let second = "\n[[listener]]\nname = \"more\"\nurl = \"ldap://127.0.0.1:3390\"\n";
        for (from, to, named) in [
            ("", "", &[] as &[&str]),
            ("[log]", "# A remark\n[log]", &[]),
            ("crm-users", "crm-others", &[]),
            ("name = \"crm\"", "name = \"wiki\"", &[]),
            ("\"info\"", "\"debug\"", &["log.level"]),
            (":3389\"", &format!(":3388\"{second}"), &["listener[0].url", "listener[1]"]),
            ("dc2.corp", "dc3.corp", &["directory[0].controllers[1]"]),
            ("bind_name", "sync.follow = false\nbind_name", &["directory[0].sync.follow"]),
            ("[log]", "shutdown_grace = \"1s\"\n[log]", &["shutdown_grace"]),
        ] {
            let after = read(&scratch, &TEXT.replacen(from, to, 1)).fingerprint;
            assert_eq!(before.needs_restart(&after), named, "{to}");
            assert_eq!(after.needs_restart(&before), named, "{to}");
        }
    }

    #[test]
    fn a_file_that_is_read_with_it_is_part_of_it() {
        let scratch = scratch("fingerprint-files");
        let before = read(&scratch, TEXT).fingerprint;
        scratch.write("corp.password", "hunter3\n", 0o600);
        let after = read(&scratch, TEXT).fingerprint;
        assert_eq!(before.needs_restart(&after), ["directory[0].bind_password_file"]);
        scratch.write("corp.password", "hunter2\n", 0o600);
        assert_eq!(read(&scratch, TEXT).fingerprint, before);
    }

    /// An application is the same when its section is, wherever it stands.
    #[test]
    fn applications_are_compared_by_their_sections() {
        let scratch = scratch("fingerprint-application");
        let networks = "networks = [\"10.0.0.0/8\"]";
        let text = TEXT.replacen("name = \"crm\"", &format!("name = \"crm\"\n{networks}"), 1);
        let wiki = "[[application]]\nname = \"wiki\"\nnetworks = [\"192.0.2.0/24\"]\n\
                    service_accounts = [\"svc-crm@corp.example\"]\n\n[[application]]";
        let before = read(&scratch, &text).fingerprint;
        let moved = read(&scratch, &text.replacen("[[application]]", wiki, 1)).fingerprint;
        assert_eq!(before.application(0), moved.application(1));
        assert_ne!(before.application(0), moved.application(0));
        let changed = read(&scratch, &text.replacen("crm-users", "crm-others", 1)).fingerprint;
        assert_ne!(before.application(0), changed.application(0));
    }
}
