//! The SDK's client, with its limits set.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use super::Options;

/// A storage service that cannot be reached is told of within this.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(3);

/// One try. Completing a large upload is the slowest: services that copy the parts take many seconds.
const TRY_WAIT_MAX: Duration = Duration::from_secs(60);

/// A whole call with its tries.
const CALL_WAIT_MAX: Duration = Duration::from_secs(150);

/// Tries of one call, the first included; what fails three times is the caller's to decide about.
const TRIES_MAX: u32 = 3;

/// Connections, shared by all clients made with it: rustls with ring, the system's certificates.
pub(super) fn http() -> SharedHttpClient {
    Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// A client for `endpoint`, or for AWS when there is none.
pub(super) fn connect(
    options: &Options,
    endpoint: Option<&str>,
    http: &SharedHttpClient,
) -> Client {
    let credentials = Credentials::new(
        &options.access_key,
        &options.secret_key,
        None,
        None,
        "tcoder configuration",
    );
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_WAIT_MAX)
        .operation_attempt_timeout(TRY_WAIT_MAX)
        .operation_timeout(CALL_WAIT_MAX)
        .build();
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(options.region.clone()))
        .credentials_provider(credentials)
        .force_path_style(options.path_style)
        .http_client(http.clone())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES_MAX))
        // Several S3-compatible services refuse the checksums that the SDK would add by itself.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    config.set_endpoint_url(endpoint.map(ToOwned::to_owned));
    Client::from_conf(config.build())
}
