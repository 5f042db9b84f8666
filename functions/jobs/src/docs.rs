//! The page that explains the API, written from its OpenAPI document: no script, nothing from elsewhere.

use std::fmt::Write;

use domain::signature::to_base64;
use edge::Code;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A page, and the policy under which a browser may show it.
pub(crate) struct Page {
    pub(crate) html: String,
    pub(crate) policy: String,
}

const STYLE: &str = include_str!("docs/page.css");
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

impl Page {
    /// The page of this document.
    pub(crate) fn of(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let hash = to_base64(&Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        Self { html: page(&document), policy }
    }
}

fn page(document: &Value) -> String {
    let title = escaped(text(&document["info"]["title"]));
    let operations = operations(document);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} API</title><style>{STYLE}</style></head><body>"
    );
    push(
        &mut out,
        format_args!("<nav><h1>{title}</h1><p>{}</p>", escaped(text(&document["info"]["version"]))),
    );
    let mut tag = "";
    for operation in &operations {
        if operation.tag != tag {
            tag = operation.tag;
            push(&mut out, format_args!("<h2>{}</h2>", escaped(tag)));
        }
        push(&mut out, format_args!("<a href=\"#{}\">{}</a>", operation.anchor(), operation.heading()));
    }
    out.push_str("<h2>also</h2><a href=\"#schemas\">Schemas</a><a href=\"#errors\">Errors</a></nav><main>");
    push(&mut out, format_args!("<p>{}</p>", escaped(text(&document["info"]["description"]))));
    out.push_str(
        "<p>The commands below expect two variables:</p>\
         <pre>API=http://localhost:3000\nTOKEN=the token that POST /login answers</pre>",
    );
    for operation in &operations {
        operation.write(&mut out, document);
    }
    schemas(&mut out, document);
    errors(&mut out);
    out.push_str("</main></body></html>\n");
    out
}

struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    tag: &'a str,
    says: &'a Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            if let Some(says) = item.get(method) {
                all.push(Operation { method, path, tag: text(&says["tags"][0]), says });
            }
        }
    }
    all.sort_by_key(|operation| operation.tag);
    all
}

impl Operation<'_> {
    fn anchor(&self) -> String {
        let path: String =
            self.path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        format!("{}{path}", self.method)
    }

    fn heading(&self) -> String {
        let method = self.method.to_uppercase();
        format!("<b class=\"{}\">{method}</b> <code>{}</code>", self.method, escaped(self.path))
    }

    fn needs_token(&self) -> bool {
        self.says["security"].as_array().is_some_and(|needed| !needed.is_empty())
    }

    fn write(&self, out: &mut String, document: &Value) {
        push(out, format_args!("<section id=\"{}\"><h3>{}</h3>", self.anchor(), self.heading()));
        for part in ["summary", "description"] {
            if let Some(told) = self.says[part].as_str() {
                push(out, format_args!("<p>{}</p>", prose(told)));
            }
        }
        if !self.needs_token() {
            out.push_str("<p class=\"note\">Needs no token.</p>");
        }
        self.write_parameters(out);
        if let Some(schema) = self.body_schema() {
            push(out, format_args!("<h4>Body</h4><p>{}</p>", type_of(schema)));
        }
        out.push_str("<h4>Answers</h4><table>");
        for (status, answer) in self.says["responses"].as_object().into_iter().flatten() {
            let answer = resolved(document, answer);
            let content = answer["content"].as_object().and_then(|kinds| kinds.values().next());
            let body = content.map(|content| type_of(&content["schema"])).unwrap_or_default();
            let told = prose(text(&answer["description"]));
            push(out, format_args!("<tr><th>{}</th><td>{told}</td><td>{body}</td></tr>", escaped(status)));
        }
        push(out, format_args!("</table><pre>{}</pre></section>", escaped(&self.curl(document))));
    }

    fn write_parameters(&self, out: &mut String) {
        let Some(parameters) = self.says["parameters"].as_array().filter(|all| !all.is_empty()) else {
            return;
        };
        out.push_str("<h4>Parameters</h4><table>");
        for parameter in parameters {
            let (name, place) = (escaped(text(&parameter["name"])), escaped(text(&parameter["in"])));
            let told = prose(text(&parameter["description"]));
            push(out, format_args!("<tr><th>{name}</th><td>{place}</td><td>{told}</td></tr>"));
        }
        out.push_str("</table>");
    }

    fn body_schema(&self) -> Option<&Value> {
        self.says["requestBody"]["content"].as_object()?.values().next()?.get("schema")
    }

    /// The request as a command to copy.
    fn curl(&self, document: &Value) -> String {
        let path = self.path.replace('{', "$").replace('}', "");
        let mut line = String::from("curl");
        if self.method != "get" {
            push(&mut line, format_args!(" -X {}", self.method.to_uppercase()));
        }
        push(&mut line, format_args!(" \"$API{path}\""));
        if self.needs_token() {
            line.push_str(" \\\n  -H \"Authorization: Bearer $TOKEN\"");
        }
        if let Some(schema) = self.body_schema() {
            let schema = resolved(document, named(schema));
            let example = schema.get("example").map_or_else(|| "{}".to_owned(), Value::to_string);
            let example = example.replace('\'', "'\\''");
            push(
                &mut line,
                format_args!(" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{example}'"),
            );
        }
        line
    }
}

fn schemas(out: &mut String, document: &Value) {
    out.push_str("<section id=\"schemas\"><h2>Schemas</h2></section>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let name = escaped(name);
        push(out, format_args!("<section id=\"schema-{name}\"><h3><code>{name}</code></h3>"));
        if let Some(told) = schema["description"].as_str() {
            push(out, format_args!("<p>{}</p>", prose(told)));
        }
        out.push_str("<table>");
        properties(out, schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            if part.get("$ref").is_some() {
                push(out, format_args!("<tr><th>…</th><td>{}</td><td>all of it</td></tr>", type_of(part)));
            }
            properties(out, part);
        }
        for part in alternatives(schema).filter(|part| part.get("$ref").is_some()) {
            let told = prose(text(&part["description"]));
            push(out, format_args!("<tr><th>or</th><td>{}</td><td>{told}</td></tr>", type_of(part)));
        }
        for word in schema["enum"].as_array().into_iter().flatten() {
            push(out, format_args!("<tr><th>or</th><td><code>{}</code></td></tr>", escaped(text(word))));
        }
        out.push_str("</table></section>");
    }
}

fn properties(out: &mut String, schema: &Value) {
    let needed = schema["required"].as_array();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let must = needed.is_some_and(|needed| needed.iter().any(|other| other == name));
        let mark = if must { "" } else { "<i>?</i>" };
        let (name, told) = (escaped(name), prose(text(&property["description"])));
        push(
            out,
            format_args!("<tr><th>{name}{mark}</th><td>{}</td><td>{told}</td></tr>", type_of(property)),
        );
    }
}

fn errors(out: &mut String) {
    out.push_str(
        "<section id=\"errors\"><h2>Errors</h2><p>Every error is a problem document (RFC 9457). Its \
         <code>type</code> ends in one of these names.</p><table>",
    );
    for code in Code::ALL {
        let (slug, status) = (code.slug(), code.status().as_u16());
        let title = escaped(code.title());
        push(
            out,
            format_args!("<tr id=\"error-{slug}\"><th>{slug}</th><td>{status}</td><td>{title}</td></tr>"),
        );
    }
    out.push_str("</table></section>");
}

/// A schema in a few words, with a link where it has a name.
fn type_of(schema: &Value) -> String {
    let schema = named(schema);
    if let Some(name) = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        let name = escaped(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find_map(|kind| kind.as_str().filter(|kind| *kind != "null")),
        kind => kind.as_str(),
    };
    match kind {
        Some("array") => format!("list of {}", type_of(&schema["items"])),
        Some(kind) => escaped(schema["format"].as_str().unwrap_or(kind)),
        None => "any JSON".to_owned(),
    }
}

/// The part of an optional schema that says something.
fn named(schema: &Value) -> &Value {
    alternatives(schema).find(|part| part["type"] != "null").unwrap_or(schema)
}

/// What a schema leaves the choice between.
fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"].into_iter().filter_map(|how| schema[how].as_array()).flatten()
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let place = value["$ref"].as_str().and_then(|place| place.strip_prefix('#'));
    place.and_then(|place| document.pointer(place)).unwrap_or(value)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Writing to a text cannot fail.
fn push(out: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(what);
}

/// A text whose `quoted` words are code.
fn prose(text: &str) -> String {
    let parts: Vec<_> = text.split('`').collect();
    if parts.len() % 2 == 0 {
        return escaped(text);
    }
    let part = |(n, part): (usize, &&str)| match n % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    };
    parts.iter().enumerate().map(part).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
