use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use axum::routing::post;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use super::*;

struct Served {
    wire: Wire,
    address: SocketAddr,
    executed: Arc<AtomicUsize>,
    client: Client<HttpConnector, Body>,
}

async fn start(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router));
    address
}

/// A proxy in front of an engine that counts what it executes and echoes the body.
async fn served() -> Served {
    let executed = Arc::new(AtomicUsize::new(0));
    let count = executed.clone();
    let engine = Router::new().route(
        "/",
        post(move |body: String| async move {
            count.fetch_add(1, Ordering::SeqCst);
            if body.contains("INDEXES") {
                r#"{"ConsumedCapacity":{"CapacityUnits":1.0}}"#.into()
            } else {
                body
            }
        }),
    );
    let upstream = start(engine).await;
    let wire = Wire::new();
    let address = start(proxy(wire.clone(), upstream)).await;
    Served { wire, address, executed, client: Client::builder(TokioExecutor::new()).build_http() }
}

impl Served {
    async fn call(&self, operation: &str) -> Result<(u16, String), ()> {
        let request = Request::post(format!("http://{}/", self.address))
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .body(Body::from(r#"{"TableName":"t"}"#))
            .unwrap();
        let response = self.client.request(request).await.map_err(drop)?;
        let status = response.status().as_u16();
        let body = to_bytes(Body::new(response.into_body()), usize::MAX).await.unwrap();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    fn executed(&self) -> usize {
        self.executed.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn forwards_records_and_measures() {
    let served = served().await;
    assert_eq!(served.call("GetItem").await, Ok((200, r#"{"TableName":"t"}"#.into())));
    served.wire.measure_capacity(true);
    served.call("PutItem").await.unwrap();
    served.call("DescribeTable").await.unwrap();
    let calls = served.wire.calls();
    assert_eq!(served.wire.operations("dynamodb"), ["GetItem", "PutItem", "DescribeTable"]);
    assert_eq!(calls[0].response_status, Some(200));
    assert_eq!(&calls[1].request[..], br#"{"TableName":"t"}"#);
    assert_eq!(calls[1].consumed.as_ref().unwrap()["CapacityUnits"], 1.0);
    assert!(calls[0].consumed.is_none() && calls[2].consumed.is_none());
    served.wire.clear();
    assert!(served.wire.calls().is_empty());
}

#[tokio::test]
async fn a_halted_call_hangs_until_healed_and_then_loses_its_connection() {
    for (when, executed) in [(Halt::Before, 1), (Halt::After, 2)] {
        let served = Arc::new(served().await);
        served.wire.counts(|_, operation| operation != "Scan");
        let halted = served.wire.halt_at(1, when);
        served.call("Query").await.unwrap();
        assert!(!halted.is_reached());
        let hanging = tokio::spawn({
            let served = served.clone();
            async move { served.call("PutItem").await }
        });
        assert!(halted.reached().await);
        assert_eq!(served.executed(), executed);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!hanging.is_finished());
        served.call("Scan").await.unwrap();
        served.wire.heal();
        assert_eq!(hanging.await.unwrap(), Err(()));
        assert_eq!(served.wire.calls()[1].response_status, None);
        served.call("Query").await.unwrap();
    }
}

#[tokio::test]
async fn a_halt_that_never_came_is_told() {
    let wire = Wire::new();
    let halted = wire.halt_at(7, Halt::Before);
    wire.heal();
    assert!(!halted.reached().await);
}

#[tokio::test]
async fn an_outage_is_answered_without_execution() {
    let served = served().await;
    served.wire.fail("dynamodb", Some("PutItem"), 2, 503, "{}");
    assert_eq!(served.call("PutItem").await, Ok((503, "{}".into())));
    assert_eq!(served.call("GetItem").await.unwrap().0, 200);
    assert_eq!(served.call("PutItem").await.unwrap().0, 503);
    assert_eq!(served.call("PutItem").await.unwrap().0, 200);
    served.wire.fail("dynamodb", None, usize::MAX, 500, "");
    assert_eq!(served.call("GetItem").await.unwrap().0, 500);
    served.wire.heal();
    assert_eq!(served.call("GetItem").await.unwrap().0, 200);
    assert_eq!(served.executed(), 3);
}

#[test]
fn resources_of_the_provider() {
    assert_eq!(resource("/2010-04-01/Accounts/AC1/Messages.json"), "Messages");
    assert_eq!(resource("/2010-04-01/Accounts/AC1/Messages/SM1.json"), "Messages/{sid}");
    assert_eq!(resource("/v2/email/identities/b.c"), "/v2/email/identities/{identity}");
    assert_eq!(resource("/v2/email/identities"), "/v2/email/identities");
    assert_eq!(resource("/else"), "/else");
}

#[tokio::test]
async fn nobody_stays_who_does_not_send() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let echo = Router::new().fallback(async |body: String| body);
    let limit = Duration::from_millis(200);
    tokio::spawn(serve_within(Limits { head: limit, body: limit }, listener, echo));
    let slow = ["", "POST / HTTP/1.1\r\nHos", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234"];
    let clients = slow.map(|begun| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Ends when the server closes the connection, in order or not.
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{begun}");
    });
    let all = async {
        for client in clients {
            client.await
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();

    let dripping = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        while stream.write_all(b"1").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), dripping).await.unwrap();
}
