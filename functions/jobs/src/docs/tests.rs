use serde_json::json;

use super::*;

#[test]
fn every_operation_schema_and_error_has_its_place() {
    let page = Page::of(crate::public::OPENAPI);
    let document: Value = serde_json::from_str(crate::public::OPENAPI).unwrap();
    let all = operations(&document);
    assert!(all.len() >= 15, "{}", all.len());
    for operation in all {
        assert!(page.html.contains(&format!("<section id=\"{}\">", operation.anchor())));
    }
    for code in Code::ALL {
        assert!(page.html.contains(&format!("id=\"error-{}\"", code.slug())));
    }
    assert!(!page.html.contains("<script") && !page.html.contains("http://cdn"));
    assert!(page.policy.contains("default-src 'none'; style-src 'sha256-"));
}

#[test]
fn no_text_of_the_document_becomes_markup() {
    let hostile = json!({
        "info": {"title": "<script>", "version": "1"},
        "paths": {"/a\"><img>": {"post": {"tags": ["<b>"], "summary": "<i>", "responses": {},
            "requestBody": {"content": {"x": {"schema": {"type": "<u>"}}}}}}}
    });
    let html = Page::of(&hostile.to_string()).html;
    for markup in ["<script>", "<img>", "<u>", "<i>", "<b>"] {
        assert!(!html.contains(markup), "{markup}");
    }
}

#[test]
fn the_command_carries_the_token_and_an_example() {
    let document = json!({
        "paths": {"/jobs/{id}": {"put": {"security": [{"bearer": []}], "responses": {},
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/X"}}}}}}},
        "components": {"schemas": {"X": {"example": {"taskName": "it's"}}}}
    });
    let operation = &operations(&document)[0];
    assert_eq!(
        operation.curl(&document),
        "curl -X PUT \"$API/jobs/$id\" \\\n  -H \"Authorization: Bearer $TOKEN\" \\\n  \
         -H \"Content-Type: application/json\" \\\n  -d '{\"taskName\":\"it'\\''s\"}'"
    );
}

#[test]
fn what_a_schema_is_one_of_is_told() {
    let place = "#/components/schemas/Part";
    let document = json!({"components": {"schemas": {
        "Part": {"type": "object"},
        "Whole": {"oneOf": [{"$ref": place, "description": "For `you`."}, {"$ref": place}]},
        "Either": {"anyOf": [{"$ref": place, "description": "For me."}, {}]},
        "Word": {"type": "string", "enum": ["read", "<b>"]},
    }}});
    let html = Page::of(&document.to_string()).html;
    let row = "<tr><th>or</th><td><a href=\"#schema-Part\">Part</a></td><td>";
    assert!(html.contains(&format!("{row}For <code>you</code>.</td>")), "{html}");
    assert!(html.contains(&format!("{row}For me.</td>")), "{html}");
    assert_eq!(html.matches(row).count(), 3);
    assert!(html.contains("<tr><th>or</th><td><code>&lt;b&gt;</code></td></tr>"), "{html}");
}

#[test]
fn quoted_words_become_code() {
    assert_eq!(prose("if `run` is < `true`"), "if <code>run</code> is &lt; <code>true</code>");
    assert_eq!(prose("a lone ` stays"), "a lone ` stays");
}
