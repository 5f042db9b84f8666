//! AWS clients that cost nothing until they are used.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::region::ProvideRegion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::config::Vars;

/// The clients of one process; each is made when it is first asked for. Clones share them.
#[derive(Clone, Debug)]
pub struct Clients {
    config: SdkConfig,
    made: Arc<Made>,
}

/// The clients that were asked for: to make one reads the list of all regions anew.
#[derive(Debug, Default)]
struct Made {
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    ses: OnceLock<aws_sdk_sesv2::Client>,
    secrets_manager: OnceLock<aws_sdk_secretsmanager::Client>,
}

impl Clients {
    /// From the environment: region, credentials and `AWS_ENDPOINT_URL`. Nothing goes over the network, and no
    /// certificate is read, before the first call.
    ///
    /// The SDK's own loader also looks for profiles, for single sign-on and for the metadata of machines and containers.
    /// Lambda has none of these, and to look for them takes longer than all else here.
    pub async fn from_environment() -> Self {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(EnvironmentVariableRegionProvider::new().region().await)
            .credentials_provider(SharedCredentialsProvider::new(
                EnvironmentVariableCredentialsProvider::new(),
            ))
            .http_client(WhenNeeded::default())
            .timeout_config(timeouts())
            .retry_config(RetryConfig::standard());
        config.set_endpoint_url(Vars::from_process().text("AWS_ENDPOINT_URL"));
        Self { config: config.build(), made: Arc::default() }
    }

    /// From a configuration that exists: the engine inside this process, or a test's connector.
    pub fn from_config(config: &SdkConfig) -> Self {
        Self { config: config.clone(), made: Arc::default() }
    }

    /// The configuration that they share.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.made.dynamodb.get_or_init(|| aws_sdk_dynamodb::Client::new(&self.config)).clone()
    }

    /// SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        self.made.sqs.get_or_init(|| aws_sdk_sqs::Client::new(&self.config)).clone()
    }

    /// SES. It makes each call once: SES cannot tell a call that is repeated from a second e-mail.
    pub fn ses(&self) -> aws_sdk_sesv2::Client {
        let make = || {
            let config = aws_sdk_sesv2::config::Builder::from(&self.config);
            aws_sdk_sesv2::Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
        };
        self.made.ses.get_or_init(make).clone()
    }

    /// Secrets Manager.
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        let make = || aws_sdk_secretsmanager::Client::new(&self.config);
        self.made.secrets_manager.get_or_init(make).clone()
    }
}

/// A call that hangs must not eat the function's time: what one attempt and all of them may take.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(15))
        .build()
}

/// The SDK's HTTP client, made at its first use. Made at once, it would parse the certificate store in the
/// start of every Lambda, and of every process that talks to an engine inside itself.
#[derive(Clone, Debug, Default)]
struct WhenNeeded(Arc<OnceLock<SharedHttpClient>>);

impl HttpClient for WhenNeeded {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let made = self.0.get_or_init(|| {
            aws_smithy_http_client::Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .build_https()
        });
        made.http_connector(settings, components)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_config::Region;
    use aws_credential_types::Credentials;

    use super::*;

    #[tokio::test]
    async fn a_client_reads_no_certificate_before_its_first_call() {
        let http = WhenNeeded::default();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("a", "b", None)))
            // Nobody listens there.
            .endpoint_url("http://127.0.0.1:1")
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts())
            .http_client(http.clone())
            .build();
        let client = Clients::from_config(&config).dynamodb();
        assert!(http.0.get().is_none());
        assert!(client.list_tables().send().await.is_err());
        assert!(http.0.get().is_some());
    }

    #[tokio::test]
    async fn a_client_is_made_when_it_is_first_asked_for_and_for_all_clones() {
        let clients = Clients::from_environment().await;
        let clone = clients.clone();
        let _ = clients.sqs();
        assert!(clone.made.sqs.get().is_some());
        assert!(clone.made.ses.get().is_none() && clone.made.dynamodb.get().is_none());
        let _ = clone.ses();
        assert!(clients.made.ses.get().is_some());
    }

    #[tokio::test]
    async fn clients_of_the_environment_are_made_without_the_network() {
        let made = tokio::time::timeout(Duration::from_millis(500), Clients::from_environment()).await;
        let clients = made.unwrap();
        assert_eq!(
            clients.config().timeout_config().unwrap().connect_timeout(),
            Some(Duration::from_secs(1))
        );
        let (_, _) = (clients.dynamodb(), clients.sqs());
        let (_, _) = (clients.secrets_manager(), clients.ses());
    }
}
