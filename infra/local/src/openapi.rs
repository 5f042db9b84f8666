//! The description of the whole API, out of what each function says of itself.

/// The document as JSON.
pub fn document() -> Result<String, serde_json::Error> {
    let parts = [auth::openapi(), jobs::openapi(), run::openapi(), endpoints::openapi()];
    edge::openapi::document(env!("CARGO_PKG_VERSION"), parts).to_json()
}
