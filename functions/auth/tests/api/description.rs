//! What the function says of itself.

use serde_json::json;

#[test]
fn every_canonical_route_is_described_once_and_no_secret_is_shown() {
    let whole = serde_json::to_value(edge::openapi::document("0", [auth::openapi()])).unwrap();
    let paths: Vec<_> = whole["paths"].as_object().unwrap().keys().collect();
    let all =
        ["/keys", "/keys/{id}", "/login", "/logout", "/profile", "/profile/password", "/register", "/users"];
    assert_eq!(paths, all);
    let (session, any) = (json!([{"bearer": []}]), json!([{"bearer": []}, {"apiKey": []}]));
    for (path, method, takes) in [
        ("/logout", "post", &session),
        ("/profile", "patch", &session),
        ("/profile", "put", &session),
        ("/profile", "delete", &session),
        ("/profile/password", "post", &session),
        ("/keys", "post", &session),
        ("/keys", "get", &session),
        ("/keys/{id}", "delete", &session),
        ("/profile", "get", &any),
        ("/users", "get", &any),
    ] {
        assert_eq!(&whole["paths"][path][method]["security"], takes, "{method} {path}");
    }
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
