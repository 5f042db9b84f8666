//! Reading a payload: each member by name, every fault with its place.

use std::fmt::Display;

use domain::input::Fault;
use serde_json::Value;

use crate::Failure;

/// A payload that is being read. `null` is as good as nothing, and members that nobody asks for are nobody's
/// business: a payload may carry more than its task needs.
pub(crate) struct Reading<'a> {
    payload: &'a Value,
    faults: Vec<Fault>,
}

impl<'a> Reading<'a> {
    pub(crate) fn of(payload: &'a Value) -> Self {
        Self { payload, faults: Vec::new() }
    }

    /// A member of any kind.
    pub(crate) fn member(&self, name: &str) -> Option<&'a Value> {
        self.payload.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str) -> Option<&'a str> {
        let value = self.member(name)?;
        if !value.is_string() {
            self.fault(name, "must be a text");
        }
        value.as_str()
    }

    /// Notes a fault at a place below the payload, such as `to` or `to/1`.
    pub(crate) fn fault(&mut self, place: impl Display, message: impl Display) {
        self.faults.push(Fault::new(format!("/payload/{place}"), message.to_string()));
    }

    /// What was read, if it is all there and nothing is wrong.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, Vec<Fault>> {
        match read {
            Some(read) if self.faults.is_empty() => Ok(read),
            _ => Err(self.faults),
        }
    }
}

/// A member's name as a part of a place.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The end of a task whose payload does not pass its check. It did when the job was created, or nobody looked.
pub(crate) fn refused(faults: Vec<Fault>) -> Failure {
    let told: Vec<String> =
        faults.into_iter().map(|fault| format!("{} {}", fault.pointer, fault.message)).collect();
    Failure::Final(told.join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payload_is_read_or_its_faults_are_told() {
        let payload = json!({"name": "x", "none": null, "number": 7});
        let mut reading = Reading::of(&payload);
        assert_eq!(
            (reading.text("name"), reading.text("none"), reading.text("absent")),
            (Some("x"), None, None)
        );
        assert_eq!(reading.finish(Some(1)), Ok(1));
        let mut reading = Reading::of(&payload);
        assert_eq!(reading.text("number"), None);
        reading.fault(format!("headers/{}", escaped("a/b~c")), "is wrong");
        let faults = reading.finish(Some(1)).unwrap_err();
        assert_eq!(
            refused(faults),
            Failure::Final("/payload/number must be a text; /payload/headers/a~1b~0c is wrong".to_owned())
        );
    }
}
