//! Simple binds judged as the imitated server judges them (MS-ADTS 5.1.1.1.1, adlab measurements).

use std::fmt;
use std::time::UNIX_EPOCH;

use super::complete::{NEVER, file_time};
use super::directory::{Directory, Kind};
use super::entry::Entry;
use super::name::DnKey;
use super::quirks::Quirks;

/// One bind that a controller has read: what tests hold against what the gate says it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenBind {
    /// The controller that read it.
    pub controller: String,
    /// The name as it came.
    pub name: String,
    /// sAMAccountName or uid of the entry that the name means; `None` when it means none.
    pub account: Option<String>,
    /// What was answered.
    pub outcome: Outcome,
}

/// What a bind was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Code 0, as the account.
    Accepted,
    /// Code 0, as nobody: no name, or a name with an empty password.
    Anonymous,
    /// Code 49 for this reason.
    Refused(Reason),
    /// Another code: a scripted answer or an unserved kind of bind.
    Code(u32),
}

/// Why an account may not log in; the number is Active Directory's `data` (a Windows error code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Reason {
    /// No account has this name.
    Unknown = 0x525,
    /// The password is wrong.
    WrongPassword = 0x52e,
    /// Not at this hour.
    LogonHours = 0x530,
    /// Not from this workstation.
    Workstation = 0x531,
    /// The password is too old.
    PasswordExpired = 0x532,
    /// The account is disabled.
    Disabled = 0x533,
    /// The account has expired.
    AccountExpired = 0x701,
    /// The password must be changed first.
    MustChangePassword = 0x773,
    /// Too many wrong passwords.
    LockedOut = 0x775,
}

impl Reason {
    /// The number behind `data`.
    #[must_use]
    pub fn data(self) -> u32 {
        self as u32
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.data())
    }
}

/// The answer to a bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindAnswer {
    /// Result code.
    pub code: u32,
    /// Diagnostic text with all that belongs to it, a trailing NUL included.
    pub text: String,
    /// Who the connection is from now on; `None`: nobody.
    pub identity: Option<DnKey>,
}

impl Directory {
    /// Judges a simple bind, counts it, and changes what a wrong password changes.
    pub fn bind(
        &mut self,
        controller: &str,
        name: &str,
        password: &str,
        quirks: &Quirks,
    ) -> BindAnswer {
        let (used_name, used_password) = if quirks.cut_at_nul {
            (until_nul(name), until_nul(password))
        } else {
            (name, password)
        };
        let found = self.resolve(used_name);
        let account = found.as_ref().and_then(|key| self.account_name(key));
        let (outcome, answer) = match &quirks.bind_answer {
            Some((code, text)) if !name.is_empty() => (
                Outcome::Code(*code),
                BindAnswer { code: *code, text: text.clone(), identity: None },
            ),
            Some(_) | None => self.judge(controller, used_name, used_password, found, quirks),
        };
        self.binds.push(SeenBind {
            controller: controller.to_owned(),
            name: name.to_owned(),
            account,
            outcome,
        });
        answer
    }

    fn judge(
        &mut self,
        controller: &str,
        name: &str,
        password: &str,
        found: Option<DnKey>,
        quirks: &Quirks,
    ) -> (Outcome, BindAnswer) {
        let nobody = BindAnswer { code: 0, text: String::new(), identity: None };
        if password.is_empty() && (name.is_empty() || quirks.empty_password_success) {
            return (Outcome::Anonymous, nobody);
        }
        if self.kind == Kind::OpenLdap
            && let Some((code, text)) = openldap_objection(name, password)
        {
            return (Outcome::Code(code), BindAnswer { code, text: text.to_owned(), ..nobody });
        }
        let reason = match &found {
            Some(key) => self.judge_account(key, controller, password),
            None => Some(Reason::Unknown),
        };
        match reason {
            None => (Outcome::Accepted, BindAnswer { identity: found, ..nobody }),
            Some(reason) => {
                let text = self.refusal_text(reason, quirks);
                (Outcome::Refused(reason), BindAnswer { code: 49, text, identity: None })
            }
        }
    }

    fn refusal_text(&self, reason: Reason, quirks: &Quirks) -> String {
        if self.kind == Kind::OpenLdap {
            return String::new();
        }
        let is_hidden = reason == Reason::Unknown && !quirks.data_525;
        let shown = if is_hidden { Reason::WrongPassword } else { reason };
        let text = format!(
            "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, \
             data {shown}, v4563"
        );
        quirks.diagnostic(&text)
    }

    /// A lock hides everything; a wrong password hides every other state.
    fn judge_account(&mut self, key: &DnKey, controller: &str, password: &str) -> Option<Reason> {
        let entry = self.entries.get(key)?;
        if self.is_locked(entry) {
            return Some(Reason::LockedOut);
        }
        if entry.password.as_deref() != Some(password) || password.is_empty() {
            self.count_wrong_password(key);
            return Some(Reason::WrongPassword);
        }
        if let Some(reason) = self.restriction(entry, controller) {
            return Some(reason);
        }
        self.note_logon(key);
        None
    }

    fn restriction(&self, entry: &Entry, controller: &str) -> Option<Reason> {
        if self.kind == Kind::OpenLdap {
            return None;
        }
        let flags = entry.number("userAccountControl").unwrap_or(512);
        let now = file_time(self.now);
        let expires = entry.number("accountExpires").unwrap_or(NEVER);
        let set = entry.number("pwdLastSet").unwrap_or_default();
        let never_old = flags & 0x1_0000 != 0;
        let oldest = self.policy("maxPwdAge");
        let workstations = entry.text("userWorkstations").unwrap_or_default();
        let mut allowed = workstations.split(',').map(str::trim);
        if flags & 2 != 0 {
            Some(Reason::Disabled)
        } else if expires != 0 && expires != NEVER && expires <= now {
            Some(Reason::AccountExpired)
        } else if !never_old && set == 0 {
            Some(Reason::MustChangePassword)
        } else if !never_old && oldest < 0 && set.saturating_sub(oldest) <= now {
            Some(Reason::PasswordExpired)
        } else if !self.within_logon_hours(entry) {
            Some(Reason::LogonHours)
        } else if !workstations.is_empty() && !allowed.any(|w| w.eq_ignore_ascii_case(controller)) {
            Some(Reason::Workstation)
        } else {
            None
        }
    }

    /// MS-ADTS 2.2.19: one bit for each hour of the week in UTC, Sunday first.
    fn within_logon_hours(&self, entry: &Entry) -> bool {
        let Some(hours) = entry.values("logonHours").first() else { return true };
        let since = self.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 3600;
        // 1970-01-01 was a Thursday.
        let hour = (since + 4 * 24) % (7 * 24);
        usize::try_from(hour / 8)
            .ok()
            .and_then(|index| hours.get(index))
            .is_some_and(|octet| octet & (1 << (hour % 8)) != 0)
    }

    pub(super) fn is_locked(&self, entry: &Entry) -> bool {
        if self.kind == Kind::OpenLdap {
            return entry.get("pwdAccountLockedTime").is_some();
        }
        let locked_at = entry.number("lockoutTime").unwrap_or_default();
        let duration = self.policy("lockoutDuration");
        // The smallest number means until an administrator unlocks it.
        locked_at != 0
            && (duration == i64::MIN || locked_at.saturating_sub(duration) > file_time(self.now))
    }

    /// Counting does not move the sequence number, locking does.
    fn count_wrong_password(&mut self, key: &DnKey) {
        if self.kind == Kind::OpenLdap {
            return;
        }
        let (threshold, now) = (self.policy("lockoutThreshold"), file_time(self.now));
        let window = self.policy("lockOutObservationWindow");
        let Some(mut entry) = self.entries.remove(key) else { return };
        let unlocked = entry.clone();
        let last = entry.number("badPasswordTime").unwrap_or_default();
        let recent = window == 0 || last.saturating_sub(window) > now;
        let before = if recent { entry.number("badPwdCount").unwrap_or_default() } else { 0 };
        let count = before + 1;
        entry.set_text("badPwdCount", &count.to_string());
        entry.set_text("badPasswordTime", &now.to_string());
        if threshold > 0 && count >= threshold {
            entry.set_text("lockoutTime", &now.to_string());
            self.touch(&unlocked, &mut entry);
        }
        self.entries.insert(key.clone(), entry);
    }

    fn note_logon(&mut self, key: &DnKey) {
        let now = file_time(self.now);
        let kind = self.kind;
        if let Some(entry) = self.entries.get_mut(key)
            && kind == Kind::ActiveDirectory
        {
            entry.set_text("badPwdCount", "0");
            entry.set_text("lastLogon", &now.to_string());
        }
    }

    fn policy(&self, attribute: &str) -> i64 {
        self.entries.get(&self.domain.key).and_then(|e| e.number(attribute)).unwrap_or_default()
    }

    fn account_name(&self, key: &DnKey) -> Option<String> {
        self.entries.get(key)?.text(self.account_attribute()).map(str::to_owned)
    }
}

impl Quirks {
    /// A diagnostic text as this controller ends it.
    #[must_use]
    pub fn diagnostic(&self, text: &str) -> String {
        if self.trailing_nul { format!("{text}\0") } else { text.to_owned() }
    }
}

/// The objections of slapd's front end (RFC 4513 §5.1.2).
fn openldap_objection(name: &str, password: &str) -> Option<(u32, &'static str)> {
    if DnKey::parse(name).is_none() {
        return Some((34, "invalid DN"));
    }
    let unauthenticated = "unauthenticated bind (DN with no password) disallowed";
    password.is_empty().then_some((53, unauthenticated))
}

fn until_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    const TEXT: &str = "dn: DC=x\nobjectClass: domainDNS\nlockoutThreshold: 2\n\
        lockoutDuration: -600000000\nlockOutObservationWindow: -300000000\n\
        maxPwdAge: -864000000000\n\n\
        dn: CN=a,DC=x\nobjectClass: user\nsAMAccountName: a\ndemoPassword: right\n\n\
        dn: CN=b,DC=x\nobjectClass: user\nsAMAccountName: b\ndisplayName: a\n\
        demoPassword: right\n";
    const DAY: Duration = Duration::from_secs(86_400);

    /// Thursday 1970-01-01, 00:00 UTC.
    fn directory() -> Directory {
        Directory::from_ldif(TEXT, UNIX_EPOCH).unwrap()
    }

    fn at(directory: &mut Directory, after: Duration, password: &str) -> Outcome {
        directory.advance(SystemTime::UNIX_EPOCH + after);
        directory.bind("dc1", "a@x", password, &Quirks::default());
        directory.binds().last().unwrap().outcome
    }

    /// MS-ADTS 2.2.19: the first bit is Sunday's first hour, in UTC.
    #[test]
    fn logon_hours() {
        let mut directory = directory();
        let mut hours = vec![0; 21];
        *hours.get_mut(12).unwrap() = 0b10;
        directory.set_octets("CN=a,DC=x", "logonHours", vec![hours]).unwrap();
        let minutes = |n: u64| Duration::from_secs(n * 60);
        assert_eq!(at(&mut directory, minutes(59), "right"), Outcome::Refused(Reason::LogonHours));
        assert_eq!(at(&mut directory, minutes(60), "right"), Outcome::Accepted);
        assert_eq!(at(&mut directory, minutes(119), "right"), Outcome::Accepted);
        assert_eq!(at(&mut directory, minutes(120), "right"), Outcome::Refused(Reason::LogonHours));
    }

    #[test]
    fn passwords_and_accounts_age() {
        let mut directory = directory();
        let just = Duration::from_secs(1);
        assert_eq!(at(&mut directory, DAY - just, "right"), Outcome::Accepted);
        assert_eq!(at(&mut directory, DAY, "right"), Outcome::Refused(Reason::PasswordExpired));
        assert_eq!(at(&mut directory, DAY, "wrong"), Outcome::Refused(Reason::WrongPassword));
        directory.set("CN=a,DC=x", "userAccountControl", &["66048"]).unwrap();
        assert_eq!(at(&mut directory, DAY, "right"), Outcome::Accepted);
        let end = file_time(UNIX_EPOCH + 2 * DAY).to_string();
        directory.set("CN=a,DC=x", "accountExpires", &[&end]).unwrap();
        assert_eq!(at(&mut directory, 2 * DAY - just, "right"), Outcome::Accepted);
        assert_eq!(at(&mut directory, 2 * DAY, "right"), Outcome::Refused(Reason::AccountExpired));
    }

    /// Threshold 2, counted within 30 s, locked for 60 s.
    #[test]
    fn locks_come_and_go() {
        let seconds = Duration::from_secs;
        let wrong = Outcome::Refused(Reason::WrongPassword);
        let locked = Outcome::Refused(Reason::LockedOut);
        let mut directory = directory();
        assert_eq!(at(&mut directory, seconds(0), "wrong"), wrong);
        // Too long ago to count, forgiven by a success, then two in a row.
        assert_eq!(at(&mut directory, seconds(31), "wrong"), wrong);
        assert_eq!(at(&mut directory, seconds(32), "right"), Outcome::Accepted);
        assert_eq!(at(&mut directory, seconds(33), "wrong"), wrong);
        assert_eq!(at(&mut directory, seconds(34), "wrong"), wrong);
        assert_eq!(at(&mut directory, seconds(93), "right"), locked);
        assert_eq!(at(&mut directory, seconds(94), "right"), Outcome::Accepted);
        directory.set("DC=x", "lockoutThreshold", &["0"]).unwrap();
        for _ in 0..9 {
            assert_eq!(at(&mut directory, seconds(95), "wrong"), wrong);
        }
    }

    #[test]
    fn a_name_that_means_two_means_none() {
        let mut directory = directory();
        assert!(directory.resolve("a").is_some(), "displayName of b");
        directory.set("CN=a,DC=x", "displayName", &["A"]).unwrap();
        assert_eq!(directory.resolve("a"), None);
        directory.set("CN=b,DC=x", "userPrincipalName", &["a@x"]).unwrap();
        assert_eq!(directory.resolve("a@x"), DnKey::parse("CN=b,DC=x"), "explicit before implicit");
    }

    proptest::proptest! {
        /// Only the right password is ever accepted, whatever the name and the state.
        #[test]
        fn only_the_right_password(name in "[ab@x\\\\]{0,4}|a@x|CN=b,DC=x", password in ".{1,6}", flags: u16) {
            let mut directory = directory();
            let flags = flags.to_string();
            directory.set("CN=a,DC=x", "userAccountControl", &[&flags]).unwrap();
            let quirks = Quirks { cut_at_nul: false, ..Quirks::default() };
            let answer = directory.bind("dc1", &name, &password, &quirks);
            proptest::prop_assert!(answer.code == 49 || password == "right", "{name:?} {password:?}");
            proptest::prop_assert_eq!(answer.code == 0, answer.identity.is_some());
        }
    }
}
