//! Result codes and the components of an LDAPResult (RFC 4511 §4.1.9).

use std::fmt;

/// A result code: any number may arrive, the named ones are those of RFC 4511 and its extensions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResultCode(pub u32);

macro_rules! result_codes {
    ($($(#[$doc:meta])* $constant:ident = $number:literal, $name:literal;)*) => {
        impl ResultCode {
            $($(#[$doc])* pub const $constant: Self = Self($number);)*

            /// The name RFC 4511 gives the code, if it has one.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

result_codes! {
    /// The operation succeeded.
    SUCCESS = 0, "success";
    /// Out of sequence or an internal error.
    OPERATIONS_ERROR = 1, "operationsError";
    /// The request is malformed.
    PROTOCOL_ERROR = 2, "protocolError";
    /// The time limit was reached.
    TIME_LIMIT_EXCEEDED = 3, "timeLimitExceeded";
    /// The size limit was reached.
    SIZE_LIMIT_EXCEEDED = 4, "sizeLimitExceeded";
    /// Compare: the assertion is false.
    COMPARE_FALSE = 5, "compareFalse";
    /// Compare: the assertion is true.
    COMPARE_TRUE = 6, "compareTrue";
    /// The authentication method is not supported.
    AUTH_METHOD_NOT_SUPPORTED = 7, "authMethodNotSupported";
    /// The server demands a stronger authentication.
    STRONGER_AUTH_REQUIRED = 8, "strongerAuthRequired";
    /// Another server holds the entry.
    REFERRAL = 10, "referral";
    /// An administrative limit was exceeded.
    ADMIN_LIMIT_EXCEEDED = 11, "adminLimitExceeded";
    /// A critical control is not available.
    UNAVAILABLE_CRITICAL_EXTENSION = 12, "unavailableCriticalExtension";
    /// Confidentiality is required.
    CONFIDENTIALITY_REQUIRED = 13, "confidentialityRequired";
    /// A further SASL step follows.
    SASL_BIND_IN_PROGRESS = 14, "saslBindInProgress";
    /// The attribute does not exist in the entry.
    NO_SUCH_ATTRIBUTE = 16, "noSuchAttribute";
    /// The attribute type is unknown.
    UNDEFINED_ATTRIBUTE_TYPE = 17, "undefinedAttributeType";
    /// The matching rule does not apply.
    INAPPROPRIATE_MATCHING = 18, "inappropriateMatching";
    /// A constraint is violated.
    CONSTRAINT_VIOLATION = 19, "constraintViolation";
    /// A value has an invalid syntax.
    INVALID_ATTRIBUTE_SYNTAX = 21, "invalidAttributeSyntax";
    /// The entry does not exist.
    NO_SUCH_OBJECT = 32, "noSuchObject";
    /// A name has an invalid syntax.
    INVALID_DN_SYNTAX = 34, "invalidDNSyntax";
    /// The credentials are inappropriate for the entry.
    INAPPROPRIATE_AUTHENTICATION = 48, "inappropriateAuthentication";
    /// The credentials are wrong.
    INVALID_CREDENTIALS = 49, "invalidCredentials";
    /// The rights do not suffice.
    INSUFFICIENT_ACCESS_RIGHTS = 50, "insufficientAccessRights";
    /// The server is busy.
    BUSY = 51, "busy";
    /// The server is unavailable.
    UNAVAILABLE = 52, "unavailable";
    /// The server is unwilling to perform the operation.
    UNWILLING_TO_PERFORM = 53, "unwillingToPerform";
    /// A virtual list view needs a sort control (draft-ietf-ldapext-ldapv3-vlv-09 §3.2).
    SORT_CONTROL_MISSING = 60, "sortControlMissing";
    /// No position of a virtual list view (draft-ietf-ldapext-ldapv3-vlv-09 §3.2).
    OFFSET_RANGE_ERROR = 61, "offsetRangeError";
    /// The entry exists already.
    ENTRY_ALREADY_EXISTS = 68, "entryAlreadyExists";
    /// There is no window of a virtual list view (draft-ietf-ldapext-ldapv3-vlv-09 §3.3).
    VIRTUAL_LIST_VIEW_ERROR = 76, "virtualListViewError";
    /// Any other error.
    OTHER = 80, "other";
    /// The operation was cancelled (RFC 3909).
    CANCELED = 118, "canceled";
    /// There is no such operation to cancel (RFC 3909).
    NO_SUCH_OPERATION = 119, "noSuchOperation";
    /// The operation can no longer be cancelled (RFC 3909).
    TOO_LATE = 120, "tooLate";
    /// The operation cannot be cancelled (RFC 3909).
    CANNOT_CANCEL = 121, "cannotCancel";
    /// The content has to be read from the start (RFC 4533 §2.6).
    SYNC_REFRESH_REQUIRED = 4096, "e-syncRefreshRequired";
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An LDAPResult without its referral: the proxy neither follows nor hands on referrals.
///
/// Texts are octets because controllers send what they like (a trailing NUL, Latin-1).
#[derive(Clone, PartialEq, Eq)]
pub struct LdapResult {
    /// The outcome.
    pub code: ResultCode,
    /// The name of the lowest entry that was found, where the code calls for it.
    pub matched_dn: Vec<u8>,
    /// Text for a person.
    pub diagnostic_message: Vec<u8>,
}

impl LdapResult {
    /// A result with a text and no matched name.
    pub fn new(code: ResultCode, diagnostic_message: impl Into<Vec<u8>>) -> Self {
        Self { code, matched_dn: Vec::new(), diagnostic_message: diagnostic_message.into() }
    }

    /// Success without any text.
    #[must_use]
    pub const fn success() -> Self {
        Self { code: ResultCode::SUCCESS, matched_dn: Vec::new(), diagnostic_message: Vec::new() }
    }

    /// The same result with the name of the lowest entry that exists.
    #[must_use]
    pub fn with_matched_dn(mut self, matched_dn: impl Into<Vec<u8>>) -> Self {
        self.matched_dn = matched_dn.into();
        self
    }
}

impl fmt::Debug for LdapResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.code, String::from_utf8_lossy(&self.diagnostic_message))?;
        if !self.matched_dn.is_empty() {
            write!(f, " matched {:?}", String::from_utf8_lossy(&self.matched_dn))?;
        }
        Ok(())
    }
}
