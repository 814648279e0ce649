//! Moving a name under another base.

use super::name::DistinguishedName;
use super::normalized::{NormalizedDn, Normalizer};
use super::scan::{DnError, Scanner};

/// `name` with its suffix `from` replaced by `to`; `None` if `name` is not within `from`. What stands
/// below the suffix keeps its spelling to the last escape, so rewritten names still compare equal as
/// strings when the originals did.
///
/// # Errors
/// `name` is not a distinguished name.
pub fn rebase(
    name: &str,
    from: &NormalizedDn,
    to: &DistinguishedName,
) -> Result<Option<String>, DnError> {
    let mut scanner = Scanner::new(name)?;
    let mut normalizer = Normalizer::default();
    let mut ends = Vec::new();
    while let Some(ava) = scanner.next()? {
        normalizer.push(ava.attribute, &ava.value, ava.encoded);
        if !ava.continues {
            normalizer.end_rdn();
            ends.push(ava.end);
        }
    }
    if !normalizer.finish().is_within(from) {
        return Ok(None);
    }
    let kept = ends.len().saturating_sub(from.depth());
    let below = match kept.checked_sub(1).and_then(|last| ends.get(last)) {
        Some(&end) => name.get(..end).unwrap_or_default().trim_start_matches(' '),
        None => return Ok(Some(to.to_string())),
    };
    Ok(Some(if to.is_root() { below.to_owned() } else { format!("{below},{to}") }))
}
