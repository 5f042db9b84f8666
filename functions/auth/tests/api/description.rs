//! What the function says of itself.

#[test]
fn every_canonical_route_is_described_once_and_no_secret_is_shown() {
    let whole = serde_json::to_value(edge::openapi::document("0", [auth::openapi()])).unwrap();
    let paths: Vec<_> = whole["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/login", "/logout", "/profile", "/register"]);
    assert_eq!(whole["paths"]["/logout"]["post"]["security"][0]["bearer"], serde_json::json!([]));
    assert!(whole["paths"]["/login"]["post"].get("security").is_none());
    let user = &whole["components"]["schemas"]["User"]["properties"];
    let members: Vec<_> = user.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["createdAt", "email", "id", "name", "role", "userId"]);
    assert_eq!(user["createdAt"]["format"], "date-time");
    // Every reference leads somewhere.
    let text = whole.to_string();
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(whole.pointer(pointer).is_some(), "{pointer}");
    }
}
