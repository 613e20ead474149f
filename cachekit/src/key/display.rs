//! The arguments of a key as `Display` writes such values, for keys that other programs share.
//!
//! What it deliberately does not do: tell keys apart. That is what [`text`](super::text) is for, whose texts stand here too
//! where `Display` has none.

use super::text::{has_part, part, sized, take};
use super::writer::tag;

/// The text of each element as `Display` writes such a value, where there is one text for it; else as in the canonical form.
pub(crate) fn displayed(bytes: &[u8]) -> Vec<String> {
    let mut rest = bytes;
    let mut texts = Vec::new();
    while has_part(rest) {
        let mut text = String::new();
        display(&mut rest, &mut text);
        texts.push(text);
    }
    texts
}

/// Writes the next element without quotes, and the content of an option in its place.
fn display(rest: &mut &[u8], out: &mut String) {
    let mut ahead = *rest;
    let written = match take::<1>(&mut ahead) {
        Some([tag::SOME]) => {
            *rest = ahead;
            return display(rest, out);
        }
        Some([tag::STR]) => sized(&mut ahead).and_then(|text| std::str::from_utf8(text).ok()).map(ToOwned::to_owned),
        Some([tag::CHAR]) => {
            take(&mut ahead).and_then(|code| char::from_u32(u32::from_le_bytes(code))).map(String::from)
        }
        Some([tag::F32]) => take(&mut ahead).map(|bits| f32::from_bits(u32::from_le_bytes(bits)).to_string()),
        Some([tag::F64]) => take(&mut ahead).map(|bits| f64::from_bits(u64::from_le_bytes(bits)).to_string()),
        _ => None,
    };
    match written {
        Some(text) => {
            out.push_str(&text);
            *rest = ahead;
        }
        None => part(rest, out),
    }
}
