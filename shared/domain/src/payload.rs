//! A job's payload: any JSON value, kept as the compact text it came as.
//!
//! It is not parsed into a tree: numbers keep every digit, members keep their order, and what the webhook
//! carries is what the caller wrote, less the white space.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// The largest payload, as compact JSON.
pub const MAX_BYTES: usize = 256 * 1024;
/// How deep arrays and objects may nest: receivers parse this with ordinary recursive parsers.
pub const MAX_DEPTH: usize = 100;

/// A JSON value as compact text.
#[derive(Clone, Debug)]
pub struct Payload(Box<RawValue>);

/// Why a payload is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is larger than [`MAX_BYTES`].
    #[error("is {0} bytes of JSON; at most 262144 (256 KiB) are taken")]
    TooLarge(usize),
    /// It nests deeper than [`MAX_DEPTH`].
    #[error("nests deeper than 100 levels")]
    TooDeep,
    /// It is not JSON.
    #[error("is not JSON")]
    NotJson,
}

impl Payload {
    /// The payload of a job that was created without one: `{}`.
    pub fn empty() -> Self {
        Self(RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// Takes a value as it stood in a request.
    pub fn new(raw: &RawValue) -> Result<Self, Refused> {
        let text = compact(raw.get())?;
        if text.len() > MAX_BYTES {
            return Err(Refused::TooLarge(text.len()));
        }
        RawValue::from_string(text).map(Self).map_err(|_| Refused::NotJson)
    }

    /// Takes text that was stored.
    pub fn stored(text: String) -> Result<Self, Refused> {
        RawValue::from_string(text).map(Self).map_err(|_| Refused::NotJson)
    }

    /// The compact text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The value for a serializer that writes JSON.
    pub fn raw(&self) -> &RawValue {
        &self.0
    }

    /// The value as a tree.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(self.as_str()).unwrap_or_default()
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Payload {}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

/// Drops the white space between tokens and measures the depth. The text is JSON already.
fn compact(text: &str) -> Result<String, Refused> {
    let mut out = String::with_capacity(text.len());
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for c in text.chars() {
        if in_string {
            out.push(c);
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match c {
            ' ' | '\n' | '\r' | '\t' => continue,
            '"' => in_string = true,
            '[' | '{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Refused::TooDeep);
                }
            }
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        out.push(c);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(text: &str) -> Result<Payload, Refused> {
        Payload::new(&RawValue::from_string(text.to_owned()).unwrap())
    }

    #[test]
    fn keeps_the_text_but_for_white_space() {
        let kept = payload("{ \"b\" : 12345678901234567890.10 ,\n \"a\": \" two  \\\" \\\\\" }").unwrap();
        assert_eq!(kept.as_str(), r#"{"b":12345678901234567890.10,"a":" two  \" \\"}"#);
    }

    #[test]
    fn refuses_what_is_too_deep_or_too_large() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(payload(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(payload(&nested(MAX_DEPTH + 1)).unwrap_err(), Refused::TooDeep);
        let text = |n: usize| format!("\"{}\"", "x".repeat(n - 2));
        assert!(payload(&text(MAX_BYTES)).is_ok());
        assert_eq!(payload(&text(MAX_BYTES + 1)).unwrap_err(), Refused::TooLarge(MAX_BYTES + 1));
    }

    #[test]
    fn a_bracket_in_a_string_is_no_depth() {
        assert!(payload(&format!("\"{}\"", "[".repeat(1_000))).is_ok());
    }
}
