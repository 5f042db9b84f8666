//! Reading a request body: each member by name, every fault with its place.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// One thing that is wrong with a request, and where (a JSON Pointer, RFC 6901, or a parameter's name).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where.
    pub pointer: String,
    /// What.
    pub message: String,
}

impl Fault {
    /// A fault at a place.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// The body is no JSON object at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnObject {
    /// The bytes are not UTF-8, which JSON requires (RFC 8259, section 8.1).
    #[error("the body is not UTF-8: the first wrong byte stands at offset {0}")]
    NotUtf8(usize),
    /// Nothing was sent.
    #[error("the body is empty; send a JSON object")]
    Empty,
    /// It is not JSON.
    #[error("the body is not valid JSON: {0}")]
    Syntax(String),
    /// It is JSON, but no object.
    #[error("the body must be a JSON object")]
    OtherValue,
}

/// The members of a JSON object, taken one by one.
#[derive(Debug)]
pub struct Fields {
    members: BTreeMap<String, Box<RawValue>>,
    faults: Vec<Fault>,
}

impl Fields {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, NotAnObject> {
        let text = std::str::from_utf8(body).map_err(|e| NotAnObject::NotUtf8(e.valid_up_to()))?;
        match text.trim_start().as_bytes().first() {
            None => return Err(NotAnObject::Empty),
            Some(b'{') => {}
            Some(_) => {
                let whole: Result<&RawValue, _> = serde_json::from_str(text);
                return Err(
                    whole.map_or_else(|e| NotAnObject::Syntax(e.to_string()), |_| NotAnObject::OtherValue)
                );
            }
        }
        let members = serde_json::from_str(text).map_err(|e| NotAnObject::Syntax(e.to_string()))?;
        Ok(Self { members, faults: Vec::new() })
    }

    /// A text, under the first of these names that the body has. `null` is as good as nothing.
    pub fn text(&mut self, names: &[&str]) -> Option<String> {
        self.value(names, "must be a text")
    }

    /// A whole number that is not negative; `3.0` is one too, as some clients write it.
    pub fn number(&mut self, names: &[&str]) -> Option<u64> {
        let (name, raw) = self.raw(names)?;
        let number = whole(raw.get());
        if number.is_none() {
            self.fault(format!("/{name}"), "must be a whole number, 0 or more");
        }
        number
    }

    /// True or false.
    pub fn flag(&mut self, names: &[&str]) -> Option<bool> {
        self.value(names, "must be true or false")
    }

    /// Any value, as it was written, and the name it came under.
    pub fn raw(&mut self, names: &[&str]) -> Option<(String, Box<RawValue>)> {
        let mut found = None;
        for name in names {
            if let Some(raw) = self.members.remove(*name)
                && raw.get() != "null"
                && found.is_none()
            {
                found = Some(((*name).to_owned(), raw));
            }
        }
        found
    }

    /// A value that has rules of its own.
    pub fn parsed<T, E: std::fmt::Display>(
        &mut self,
        names: &[&str],
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(names)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(refused) => {
                self.fault(format!("/{}", names[0]), refused.to_string());
                None
            }
        }
    }

    /// As [`parsed`](Self::parsed), and a fault if the body does not have it.
    pub fn required<T, E: std::fmt::Display>(
        &mut self,
        names: &[&str],
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if !names.iter().any(|name| self.has(name)) {
            self.fault(format!("/{}", names[0]), "is required");
            return None;
        }
        self.parsed(names, parse)
    }

    /// Whether the body has this member, with another value than `null`.
    pub fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|raw| raw.get() != "null")
    }

    /// Whether the body has this member as `null`: a change may take a value away by it.
    pub fn is_null(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|raw| raw.get() == "null")
    }

    /// Takes out members that may stand there and say nothing: what an answer carried and a client sends back.
    pub fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.members.remove(*name);
        }
    }

    /// Notes a fault.
    pub fn fault(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.faults.push(Fault::new(pointer, message));
    }

    /// Every fault, and one for each member that nobody asked for: a misspelt name must not pass unseen.
    pub fn finish(mut self) -> Result<(), Vec<Fault>> {
        for name in self.members.keys() {
            let place = name.replace('~', "~0").replace('/', "~1");
            self.faults.push(Fault::new(format!("/{place}"), "is not a member that this request knows"));
        }
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }

    fn value<T: DeserializeOwned>(&mut self, names: &[&str], complaint: &str) -> Option<T> {
        let (name, raw) = self.raw(names)?;
        match serde_json::from_str(raw.get()) {
            Ok(value) => Some(value),
            Err(_) => {
                self.fault(format!("/{name}"), complaint);
                None
            }
        }
    }
}

/// The whole number that a JSON number stands for, if it is one: in any notation, as JSON Schema reads it, as long as
/// nothing of it is lost.
pub fn whole(number: &str) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Ok(number) = serde_json::from_str(number) {
        return Some(number);
    }
    let number: f64 = serde_json::from_str(number).ok()?;
    // Up to 2^53 every whole number is written exactly, and its text is that of a whole number.
    let fits = number.fract() == 0.0 && (0.0..=EXACT).contains(&number);
    fits.then(|| format!("{:.0}", number.abs()).parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_members_under_either_name_and_reports_the_rest() {
        let mut fields =
            Fields::parse(br#"{"userName":"ada","email":7,"run":"yes","x/y":1,"n":-1,"z":null}"#).unwrap();
        assert_eq!(fields.text(&["name", "userName"]).as_deref(), Some("ada"));
        assert_eq!(fields.text(&["email"]), None);
        assert_eq!(fields.flag(&["run"]), None);
        assert_eq!(fields.number(&["n"]), None);
        assert!(fields.is_null("z") && !fields.is_null("n") && !fields.is_null("absent"));
        assert_eq!(fields.text(&["z"]), None);
        let places: Vec<_> = fields.finish().unwrap_err().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(places, ["/email", "/run", "/n", "/x~1y"]);
    }

    #[test]
    fn a_whole_number_may_be_written_in_any_notation() {
        for (text, number) in [
            ("0", 0),
            ("-0.0", 0),
            ("38.0", 38),
            ("1e2", 100),
            ("2.50E1", 25),
            ("18446744073709551615", u64::MAX),
            ("9007199254740992.0", 1 << 53),
        ] {
            assert_eq!(whole(text), Some(number), "{text}");
        }
        for text in ["-1", "-1.0", "1.5", "1e-1", "1e300", "9007199254740994.0", "true", "\"1\"", "null", ""]
        {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn tells_what_is_wrong_with_a_body() {
        assert_eq!(Fields::parse(b"").unwrap_err(), NotAnObject::Empty);
        assert_eq!(Fields::parse(b"[]").unwrap_err(), NotAnObject::OtherValue);
        assert_eq!(Fields::parse(b"{\"a\":\"\xff\"}").unwrap_err(), NotAnObject::NotUtf8(6));
        assert!(matches!(Fields::parse(b"{\"a\":}"), Err(NotAnObject::Syntax(_))));
        assert!(matches!(Fields::parse(b"{\"a\":1} x"), Err(NotAnObject::Syntax(_))));
    }

    #[test]
    fn a_deep_body_is_read_without_recursion() {
        let deep = format!("{{\"payload\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let mut fields = Fields::parse(deep.as_bytes()).unwrap();
        let (_, raw) = fields.raw(&["payload"]).unwrap();
        assert!(crate::payload::Payload::new(&raw).is_err());
    }
}
