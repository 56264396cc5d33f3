use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use tokio::net::TcpListener;

use super::*;
use crate::wire::{Halt, Wire, serve};

const BUCKET: &str = "omega-objects";

struct Setup {
    storage: Storage,
    wire: Wire,
    origin: String,
    client: Client,
}

fn client(origin: &str, secret: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(ACCESS_KEY, secret, None, None, "test"))
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .endpoint_url(origin)
        .force_path_style(true)
        .http_client(http);
    Client::from_conf(config.build())
}

async fn setup_of(storage: Storage) -> Setup {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let wire = Wire::new();
    tokio::spawn(serve(listener, wire.layer("s3", storage.router().unwrap())));
    let client = client(&origin, SECRET_KEY);
    Setup { storage, wire, origin, client }
}

async fn setup() -> Setup {
    setup_of(Storage::temporary(BUCKET).unwrap()).await
}

impl Setup {
    async fn put(&self, key: &str, content: &[u8]) {
        let content = ByteStream::from(content.to_vec());
        let put = self.client.put_object().bucket(BUCKET).key(key).content_type("text/plain").body(content);
        put.send().await.unwrap();
    }

    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let got = self.client.get_object().bucket(BUCKET).key(key).send().await;
        match got {
            Ok(got) => Some(got.body.collect().await.unwrap().to_vec()),
            Err(error) => {
                assert!(error.into_service_error().is_no_such_key());
                None
            }
        }
    }
}

#[tokio::test]
async fn an_object_is_put_got_looked_at_and_deleted() {
    let s = setup().await;
    s.put("a/b/c d+ü.txt", b"hello").await;
    assert_eq!(s.get("a/b/c d+ü.txt").await.unwrap(), b"hello");
    let head = s.client.head_object().bucket(BUCKET).key("a/b/c d+ü.txt").send().await.unwrap();
    assert_eq!((head.content_length(), head.content_type()), (Some(5), Some("text/plain")));
    assert_eq!(s.storage.keys().unwrap(), ["a/b/c d+ü.txt"]);
    for _ in 0..2 {
        s.client.delete_object().bucket(BUCKET).key("a/b/c d+ü.txt").send().await.unwrap();
    }
    assert_eq!(s.get("a/b/c d+ü.txt").await, None);
    let head = s.client.head_object().bucket(BUCKET).key("a/b/c d+ü.txt").send().await.unwrap_err();
    assert!(head.into_service_error().is_not_found());
    assert!(s.storage.keys().unwrap().is_empty());
}

#[tokio::test]
async fn objects_are_listed_by_prefix() {
    let s = setup().await;
    for key in ["in/1", "in/2", "out/1"] {
        s.put(key, b"x").await;
    }
    let listed = s.client.list_objects_v2().bucket(BUCKET).prefix("in/").send().await.unwrap();
    let keys: Vec<&str> = listed.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(keys, ["in/1", "in/2"]);
}

#[tokio::test]
async fn a_large_object_comes_back_whole() {
    let s = setup().await;
    let content: Vec<u8> = (0..6_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 4]).collect();
    s.put("large", &content).await;
    assert!(s.get("large").await.unwrap() == content);
}

#[tokio::test]
async fn an_address_with_a_signature_downloads_under_the_name_and_type_it_says() {
    let s = setup().await;
    s.put("a/1", b"hello").await;
    let presigned = s
        .client
        .get_object()
        .bucket(BUCKET)
        .key("a/1")
        .response_content_disposition("attachment; filename=\"a b.pdf\"; filename*=UTF-8''%C3%BC.pdf")
        .response_content_type("application/pdf")
        .presigned(PresigningConfig::expires_in(Duration::from_secs(60)).unwrap())
        .await
        .unwrap();
    let response = reqwest::get(presigned.uri()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-disposition"],
        "attachment; filename=\"a b.pdf\"; filename*=UTF-8''%C3%BC.pdf"
    );
    assert_eq!(response.headers()["content-type"], "application/pdf");
    assert_eq!(response.bytes().await.unwrap(), "hello");
    let forged = presigned.uri().replace("a%20b.pdf", "b.exe");
    assert_ne!(forged, presigned.uri());
    assert_eq!(reqwest::get(forged).await.unwrap().status(), 403);
    assert_eq!(reqwest::get(format!("{}/{BUCKET}/a/1", s.origin)).await.unwrap().status(), 403);
}

#[tokio::test]
async fn an_address_with_a_signature_uploads() {
    let s = setup().await;
    let put = s.client.put_object().bucket(BUCKET).key("up");
    let expiry = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let presigned = put.presigned(expiry).await.unwrap();
    let response = reqwest::Client::new().put(presigned.uri()).body("hello").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(s.storage.read("up").unwrap().unwrap(), b"hello");
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let s = setup().await;
    let stranger = client(&s.origin, "guessed");
    let got = stranger.get_object().bucket(BUCKET).key("a").send().await.unwrap_err();
    assert_eq!(got.raw_response().unwrap().status().as_u16(), 403);
}

#[tokio::test]
async fn what_is_written_beside_the_wire_is_seen_on_it_and_the_other_way_round() {
    let s = setup().await;
    s.storage.write("inbound/ses/1", b"raw").unwrap();
    assert_eq!(s.get("inbound/ses/1").await.unwrap(), b"raw");
    s.put("inbound/ses/1", b"other").await;
    assert_eq!(s.storage.read("inbound/ses/1").unwrap().unwrap(), b"other");
    assert_eq!(s.storage.read("inbound/ses/2").unwrap(), None);
    assert_eq!(s.storage.read("inbound/ses/1/2").unwrap(), None);
    for key in ["", "../x", "/x", "a/../../x", "a/", "."] {
        assert!(s.storage.write(key, b"x").is_err(), "{key}");
    }
    assert_eq!(s.storage.keys().unwrap(), ["inbound/ses/1"]);
}

#[tokio::test]
async fn things_go_wrong_on_the_wire() {
    let s = setup().await;
    s.wire.fail("s3", None, 1, 503, "<Error><Code>SlowDown</Code></Error>");
    let failed = s.client.get_object().bucket(BUCKET).key("a").send().await.unwrap_err();
    assert_eq!(failed.raw_response().unwrap().status().as_u16(), 503);
    let halted = s.wire.halt_at(0, Halt::After);
    let put = s.client.put_object().bucket(BUCKET).key("a").body(ByteStream::from_static(b"x")).send();
    let healed = async {
        assert!(halted.reached().await);
        s.wire.heal();
    };
    let (put, ()) = tokio::join!(put, healed);
    assert!(put.is_err());
    assert_eq!(s.storage.read("a").unwrap().unwrap(), b"x");
}

#[tokio::test]
async fn a_folder_is_kept_and_a_temporary_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let kept = setup_of(Storage::open(folder.path(), BUCKET).unwrap()).await;
    kept.put("a", b"1").await;
    drop(kept);
    let again = Storage::open(folder.path(), BUCKET).unwrap();
    assert_eq!(again.read("a").unwrap().unwrap(), b"1");
    let gone = Storage::temporary(BUCKET).unwrap();
    let path = gone.0.folder.clone();
    gone.write("a", b"1").unwrap();
    assert!(path.exists());
    drop(gone);
    assert!(!path.exists());
}
