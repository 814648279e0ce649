//! What a controller does differently from a well-behaved one, changeable while it runs.

use std::time::Duration;

use super::faults::SearchFault;

/// The habits and faults of one controller.
///
/// The first group are what Active Directory does and Samba does not; [`Quirks::default`] has them
/// at Active Directory's values. The second group are faults, all off by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// Entries in one page, whatever larger size was asked for (`MaxPageSize`, MS-ADTS 3.1.1.3.4.6).
    pub max_page: usize,
    /// Entries of a search without paging before it ends with code 4; `None`: no limit.
    pub unpaged_limit: Option<usize>,
    /// Values of one attribute before it is cut into `;range=` slices (`MaxValRange`, MS-ADTS
    /// 3.1.1.3.1.3.3); `None`: returned whole, as Samba and OpenLDAP do.
    pub value_range: Option<usize>,
    /// Diagnostic texts end with a NUL octet.
    pub trailing_nul: bool,
    /// An unknown name gets `data 525`; otherwise `data 52e` like a wrong password.
    pub data_525: bool,
    /// A name with an empty password is an anonymous bind with code 0 (RFC 4513 §5.1.2); otherwise
    /// it counts as a wrong password.
    pub empty_password_success: bool,
    /// Name and password end at the first NUL octet, as measured at Samba.
    pub cut_at_nul: bool,
    /// Lengths of constructed elements are written in the five-octet form `84 xx xx xx xx`.
    pub four_byte_lengths: bool,
    /// A subtree search from the domain's root also returns three references.
    pub references: bool,
    /// Who Am I (RFC 4532) is answered.
    pub whoami: bool,
    /// StartTLS is answered with code 0; otherwise 52, as by a controller without a certificate.
    pub start_tls: bool,
    /// Simple binds without TLS are refused with code 8.
    pub strong_auth_required: bool,
    /// DirSync (control 841) is there; otherwise it is neither listed nor served.
    pub dir_sync: bool,
    /// Change notification (control 528) is there; otherwise it is neither listed nor served.
    pub notification: bool,
    /// The accounts that connect have the right to read replication changes, so that DirSync needs no
    /// object security flag.
    pub replication_right: bool,
    /// The accounts that connect may not see deleted entries: those are missing from every answer,
    /// without a word.
    pub hide_deleted: bool,
    /// Objects in one answer of DirSync, whatever larger size was asked for; `None`: no limit.
    pub dir_sync_page: Option<usize>,
    /// OpenLDAP: content synchronisation (RFC 4533) is there; otherwise it is neither listed nor
    /// served.
    pub syncprov: bool,
    /// OpenLDAP: so many of the last changes are in syncprov's session log; 0: there is none. A cookie
    /// from before them is answered with a present phase.
    pub session_log: usize,
    /// OpenLDAP: an unknown cookie is answered with e-syncRefreshRequired (RFC 4533 §2.6); otherwise
    /// with the whole content.
    pub refresh_required: bool,

    /// Seconds that `currentTime` in the root DSE is ahead of the true time.
    pub clock_offset: i64,
    /// Wait before every answer.
    pub answer_delay: Duration,
    /// Every simple bind with a name is answered with this code and text and not judged.
    pub bind_answer: Option<(u32, String)>,
    /// Every search but base reads ends with this code and text; entries come before it.
    pub search_answer: Option<(u32, String)>,
    /// Searches but base reads send this many entries on one connection, all pages together, then the
    /// connection closes.
    pub cut_search_after: Option<usize>,
    /// What happens to coming searches; each happens once and is gone then.
    pub search_faults: Vec<SearchFault>,
    /// The next requests are read, then the connection closes without an answer.
    pub close_after_request: bool,
    /// Requests are answered with octets that are not LDAP.
    pub garbage_answer: bool,
    /// Requests are answered with a notice of disconnection (RFC 4511 §4.4.1), then the connection
    /// closes.
    pub notice_of_disconnection: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            max_page: 1000,
            unpaged_limit: Some(1000),
            value_range: Some(1500),
            trailing_nul: true,
            data_525: true,
            empty_password_success: true,
            cut_at_nul: true,
            four_byte_lengths: false,
            references: true,
            whoami: true,
            start_tls: true,
            strong_auth_required: false,
            dir_sync: true,
            notification: true,
            replication_right: false,
            hide_deleted: false,
            dir_sync_page: None,
            syncprov: true,
            session_log: 1000,
            refresh_required: false,
            clock_offset: 0,
            answer_delay: Duration::ZERO,
            bind_answer: None,
            search_answer: None,
            cut_search_after: None,
            search_faults: Vec::new(),
            close_after_request: false,
            garbage_answer: false,
            notice_of_disconnection: false,
        }
    }
}

impl Quirks {
    /// OpenLDAP with its defaults: 500 entries without paging, empty password refused, no slices.
    #[must_use]
    pub fn openldap() -> Self {
        Self {
            max_page: usize::MAX,
            unpaged_limit: Some(500),
            value_range: None,
            trailing_nul: false,
            empty_password_success: false,
            cut_at_nul: false,
            references: false,
            ..Self::default()
        }
    }

    /// What Samba 4.17 was measured to do: no limits, no slices, no NUL, 52e for unknown names.
    #[must_use]
    pub fn samba() -> Self {
        Self {
            max_page: usize::MAX,
            unpaged_limit: None,
            value_range: None,
            trailing_nul: false,
            data_525: false,
            empty_password_success: false,
            whoami: false,
            ..Self::default()
        }
    }
}
