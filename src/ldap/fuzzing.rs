//! Properties that must hold for any octets, as plain functions: the fuzz targets look for octets that
//! break them, `tests/it/corpus.rs` replays what was found. Not part of the library's interface.

use super::ber::{Reader, Writer};
use super::control::Control;
use super::dn::{DistinguishedName, MAX_AVAS, NormalizedDn, rebase};
use super::filter::{Filter, MAX_COMPONENTS, MAX_DEPTH};
use super::frame::{DEFAULT_LIMIT_BEFORE_BIND, FrameError, complete_length};
use super::message::{Envelope, MessageId};
use super::request::{self, Authentication, Operation, Request, RequestError};
use super::response::{self, Extras, Response, ResponseOperation};

/// The property that does not hold.
pub type Outcome = Result<(), String>;

/// A stream is cut into messages that are within the limit, and the cuts do not depend on how much of
/// the stream is there.
pub fn frame(stream: &[u8]) -> Outcome {
    for limit in [16, DEFAULT_LIMIT_BEFORE_BIND] {
        let mut rest = stream;
        loop {
            match complete_length(rest, limit) {
                Ok(Some(length)) => {
                    ensure(0 < length && length <= limit, "a message is within the limit")?;
                    let message = rest.get(..length).ok_or("a message is complete")?;
                    let most = message.get(..length - 1).unwrap_or_default();
                    ensure(complete_length(most, limit) == Ok(None), "the last octet counts")?;
                    rest = rest.get(length..).unwrap_or_default();
                }
                Ok(None) => {
                    ensure(rest.len() < limit.max(6), "waiting is within the limit")?;
                    break;
                }
                Err(error) => {
                    stays_broken(rest, limit, error)?;
                    break;
                }
            }
        }
    }
    Ok(())
}

fn stays_broken(rest: &[u8], limit: usize, error: FrameError) -> Outcome {
    let longer = [rest, &[0]].concat();
    ensure(complete_length(&longer, limit) == Err(error), "more octets heal nothing")
}

/// Requests and responses that were decoded come back the same when encoded, and a broken operation is
/// reported under the id of its message.
pub fn message(message: &[u8]) -> Outcome {
    match Request::decode(message) {
        Ok(request) => request_round_trip(&request)?,
        Err(RequestError::Operation { id, .. }) => {
            let envelope = Envelope::open(message).map_err(|error| error.to_string())?;
            ensure(envelope.id == id && id != MessageId::UNSOLICITED, "the id is the message's")?;
        }
        Err(RequestError::Session(_)) => {}
    }
    match Response::decode(message) {
        Ok(response) => response_round_trip(&response),
        Err(_) => Ok(()),
    }
}

fn request_round_trip(decoded: &Request) -> Outcome {
    let mut writer = Writer::new();
    match &decoded.operation {
        Operation::Bind(bind) => {
            let Authentication::Simple(password) = &bind.authentication else { return Ok(()) };
            let controls = &decoded.controls;
            request::write_simple_bind(&mut writer, decoded.id, &bind.name, password, controls);
        }
        Operation::Search(search) => {
            request::write_search(&mut writer, decoded.id, search, &decoded.controls);
        }
        Operation::Extended(extended) => {
            let value = extended.value.as_deref();
            request::write_extended(&mut writer, decoded.id, &extended.name, value);
        }
        Operation::Unbind => request::write_unbind(&mut writer, decoded.id),
        Operation::Compare(_) | Operation::Abandon(_) | Operation::Write { .. } => return Ok(()),
    }
    let again = Request::decode(writer.octets()).map_err(|error| error.to_string())?;
    let same = match (&decoded.operation, &again.operation) {
        (Operation::Bind(a), Operation::Bind(b)) => {
            let secret = |authentication: &Authentication| match authentication {
                Authentication::Simple(password) => Some(password.expose().to_vec()),
                Authentication::Sasl { .. } | Authentication::Other(_) => None,
            };
            a.name == b.name && secret(&a.authentication) == secret(&b.authentication)
        }
        (Operation::Search(a), Operation::Search(b)) => a == b,
        (Operation::Extended(a), Operation::Extended(b)) => a == b,
        (Operation::Unbind, Operation::Unbind) => true,
        _ => false,
    };
    ensure(same && again.id == decoded.id, "a request comes back the same")?;
    let carries_controls = matches!(again.operation, Operation::Bind(_) | Operation::Search(_));
    ensure(!carries_controls || again.controls == decoded.controls, "controls come back the same")
}

fn response_round_trip(decoded: &Response) -> Outcome {
    let mut octets = Vec::new();
    match &decoded.operation {
        ResponseOperation::Entry(entry) => {
            let encoded: Vec<Vec<u8>> = entry
                .attributes
                .iter()
                .map(|attribute| {
                    let mut octets = Vec::new();
                    let values = attribute.values.iter().map(Vec::as_slice);
                    response::encode_attribute(&mut octets, &attribute.description, values);
                    octets
                })
                .collect();
            let attributes = encoded.iter().map(Vec::as_slice);
            response::write_entry(&mut octets, decoded.id, entry.dn.as_bytes(), attributes);
        }
        ResponseOperation::Done { tag, result, name, .. } => {
            let mut writer = Writer::new();
            let extras = Extras { name: name.as_deref(), ..Extras::default() };
            response::write_result(&mut writer, decoded.id, *tag, result, extras);
            octets = writer.into_octets();
        }
        ResponseOperation::Reference | ResponseOperation::Intermediate => return Ok(()),
    }
    let mut again = Response::decode(&octets).map_err(|error| error.to_string())?;
    if let (
        ResponseOperation::Done { has_referral, .. },
        ResponseOperation::Done { has_referral: had, .. },
    ) = (&mut again.operation, &decoded.operation)
    {
        // Referrals are stripped on purpose.
        *has_referral = *had;
    }
    let same = again.id == decoded.id && again.operation == decoded.operation;
    ensure(same, "a response comes back the same")?;
    controls_round_trip(&decoded.controls)
}

fn controls_round_trip(content: &[u8]) -> Outcome {
    let Ok(controls) = Control::read_all(content) else { return Ok(()) };
    let mut writer = Writer::new();
    controls.iter().for_each(|control| control.write(&mut writer));
    ensure(Control::read_all(writer.octets()) == Ok(controls), "controls come back the same")
}

/// A filter read from BER or from text stays within its limits and comes back the same from BER; from text
/// it comes back the same or not at all.
pub fn filter(octets: &[u8]) -> Outcome {
    if let Ok(filter) = Filter::read(&mut Reader::new(octets)) {
        filter_round_trip(&filter)?;
        if let Ok(again) = Filter::parse(&filter.to_string()) {
            ensure(again == filter, "text is never read as another filter")?;
        }
    }
    if let Ok(text) = std::str::from_utf8(octets) {
        match Filter::parse(text) {
            Ok(filter) => {
                filter_round_trip(&filter)?;
                let again = Filter::parse(&filter.to_string());
                ensure(again == Ok(filter), "text comes back the same")?;
            }
            Err(error) => ensure(
                error.offset <= text.len() && text.is_char_boundary(error.offset),
                "an error is somewhere in the text",
            )?,
        }
    }
    Ok(())
}

fn filter_round_trip(filter: &Filter) -> Outcome {
    let mut parts = 0;
    ensure(depth(filter, &mut parts) <= MAX_DEPTH, "depth is bounded")?;
    ensure(parts <= MAX_COMPONENTS, "parts are bounded")?;
    let mut writer = Writer::new();
    filter.write(&mut writer);
    let again = Filter::read(&mut Reader::new(writer.octets()));
    ensure(again.as_ref() == Ok(filter), "a filter comes back the same")
}

fn depth(filter: &Filter, parts: &mut usize) -> usize {
    *parts += 1;
    match filter {
        Filter::And(filters) | Filter::Or(filters) => {
            1 + filters.iter().map(|filter| depth(filter, parts)).max().unwrap_or(0)
        }
        Filter::Not(filter) => 1 + depth(filter, parts),
        Filter::Substrings { any, .. } => {
            *parts += any.len();
            0
        }
        Filter::Equality { .. }
        | Filter::GreaterOrEqual { .. }
        | Filter::LessOrEqual { .. }
        | Filter::Present(_)
        | Filter::Approx { .. }
        | Filter::Extensible { .. } => 0,
    }
}

/// Names (one per line) come back the same, are normalised to one form however they are read, and their
/// ancestry is that of their parts.
pub fn dn(octets: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(octets) else { return Ok(()) };
    let mut names = Vec::new();
    for line in text.split('\n').take(4) {
        match DistinguishedName::parse(line) {
            Ok(name) => {
                name_properties(line, &name)?;
                names.push((name.normalized(), parts(&name)));
            }
            Err(error) => {
                ensure(error.offset <= line.len(), "an error is somewhere in the text")?;
                ensure(NormalizedDn::parse(line) == Err(error), "both readers refuse")?;
            }
        }
    }
    for (a, parts_of_a) in &names {
        for (b, parts_of_b) in &names {
            let within = parts_of_a.ends_with(parts_of_b);
            ensure(a.is_within(b) == within, "ancestry is that of the parts")?;
        }
    }
    Ok(())
}

fn name_properties(text: &str, name: &DistinguishedName) -> Outcome {
    let printed = name.to_string();
    ensure(name.rdns().len() <= MAX_AVAS, "parts are bounded")?;
    // Quoted values grow when they are printed without quotes.
    if let Ok(again) = DistinguishedName::parse(&printed) {
        ensure(again == *name, "a name comes back the same")?;
        ensure(again.to_string() == printed, "printing is stable")?;
    } else {
        ensure(printed.len() > text.len(), "a printed name is a name")?;
    }
    let normalized = name.normalized();
    ensure(NormalizedDn::parse(text) == Ok(normalized.clone()), "both ways to normalise agree")?;
    if let Ok(again) = NormalizedDn::parse(normalized.as_str()) {
        ensure(again == normalized, "normalising is stable")?;
    } else {
        ensure(normalized.as_str().len() > text.len(), "a normalised name is a name")?;
    }
    ensure(normalized.depth() == name.rdns().len(), "depth is the number of parts")?;
    ensure(normalized.ancestors().count() == normalized.depth() + 1, "ancestors are counted")?;
    let Some(parent) = name.parent() else { return Ok(()) };
    let above = parent.normalized();
    ensure(normalized.parent().as_ref() == Some(&above), "the parent is the parent")?;
    ensure(normalized.is_within(&above) && !above.is_within(&normalized), "a child is below")?;
    let moved = rebase(text, &above, &parent).map_err(|error| error.to_string())?;
    let moved = moved.ok_or("a child can be moved")?;
    if let Ok(again) = NormalizedDn::parse(&moved) {
        ensure(again == normalized, "moving to the same place changes nothing")?;
    }
    Ok(())
}

fn parts(name: &DistinguishedName) -> Vec<NormalizedDn> {
    let alone = |rdn: &super::dn::Rdn| DistinguishedName(vec![rdn.clone()]).normalized();
    name.rdns().iter().map(alone).collect()
}

fn ensure(holds: bool, property: &str) -> Outcome {
    if holds { Ok(()) } else { Err(format!("broken property: {property}")) }
}
