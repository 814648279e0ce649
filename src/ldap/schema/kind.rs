//! The two families of directories.

/// Which schema and which account semantics a directory follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DirectoryKind {
    /// Active Directory (and Samba AD).
    ActiveDirectory,
    /// OpenLDAP and other RFC 4519 / inetOrgPerson servers.
    OpenLdap,
}
