//! The headers that an owner wants sent besides: as a request names them, as the table keeps them, and as they may
//! be shown.

use std::borrow::Cow;
use std::collections::BTreeMap;

use courier::{HIDDEN, Header};
use domain::endpoint::Endpoint;
use domain::input::{Fault, Fields};
use domain::seal::Sealed;
use edge::Answer;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::App;

/// What the description says of them.
#[derive(Debug)]
pub(crate) struct HeadersShape;

impl ToSchema for HeadersShape {
    fn name() -> Cow<'static, str> {
        "SentHeaders".into()
    }
}

impl PartialSchema for HeadersShape {
    fn schema() -> RefOr<Schema> {
        // The names that courier and egress keep for themselves, in the spelling that most use.
        let name = "^(?!(webhook-.*|x-signature|content-(type|encoding|length)|user-agent|cookie|connection|expect|\
                    host|proxy-.*|te|trailer|transfer-encoding|upgrade|keep-alive|http2-settings)$)\
                    [a-z0-9!#$%&'*+.^_`|~-]{1,64}$";
        let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some(name));
        let value = r"^[!-~]([\t -~]{0,1022}[!-~])?$";
        let value = ObjectBuilder::new().schema_type(Type::String).pattern(Some(value));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("Headers by their names, which are read in any case of their letters."))
            .property_names(Some(Schema::Object(name.build())))
            .additional_properties(Some(value))
            .max_properties(Some(MOST_HEADERS))
            .into()
    }
}

/// How many there may be.
pub(crate) const MOST_HEADERS: usize = 20;

/// Takes them out of a body. A value may be [`HIDDEN`]: what [`kept`] makes of it depends on what is stored.
pub(crate) fn take(fields: &mut Fields) -> Option<Vec<Header>> {
    let (_, raw) = fields.raw(&["headers"])?;
    let Ok(members) = serde_json::from_str::<BTreeMap<String, serde_json::Value>>(raw.get()) else {
        fields.fault("/headers", "must be an object whose members are texts");
        return None;
    };
    if members.len() > MOST_HEADERS {
        fields.fault("/headers", format!("must have at most {MOST_HEADERS} members"));
    }
    let mut taken: Vec<Header> = Vec::new();
    for (name, value) in &members {
        match parsed(name, value) {
            Ok(header) if taken.iter().any(|other| other.name == header.name) => {
                fields.fault(place(name), "is named twice: upper and lower case are the same");
            }
            Ok(header) => taken.push(header),
            Err(reason) => fields.fault(place(name), reason),
        }
    }
    Some(taken)
}

/// The headers with what stands for a hidden value replaced by what is stored under its name.
pub(crate) fn kept(wanted: &[Header], stored: &[Header]) -> Result<Vec<Header>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut all = Vec::new();
    for header in wanted {
        let before = stored.iter().find(|before| before.name == header.name);
        match (header.value == HIDDEN, before) {
            (false, _) => all.push(header.clone()),
            (true, Some(before)) => all.push(before.clone()),
            (true, None) => {
                let told = "stands for the stored value, and there is none of this name";
                faults.push(Fault::new(place(header.name.as_str()), told));
            }
        }
    }
    if faults.is_empty() { Ok(all) } else { Err(faults) }
}

/// Whether both have the same names and values, in any order.
pub(crate) fn same(one: &[Header], other: &[Header]) -> bool {
    one.len() == other.len() && one.iter().all(|header| other.contains(header))
}

/// As they may be shown.
pub(crate) fn shown(headers: &[Header]) -> BTreeMap<String, String> {
    headers.iter().map(|header| (header.name.as_str().to_owned(), HIDDEN.to_owned())).collect()
}

impl App {
    /// Seals them for an endpoint; none at all needs no seal.
    pub(crate) async fn seal_headers(&self, headers: &[Header], owner: &str) -> Answer<Option<Sealed>> {
        if headers.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.vault.seal(&Header::write(headers), owner).await?))
    }

    /// What an endpoint's owner wants sent besides; `None` if it cannot be opened any more.
    pub(crate) async fn headers_of(&self, endpoint: &Endpoint) -> Answer<Option<Vec<Header>>> {
        let Some(sealed) = &endpoint.headers else { return Ok(Some(Vec::new())) };
        let opened = self.vault.open(sealed, &endpoint.id.to_string()).await?;
        let headers = opened.as_deref().and_then(Header::read);
        if headers.is_none() {
            tracing::error!(endpoint = %endpoint.id, "headers cannot be opened with the present data key");
        }
        Ok(headers)
    }
}

fn parsed(name: &str, value: &serde_json::Value) -> Result<Header, String> {
    let text = value.as_str().ok_or("must be a text")?;
    Header::parse(name, text).map_err(|refused| refused.to_string())
}

/// Where a header stands in a body (RFC 6901).
fn place(name: &str) -> String {
    format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Vec<Header> {
        pairs.iter().map(|(name, value)| Header::parse(name, value).unwrap()).collect()
    }

    #[test]
    fn a_hidden_value_is_the_stored_one() {
        let stored = headers(&[("x-team", "red"), ("authorization", "Bearer x")]);
        let wanted = headers(&[("Authorization", HIDDEN), ("x-new", "1")]);
        assert_eq!(
            kept(&wanted, &stored).unwrap(),
            headers(&[("authorization", "Bearer x"), ("x-new", "1")])
        );
        let faults = kept(&headers(&[("x-other", HIDDEN)]), &stored).unwrap_err();
        assert_eq!(faults[0].pointer, "/headers/x-other");
    }

    #[test]
    fn the_order_makes_no_difference() {
        let (one, two) = (headers(&[("a", "1"), ("b", "2")]), headers(&[("b", "2"), ("a", "1")]));
        assert!(
            same(&one, &two) && !same(&one, &two[..1]) && !same(&one, &headers(&[("a", "1"), ("b", "3")]))
        );
    }

    #[test]
    fn faults_stand_where_json_pointer_says() {
        let mut fields =
            Fields::parse(br#"{"headers":{"a/b":"1","c~d":7,"X-A":"1","x-a":"2","ok":"1"}}"#).unwrap();
        take(&mut fields);
        let places: Vec<_> = fields.finish().unwrap_err().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(places, ["/headers/a~1b", "/headers/c~0d", "/headers/x-a"]);
    }
}
