//! The two families of directories.

/// Which schema and which account semantics a directory follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DirectoryKind {
    /// Active Directory (and Samba AD).
    ActiveDirectory,
    /// OpenLDAP and other RFC 4519 / inetOrgPerson servers.
    OpenLdap,
}

impl DirectoryKind {
    /// The attribute that moves when an account's password is set: `pwdLastSet` (MS-ADA3 §2.175), or OpenLDAP's
    /// `pwdChangedTime` (draft-behera-ldap-password-policy §5.3.2).
    #[must_use]
    pub const fn password_set_attribute(self) -> &'static str {
        match self {
            Self::ActiveDirectory => "pwdLastSet",
            Self::OpenLdap => "pwdChangedTime",
        }
    }
}
