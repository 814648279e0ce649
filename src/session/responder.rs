//! Writes answers. An answer's type follows from the request's, so a wrong pair cannot be written.

use crate::ldap::ber::Writer;
use crate::ldap::message::{MessageId, operation_tag};
use crate::ldap::request::OperationKind;
use crate::ldap::response::{self, Extras};
use crate::ldap::result::{LdapResult, ResultCode};

/// The one terminal answer to a request; nothing for requests that have none.
pub fn answer(octets: &mut Vec<u8>, id: MessageId, kind: OperationKind, result: &LdapResult) {
    answer_with(octets, id, kind, result, Extras::default());
}

/// As [`answer`], with response controls, or the name and value of an extended response.
pub fn answer_with(
    octets: &mut Vec<u8>,
    id: MessageId,
    kind: OperationKind,
    result: &LdapResult,
    extras: Extras<'_>,
) {
    let Some(tag) = kind.response_tag() else { return };
    append(octets, |writer| response::write_result(writer, id, tag, result, extras));
}

/// The end of a search, with encoded response controls.
pub fn search_done(octets: &mut Vec<u8>, id: MessageId, result: &LdapResult, controls: &[u8]) {
    append(octets, |writer| {
        let extras = Extras { controls, ..Extras::default() };
        response::write_result(writer, id, operation_tag::SEARCH_RESULT_DONE, result, extras);
    });
}

/// The last message before the connection closes (RFC 4511 §4.4.1).
pub fn notice_of_disconnection(octets: &mut Vec<u8>, code: ResultCode, text: &str) {
    append(octets, |writer| response::write_notice_of_disconnection(writer, code, text));
}

fn append(octets: &mut Vec<u8>, write: impl FnOnce(&mut Writer)) {
    let mut writer = Writer::append_to(std::mem::take(octets));
    write(&mut writer);
    *octets = writer.into_octets();
}
