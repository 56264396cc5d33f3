//! Over the wire, against a server of one's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::region::Region;
use domain::failure::ErrorClass;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

use super::*;

/// What a server does with a request.
#[derive(Clone)]
enum Does {
    Answer(String),
    AnswerLate(String),
    Close,
    Hang,
}

/// A server, and what it was asked.
struct Server {
    url: String,
    asked: mpsc::UnboundedReceiver<(String, String)>,
    connections: Arc<AtomicUsize>,
}

async fn serve(does: Does) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = mpsc::unbounded_channel();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(converse(stream, does.clone(), tell.clone()));
        }
    });
    Server { url, asked, connections }
}

async fn converse(mut stream: TcpStream, does: Does, tell: mpsc::UnboundedSender<(String, String)>) {
    while let Some(request) = read(&mut stream).await {
        let _ = tell.send(request);
        match &does {
            Does::Answer(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Does::AnswerLate(answer) => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            Does::Close => return,
            Does::Hang => tokio::time::sleep(Duration::from_secs(300)).await,
        }
    }
}

/// One request: its head in lower case and its body.
async fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some((head, body.to_owned()));
        }
    }
}

fn mailer(url: &str) -> Mailer {
    let credentials = Credentials::new("AKIDEXAMPLE", "hush-hush", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        // What the other services have must not hold here.
        .retry_config(aws_types::sdk_config::RetryConfig::standard().with_max_attempts(4))
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_millis(100)).build())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(url)
        .build();
    let settings = Settings { connect: Duration::from_millis(200), call: Duration::from_millis(600) };
    Mailer::new(&config, settings)
}

async fn send(url: &str) -> Outcome {
    let mail = MailToSend {
        from: "Shop <shop@example.com>",
        to: &["ada@example.com".to_owned()],
        cc: &[],
        bcc: &["bob@example.com".to_owned()],
        raw: b"Subject: Hi\r\n\r\nHello".to_vec(),
        tag: "7-8-9-1".to_owned(),
        configuration_set: Some("events"),
    };
    mailer(url).send(mail).await
}

fn answer(status: &str, headers: &str, body: &str) -> Does {
    Does::Answer(format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()))
}

fn class(outcome: &Outcome) -> (&'static str, Option<ErrorClass>) {
    match outcome {
        Outcome::Accepted { .. } => ("accepted", None),
        Outcome::Later { failure, .. } => ("later", Some(failure.class)),
        Outcome::Unknown { failure } => ("unknown", Some(failure.class)),
        Outcome::Refused { failure, .. } => ("refused", Some(failure.class)),
    }
}

#[tokio::test]
async fn a_mail_is_handed_over_whole_with_its_tag() {
    let mut server = serve(answer("200 OK", "", r#"{"MessageId":"0100"}"#)).await;
    let expected = Outcome::Accepted {
        provider_id: "0100".to_owned(),
        provider_status: "Send".to_owned(),
        segments: None,
    };
    assert_eq!(send(&server.url).await, expected);

    let (head, body) = server.asked.recv().await.unwrap();
    assert!(head.starts_with("post /v2/email/outbound-emails "), "{head}");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected = serde_json::json!({
        "FromEmailAddress": "Shop <shop@example.com>",
        "Destination": {"ToAddresses": ["ada@example.com"], "BccAddresses": ["bob@example.com"]},
        "Content": {"Raw": {"Data": "U3ViamVjdDogSGkNCg0KSGVsbG8="}},
        "EmailTags": [{"Name": "omega", "Value": "7-8-9-1"}],
        "ConfigurationSetName": "events",
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_connection_is_not_kept_and_that_is_not_signed() {
    let mut server = serve(answer("200 OK", "connection: close\r\n", r#"{"MessageId":"1"}"#)).await;
    send(&server.url).await;
    let (head, _) = server.asked.recv().await.unwrap();
    assert!(head.contains("\r\nconnection: close"), "{head}");
    let signed = head.split("signedheaders=").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    assert!(!signed.contains("connection"), "{signed}");
}

#[tokio::test]
async fn every_exception_is_understood_wherever_its_name_stands() {
    use ErrorClass::*;
    let table = [
        ("429 x", "TooManyRequestsException", "later", Throttle),
        ("400 x", "LimitExceededException", "later", Throttle),
        ("400 x", "MessageRejected", "refused", Content),
        ("400 x", "MailFromDomainNotVerifiedException", "refused", Configuration),
        ("400 x", "AccountSuspendedException", "refused", Configuration),
        ("400 x", "SendingPausedException", "refused", Configuration),
        ("404 x", "NotFoundException", "refused", Configuration),
        ("400 x", "BadRequestException", "refused", Content),
        ("403 x", "AccessDeniedException", "refused", Configuration),
        ("500 x", "InternalFailure", "later", Transient),
        ("503 x", "ServiceUnavailable", "later", Transient),
    ];
    for (status, name, kind, expected) in table {
        let by_header =
            answer(status, &format!("x-amzn-errortype: {name}:http://x/\r\n"), r#"{"message":"ada@x"}"#);
        let by_body =
            answer(status, "", &format!(r#"{{"__type":"com.amazonaws#{name}","message":"ada@x"}}"#));
        for does in [by_header, by_body] {
            let server = serve(does).await;
            let outcome = send(&server.url).await;
            assert_eq!(class(&outcome), (kind, Some(expected)), "{name}");
            let text = format!("{outcome:?}");
            assert!(text.contains(&format!("code: Some(\"{name}\")")), "{text}");
            assert!(!text.contains("ada@x"), "{text}");
            assert_eq!(server.connections.load(Ordering::SeqCst), 1, "{name} was tried again");
        }
    }
}

#[tokio::test]
async fn an_unverified_sender_is_a_matter_of_configuration() {
    let body =
        r#"{"message":"Email address is not verified. The following identities failed: ada@example.com"}"#;
    let server = serve(answer("400 x", "x-amzn-errortype: MessageRejected\r\n", body)).await;
    let outcome = send(&server.url).await;
    assert_eq!(class(&outcome), ("refused", Some(ErrorClass::Configuration)));
    assert!(!format!("{outcome:?}").contains("example.com"));
}

#[tokio::test]
async fn what_ses_asks_us_to_wait_is_read() {
    let headers = "x-amzn-errortype: TooManyRequestsException\r\nretry-after: 3\r\n";
    let server = serve(answer("429 x", headers, "{}")).await;
    let Outcome::Later { retry_after, .. } = send(&server.url).await else { panic!("not later") };
    assert_eq!(retry_after, Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_may_have_been_an_acceptance() {
    let table = [
        answer("200 OK", "", "<html>"),
        answer("200 OK", "", "{}"),
        answer("200 OK", "", ""),
        answer("200 OK", "", r#"{"MessageId":""}"#),
        answer("502 Bad Gateway", "", "<html>"),
        answer("504 Gateway Timeout", "", ""),
        Does::Answer("HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{\"Mess".to_owned()),
        Does::Answer("garbage\r\n\r\n".to_owned()),
        Does::Close,
        Does::Hang,
    ];
    for (index, does) in table.into_iter().enumerate() {
        let server = serve(does).await;
        let outcome = send(&server.url).await;
        assert_eq!(class(&outcome), ("unknown", Some(ErrorClass::Ambiguous)), "{index} {outcome:?}");
        assert_eq!(server.connections.load(Ordering::SeqCst), 1, "{index} was tried again");
    }
}

#[tokio::test]
async fn an_answer_may_take_longer_than_other_services_are_given() {
    let Does::Answer(late) = answer("200 OK", "", r#"{"MessageId":"1"}"#) else { panic!("not an answer") };
    let server = serve(Does::AnswerLate(late)).await;
    assert_eq!(class(&send(&server.url).await), ("accepted", None));
}

#[tokio::test]
async fn nobody_there_means_nothing_was_sent() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let outcome = send(&format!("http://{free}")).await;
    assert_eq!(class(&outcome), ("later", Some(ErrorClass::Transient)), "{outcome:?}");
}

#[tokio::test]
async fn a_name_that_is_not_known_means_nothing_was_sent() {
    let outcome = send("http://nobody.invalid").await;
    assert_eq!(class(&outcome), ("later", Some(ErrorClass::Transient)), "{outcome:?}");
}

#[tokio::test]
async fn no_connection_in_time_means_nothing_was_sent() {
    // A server that accepts nobody: once its queue is full, the system leaves further connections without an answer.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    let outcome = send(&format!("http://{address}")).await;
    assert_eq!(class(&outcome), ("later", Some(ErrorClass::Transient)), "{outcome:?}");
    assert!(format!("{outcome:?}").contains("timeout"), "{outcome:?}");
}

#[test]
fn the_debug_text_of_a_mail_has_no_address_and_no_word_of_it() {
    let to = ["ada@example.com".to_owned()];
    let mail = MailToSend {
        from: "shop@example.com",
        to: &to,
        cc: &to,
        bcc: &[],
        raw: b"Hello".to_vec(),
        tag: "7-8-9-1".to_owned(),
        configuration_set: None,
    };
    assert_eq!(format!("{mail:?}"), r#"MailToSend { tag: "7-8-9-1", recipients: 2, bytes: 5, .. }"#);
    assert!(!format!("{:?}", mailer("http://127.0.0.1:1")).contains("hush-hush"));
}
