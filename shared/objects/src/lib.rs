//! Object storage: what is too large for the table. One bucket, no listing, no change in place.
//!
//! [`keys`] says what lies where. What is stored came from strangers, so nothing leaves the bucket in a form that a
//! browser would show or run: every [`Objects::link`] is a download.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_types::SdkConfig;
use bytes::Bytes;
use domain::{Error, Result};

mod disposition;
pub mod keys;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long one try may take: the largest mail, over a slow connection.
const ATTEMPT: Duration = Duration::from_secs(15);
/// How long all tries of one call may take.
const CALL: Duration = Duration::from_secs(40);

/// Codes with which the service says "not now".
const PASSING: [&str; 4] = ["InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown"];

/// One bucket. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Objects {
    s3: Client,
    bucket: String,
}

impl Objects {
    /// The bucket named `bucket`. Its name is part of the host, as AWS wants it, unless an endpoint is set: then it
    /// is part of the path, for a stand-in has one host only.
    pub fn new(config: &SdkConfig, bucket: String) -> Objects {
        // The settings of the other services allow four seconds a try, which a large attachment may not make.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(CALL)
            .build();
        let config = Builder::from(config)
            .timeout_config(timeouts)
            .force_path_style(config.endpoint_url().is_some())
            // The content's hash is in the signature already. A check of the answer's would become a signed header
            // of every link, which no browser sends.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        Objects { s3: Client::from_conf(config), bucket }
    }

    /// Stores an object, in place of an earlier one of that key. A type that a browser would run is stored as plain
    /// bytes.
    ///
    /// # Errors
    /// `Unavailable` when it may work later; `Internal` otherwise.
    pub async fn put(&self, key: &str, content: impl Into<Bytes>, content_type: &str) -> Result<()> {
        self.s3
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(disposition::harmless(content_type))
            .body(ByteStream::from(content.into()))
            .send()
            .await
            .map_err(from_sdk)?;
        Ok(())
    }

    /// An object's content, or `None` when there is none.
    ///
    /// To tell a missing object from a forbidden one the role needs `s3:ListBucket`; without it S3 answers 403 to
    /// both, which is an error here.
    ///
    /// # Errors
    /// `Unavailable` when it may work later; `Internal` otherwise.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let found = match self.s3.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(found) => found,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => {
                return Ok(None);
            }
            Err(error) => return Err(from_sdk(error)),
        };
        let content = found.body.collect().await.map_err(|error| Error::Unavailable(error.into()))?;
        Ok(Some(content.into_bytes()))
    }

    /// Removes an object. It is no error when there is none.
    ///
    /// # Errors
    /// `Unavailable` when it may work later; `Internal` otherwise.
    pub async fn delete(&self, key: &str) -> Result<()> {
        self.s3.delete_object().bucket(&self.bucket).key(key).send().await.map_err(from_sdk)?;
        Ok(())
    }

    /// An address that anybody may download the object from until `lasting` is over, under that name and as that
    /// type. It makes no call, so it does not know whether the object is there.
    ///
    /// It is signed with the credentials of this process and dies with them, which may be sooner.
    ///
    /// # Errors
    /// `Internal` when `lasting` is more than a week.
    pub async fn link(
        &self,
        key: &str,
        filename: Option<&str>,
        content_type: Option<&str>,
        lasting: Duration,
    ) -> Result<String> {
        let lasting = PresigningConfig::expires_in(lasting).map_err(|error| Error::Internal(error.into()))?;
        let signed = self
            .s3
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .response_content_disposition(disposition::attachment(filename))
            .set_response_content_type(content_type.map(disposition::harmless))
            .presigned(lasting)
            .await
            .map_err(from_sdk)?;
        Ok(signed.uri().to_owned())
    }
}

/// What an SDK error means: the bucket is out of reach for now, or the call itself is wrong.
fn from_sdk<E>(error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let passing = match &error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => {
            service.raw().status().is_server_error()
                || service.err().code().is_some_and(|code| PASSING.contains(&code))
        }
        _ => false,
    };
    if passing { Error::Unavailable(error.into()) } else { Error::Internal(error.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
    use aws_types::region::Region;

    fn objects(endpoint: Option<&str>) -> Objects {
        let credentials = Credentials::new("AKIDEXAMPLE", "hush-hush", None, None, "test");
        let mut builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials));
        builder.set_endpoint_url(endpoint.map(str::to_owned));
        Objects::new(&builder.build(), "things".to_owned())
    }

    async fn link(objects: &Objects) -> String {
        let hour = Duration::from_secs(3600);
        objects.link("mail/7/a", Some("bill & räksmörgås.pdf"), Some("text/html"), hour).await.unwrap()
    }

    #[tokio::test]
    async fn a_link_is_a_download_under_its_name_and_never_a_page() {
        let link = link(&objects(None)).await;
        assert!(link.starts_with("https://things.s3.eu-central-1.amazonaws.com/mail/7/a?"), "{link}");
        assert!(link.contains("response-content-disposition=attachment%3B"), "{link}");
        assert!(link.contains("response-content-type=application%2Foctet-stream"), "{link}");
        assert!(link.contains("X-Amz-Expires=3600"), "{link}");
    }

    #[tokio::test]
    async fn a_link_needs_no_header_that_a_browser_does_not_send() {
        let link = link(&objects(None)).await;
        assert!(link.contains("X-Amz-SignedHeaders=host&"), "{link}");
        assert!(!link.contains("checksum"), "{link}");
    }

    #[tokio::test]
    async fn a_stand_in_gets_the_bucket_in_the_path() {
        let link = link(&objects(Some("http://127.0.0.1:9000"))).await;
        assert!(link.starts_with("http://127.0.0.1:9000/things/mail/7/a?"), "{link}");
    }

    #[tokio::test]
    async fn a_link_lasts_a_week_at_most() {
        let objects = objects(None);
        let week = Duration::from_secs(7 * 24 * 3600);
        assert!(objects.link("a", None, None, week).await.is_ok());
        let longer = objects.link("a", None, None, week + Duration::from_secs(1)).await;
        assert!(matches!(longer, Err(Error::Internal(_))));
    }

    #[test]
    fn secrets_are_not_in_the_debug_text() {
        assert!(!format!("{:?}", objects(None)).contains("hush-hush"));
    }
}
