//! The deployment's own webhooks: where every event goes besides the jobs' own receivers.

use std::sync::Arc;

use boot::Vars;
use boot::clients::Clients;
use boot::secrets::{Secret, SecretError, WebhookSecret};
use domain::time::Clock;

/// A receiver of every event, and the secret made here that signs them.
#[derive(Debug)]
pub struct Outbound {
    /// The receiver.
    pub url: String,
    /// What signs.
    pub secret: Secret,
}

impl Outbound {
    /// Nothing without a receiver, and nothing where the user has set the secret and so knows it.
    pub(crate) async fn find(
        vars: &mut Vars,
        clients: &Clients,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, SecretError> {
        let url = vars.text(["WEBHOOK_URL", "OUTBOUND_WEBHOOK"]);
        let (Some(url), Some(record @ WebhookSecret::Record(_))) = (url, WebhookSecret::read(vars)) else {
            return Ok(None);
        };
        let secrets = record.cache(clients, clock).get().await?;
        Ok(Some(Self { url, secret: secrets.current().clone() }))
    }
}

#[cfg(test)]
mod tests {
    use boot::clock::SystemClock;
    use engine::Engine;

    use super::*;

    #[tokio::test]
    async fn what_the_user_knows_or_does_not_use_is_not_told() {
        let engine = Engine::open(engine::Options { data_dir: None, clock: Arc::new(SystemClock) }).unwrap();
        let clients = Clients::from_config(&engine.sdk_config());
        let find = async |values: &[(&str, &str)]| {
            Outbound::find(&mut Vars::new(values.iter().copied()), &clients, Arc::new(SystemClock)).await
        };
        let record = ("WEBHOOK_SECRET_ID", "hooks");
        let url = ("OUTBOUND_WEBHOOK", "http://127.0.0.1:9000/");
        assert!(find(&[record, url]).await.is_err());
        engine.set_secret_if_absent("hooks", r#"{"current":"new","previous":"old"}"#).await.unwrap();
        let found = find(&[record, url]).await.unwrap().unwrap();
        assert_eq!((found.url.as_str(), found.secret.expose()), (url.1, "new"));
        assert!(find(&[record]).await.unwrap().is_none());
        assert!(find(&[record, url, ("WEBHOOK_SECRET", "mine")]).await.unwrap().is_none());
    }
}
