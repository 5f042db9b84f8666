//! API keys to begin a test with.

use domain::api_key::{ApiKey, KeyText, Scope, Scopes};
use domain::id::{KeyId, UserId};
use store::KeyMade;

use crate::Bed;

/// A key of a user in the table, with these scopes and for ever; its text.
///
/// # Panics
/// If it cannot be written: no test could go on.
#[allow(clippy::unwrap_used, reason = "a test without its key has failed")]
pub async fn api_key(bed: &Bed, owner: UserId, scopes: &[Scope]) -> String {
    let (now, entropy) = (bed.now(), bed.ambient.entropy());
    let text = KeyText::fresh(entropy);
    let key = ApiKey {
        id: KeyId::fresh(now, entropy),
        user_id: owner,
        name: "test".to_owned(),
        scopes: Scopes::of(scopes.iter().copied()).unwrap(),
        prefix: text.prefix(),
        created_at: now,
        expires_at: None,
        generation: None,
        last_used_at: None,
    };
    let owner = bed.store().user(owner).await.unwrap().unwrap();
    assert_eq!(bed.store().create_key(&key, &text.digest(), &owner, now).await.unwrap(), KeyMade::Made);
    text.expose().to_owned()
}
