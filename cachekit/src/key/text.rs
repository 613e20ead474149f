//! The arguments of a key as text, and back.
//!
//! The text is what a backend stores entries under and what logs show, so it is short and readable: `5`, `"ann",2`,
//! `some(1)`, `[1,2]`, `(1,'x')`, `Named("a","b")`, `x"00ff"`.
//! Every key has one text and every such text one key; whatever [`read`] cannot give back letter by letter is no text
//! of arguments.

use std::fmt::Write as _;

use super::writer::{KeyWriter, tag};

/// Nesting that `read` follows; deeper text is not that of arguments.
const DEPTH: usize = 256;

/// Words that stand for something other than a variant of that name.
const RESERVED: [&str; 8] = ["true", "false", "none", "some", "inf", "inff", "nan", "x"];

/// Appends the text of the elements in `bytes`, with commas between them.
pub(crate) fn write(bytes: &[u8], out: &mut String) {
    let mut rest = bytes;
    let mut is_first = true;
    while has_part(rest) {
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        part(&mut rest, out);
    }
}

/// The text of each element in `bytes`; zeros at the end are padding.
pub(crate) fn parts(bytes: &[u8]) -> Vec<String> {
    let mut rest = bytes;
    let mut parts = Vec::new();
    while has_part(rest) {
        let mut text = String::new();
        part(&mut rest, &mut text);
        parts.push(text);
    }
    parts
}

pub(super) fn has_part(rest: &[u8]) -> bool {
    rest.first().is_some_and(|tag| *tag != 0)
}

/// Writes the next element and takes it off `rest`.
pub(super) fn part(rest: &mut &[u8], out: &mut String) {
    if element(rest, out).is_none() {
        // Only a `KeyPart` by hand that closes too little or too much comes here.
        out.push('?');
        *rest = &[];
    }
}

/// The elements that `text` stands for, if it is exactly what `write` makes of them.
pub(crate) fn read(text: &str) -> Option<KeyWriter> {
    let mut writer = KeyWriter::new();
    let mut reader = Reader { rest: text };
    if !text.is_empty() {
        reader.sequence(&mut writer, 0)?;
    }
    let mut again = String::with_capacity(text.len());
    write(&writer.to_bytes(), &mut again);
    (reader.rest.is_empty() && again == text).then_some(writer)
}

/// Writes one element and takes it off `rest`; `None` where the bytes are no element.
fn element(rest: &mut &[u8], out: &mut String) -> Option<()> {
    let tag = take::<1>(rest)?[0];
    match tag {
        tag::FALSE => out.push_str("false"),
        tag::TRUE => out.push_str("true"),
        tag::NONE => out.push_str("none"),
        tag::SOME => {
            out.push_str("some(");
            element(rest, out)?;
            out.push(')');
        }
        tag::UINT => write!(out, "{}", u64::from_le_bytes(take(rest)?)).ok()?,
        tag::NEGATIVE => write!(out, "{}", i64::from_le_bytes(take(rest)?)).ok()?,
        tag::BIG_UINT => write!(out, "{}", u128::from_le_bytes(take(rest)?)).ok()?,
        tag::BIG_NEGATIVE => write!(out, "{}", i128::from_le_bytes(take(rest)?)).ok()?,
        tag::F32 => {
            let value = f32::from_bits(u32::from_le_bytes(take(rest)?));
            if value.is_nan() {
                write!(out, "nan({:08x})", value.to_bits()).ok()?;
            } else {
                write!(out, "{value:?}f").ok()?;
            }
        }
        tag::F64 => {
            let value = f64::from_bits(u64::from_le_bytes(take(rest)?));
            if value.is_nan() {
                write!(out, "nan({:016x})", value.to_bits()).ok()?;
            } else {
                write!(out, "{value:?}").ok()?;
            }
        }
        tag::CHAR => quote(&[char::from_u32(u32::from_le_bytes(take(rest)?))?].iter().collect::<String>(), '\'', out),
        tag::STR => quote(std::str::from_utf8(sized(rest)?).ok()?, '"', out),
        tag::BYTES => {
            out.push_str("x\"");
            for byte in sized(rest)? {
                write!(out, "{byte:02x}").ok()?;
            }
            out.push('"');
        }
        tag::LIST => enclosed(rest, '[', ']', out)?,
        tag::TUPLE => enclosed(rest, '(', ')', out)?,
        tag::VARIANT => {
            let name = std::str::from_utf8(sized(rest)?).ok()?;
            if is_name(name) && !RESERVED.contains(&name) {
                out.push_str(name);
            } else {
                out.push('#');
                quote(name, '"', out);
            }
            if rest.first() == Some(&tag::CLOSE) {
                *rest = &rest[1..];
            } else {
                enclosed(rest, '(', ')', out)?;
            }
        }
        _ => return None,
    }
    Some(())
}

fn enclosed(rest: &mut &[u8], open: char, close: char, out: &mut String) -> Option<()> {
    out.push(open);
    let mut first = true;
    while *rest.first()? != tag::CLOSE {
        if !first {
            out.push(',');
        }
        first = false;
        element(rest, out)?;
    }
    *rest = &rest[1..];
    out.push(close);
    Some(())
}

fn quote(text: &str, mark: char, out: &mut String) {
    out.push(mark);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            _ if character == mark => out.extend(['\\', mark]),
            _ if character.is_control() => out.extend(character.escape_unicode()),
            _ => out.push(character),
        }
    }
    out.push(mark);
}

pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

pub(super) fn sized<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut len: usize = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = take::<1>(rest)?[0];
        len |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            let (head, tail) = rest.split_at_checked(len)?;
            *rest = tail;
            return Some(head);
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|next| next.is_alphanumeric() || next == '_')
}

/// Reads more than `write` writes (`007`, `1e0`); the comparison at the end sorts that out.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn sequence(&mut self, writer: &mut KeyWriter, depth: usize) -> Option<()> {
        self.element(writer, depth)?;
        while self.skip(',') {
            self.element(writer, depth)?;
        }
        Some(())
    }

    fn element(&mut self, writer: &mut KeyWriter, depth: usize) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        match self.rest.chars().next()? {
            '"' => writer.str(&self.quoted('"')?),
            '\'' => {
                let text = self.quoted('\'')?;
                let mut characters = text.chars();
                writer.char(characters.next()?);
                characters.next().is_none().then_some(())?;
            }
            '[' => {
                writer.open_list();
                self.enclosed('[', ']', writer, depth)?;
            }
            '(' => {
                writer.open_tuple();
                self.enclosed('(', ')', writer, depth)?;
            }
            '#' => {
                self.skip('#');
                let name = self.quoted('"')?;
                self.variant(&name, writer, depth)?;
            }
            first if first == '-' || first.is_ascii_digit() => self.number(writer)?,
            _ => self.word(writer, depth)?,
        }
        Some(())
    }

    fn enclosed(&mut self, open: char, close: char, writer: &mut KeyWriter, depth: usize) -> Option<()> {
        self.skip(open).then_some(())?;
        if !self.rest.starts_with(close) {
            self.sequence(writer, depth + 1)?;
        }
        writer.close();
        self.skip(close).then_some(())
    }

    fn variant(&mut self, name: &str, writer: &mut KeyWriter, depth: usize) -> Option<()> {
        writer.open_variant(name);
        if self.rest.starts_with('(') {
            self.enclosed('(', ')', writer, depth)
        } else {
            writer.close();
            Some(())
        }
    }

    fn word(&mut self, writer: &mut KeyWriter, depth: usize) -> Option<()> {
        let word = self.take_while(|next| next.is_alphanumeric() || next == '_');
        match word {
            "" => return None,
            "true" => writer.bool(true),
            "false" => writer.bool(false),
            "none" => writer.none(),
            "inf" => writer.float64(f64::INFINITY),
            "inff" => writer.float32(f32::INFINITY),
            "some" => {
                self.skip('(').then_some(())?;
                writer.some();
                self.element(writer, depth + 1)?;
                self.skip(')').then_some(())?;
            }
            "nan" => {
                self.skip('(').then_some(())?;
                let bits = self.take_while(|next| next.is_ascii_hexdigit());
                match bits.len() {
                    8 => writer.float32(f32::from_bits(u32::from_str_radix(bits, 16).ok()?)),
                    16 => writer.float64(f64::from_bits(u64::from_str_radix(bits, 16).ok()?)),
                    _ => return None,
                }
                self.skip(')').then_some(())?;
            }
            "x" => {
                let digits = self.quoted('"')?;
                let bytes: Option<Vec<u8>> = digits
                    .as_bytes()
                    .chunks(2)
                    .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                    .collect();
                writer.bytes(&bytes?);
            }
            name => self.variant(name, writer, depth)?,
        }
        Some(())
    }

    fn number(&mut self, writer: &mut KeyWriter) -> Option<()> {
        let text = self.take_while(|next| next.is_ascii_alphanumeric() || matches!(next, '-' | '.'));
        if let Ok(value) = text.parse::<u128>() {
            writer.big_uint(value);
        } else if let Ok(value) = text.parse::<i128>() {
            writer.big_int(value);
        } else if let Some(short) = text.strip_suffix('f').filter(|short| *short != "-in") {
            writer.float32(short.parse().ok()?);
        } else {
            writer.float64(text.parse().ok()?);
        }
        Some(())
    }

    fn quoted(&mut self, mark: char) -> Option<String> {
        self.skip(mark).then_some(())?;
        let mut text = String::new();
        loop {
            match self.next()? {
                next if next == mark => return Some(text),
                '\\' => match self.next()? {
                    'u' => {
                        self.skip('{').then_some(())?;
                        let digits = self.take_while(|next| next.is_ascii_hexdigit());
                        text.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                        self.skip('}').then_some(())?;
                    }
                    escaped => text.push(escaped),
                },
                next => text.push(next),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next()?;
        self.rest = characters.as_str();
        Some(next)
    }

    fn skip(&mut self, expected: char) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|next| !belongs(next)).unwrap_or(self.rest.len());
        let (head, tail) = self.rest.split_at(end);
        self.rest = tail;
        head
    }
}
