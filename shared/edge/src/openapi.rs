//! The description of the API, put together from what each function says of itself.

mod links;

use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::Document;

/// The name of the security scheme: an operation that needs a token or a key says `security(("bearer" = []))`.
pub const BEARER: &str = "bearer";
/// The scheme of a key in its own header; it stands wherever [`BEARER`] does.
pub const API_KEY: &str = "apiKey";
/// What an operation says that takes a token and no key; in the document it is [`BEARER`] alone.
pub const SESSION: &str = "session";

const PROBLEM: &str = "Problem";
/// How a problem is sent, whatever a function says of its answers.
const PROBLEM_TYPE: &str = "application/problem+json";

/// One document out of the functions' own. Every operation gets the problem as its default answer, and those
/// that need a token a 401.
pub fn document(version: &str, parts: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    let info = InfoBuilder::new()
        .title("Nightjar")
        .version(version)
        .description(Some(
            "Jobs that run now or on a schedule, and a signed webhook when one ends. \
             Every path also answers under /api.",
        ))
        .build();
    let mut whole = OpenApiBuilder::new().info(info).build();
    for part in parts {
        whole.merge(part);
    }
    for item in whole.paths.paths.values_mut() {
        operations(item).for_each(add_problems);
        operations(item).for_each(type_problems);
        operations(item).for_each(name_credentials);
        operations(item).for_each(allow_empty);
    }
    links::add(&mut whole);
    add_components(whole.components.get_or_insert_with(Components::new));
    whole
}

fn add_components(components: &mut Components) {
    let scheme = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "The token that POST /login answers. Where apiKey is named too, an API key may stand in its place.",
        ))
        .build();
    components.security_schemes.insert(BEARER.to_owned(), SecurityScheme::Http(scheme).into());
    let key = ApiKeyValue::with_description(
        "X-Api-Key",
        "A key that POST /keys answers. Its scopes say what it may be used for: read for GET and previews, write \
         for what changes records, run for what starts or stops jobs and, beside write, for what sets a schedule; \
         read beside write for what shows or uses the secret of a webhook endpoint. Without read it is answered \
         receipts. No key opens what takes a session: logout, keys, changes of the account, and the account's own \
         secret that signs webhooks.",
    );
    let key = SecurityScheme::ApiKey(ApiKey::Header(key));
    components.security_schemes.insert(API_KEY.to_owned(), key.into());
    let mut schemas = Vec::new();
    Document::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components.schemas.insert(PROBLEM.to_owned(), Document::schema());
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(PROBLEM))).build();
    let answer = ResponseBuilder::new()
        .description("What went wrong (RFC 9457).")
        .content(PROBLEM_TYPE, content)
        .build();
    components.responses.insert(PROBLEM.to_owned(), answer.into());
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

fn add_problems(operation: &mut Operation) {
    let needs_token = operation.security.as_ref().is_some_and(|needed| !needed.is_empty());
    let codes = needs_token.then_some("401").into_iter().chain(["default"]);
    for code in codes {
        let answer = RefOr::Ref(Ref::from_response_name(PROBLEM));
        operation.responses.responses.entry(code.to_owned()).or_insert(answer);
    }
}

fn type_problems(operation: &mut Operation) {
    let answers = operation.responses.responses.iter_mut();
    for (_, answer) in answers.filter(|(status, _)| status.starts_with(['4', '5'])) {
        let RefOr::T(answer) = answer else { continue };
        if let Some(content) = answer.content.shift_remove("application/json") {
            answer.content.insert(PROBLEM_TYPE.to_owned(), content);
        }
    }
}

/// An empty parameter is as good as none ([`Query`](crate::Query)).
fn allow_empty(operation: &mut Operation) {
    let parameters = operation.parameters.iter_mut().flatten();
    for parameter in parameters.filter_map(|one| if let RefOr::T(one) = one { Some(one) } else { None }) {
        if parameter.parameter_in == ParameterIn::Query && parameter.required != Required::True {
            parameter.extensions = Some(Extensions::from_iter([("allowEmptyValue", true)]));
        }
    }
}

fn name_credentials(operation: &mut Operation) {
    let none = || Vec::<String>::new();
    let (bearer, key) = (SecurityRequirement::new(BEARER, none()), SecurityRequirement::new(API_KEY, none()));
    let Some(needed) = &mut operation.security else { return };
    if needed.contains(&SecurityRequirement::new(SESSION, none())) {
        *needed = vec![bearer];
    } else if needed.contains(&bearer) && !needed.contains(&key) {
        needed.push(key);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[utoipa::path(get, path = "/open", responses((status = 200)))]
    #[allow(dead_code, reason = "only its description is looked at")]
    fn open() {}

    #[utoipa::path(get, path = "/closed", security(("bearer" = [])),
        responses((status = 200, body = String), (status = 409, body = Document)))]
    #[allow(dead_code, reason = "only its description is looked at")]
    fn closed() {}

    #[derive(utoipa::OpenApi)]
    #[openapi(paths(open))]
    struct One;

    #[utoipa::path(delete, path = "/closed", responses((status = 200)), security(("session" = [])))]
    #[allow(dead_code, reason = "only its description is looked at")]
    fn own() {}

    #[derive(utoipa::OpenApi)]
    #[openapi(paths(closed, own))]
    struct Two;

    #[test]
    fn each_operation_tells_how_it_fails() {
        use utoipa::OpenApi;
        let whole = serde_json::to_value(document("1", [One::openapi(), Two::openapi()])).unwrap();
        let answer = |path: &str, code: &str| whole["paths"][path]["get"]["responses"][code]["$ref"].clone();
        let problem = Value::from("#/components/responses/Problem");
        assert_eq!(answer("/open", "default"), problem);
        assert_eq!(answer("/open", "401"), Value::Null);
        assert_eq!(answer("/closed", "401"), problem);
        let components = &whole["components"];
        assert_eq!(components["securitySchemes"]["bearer"]["scheme"], "bearer");
        assert_eq!(components["securitySchemes"]["apiKey"]["name"], "X-Api-Key");
        let closed = &whole["paths"]["/closed"];
        let content = |code: &str| closed["get"]["responses"][code]["content"].as_object().unwrap().clone();
        assert!(content("409").keys().eq(["application/problem+json"]));
        assert!(!content("200").contains_key("application/problem+json"));
        assert_eq!(closed["get"]["security"], json!([{"bearer": []}, {"apiKey": []}]));
        assert_eq!(closed["delete"]["security"], json!([{"bearer": []}]));
        assert!(components["schemas"]["Problem"]["properties"]["requestId"].is_object());
        assert!(components["schemas"]["Fault"].is_object(), "{components}");
    }
}
