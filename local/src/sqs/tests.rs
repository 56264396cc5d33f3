use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tokio::time::Instant;
use tower::ServiceExt as _;

use std::path::Path;

use super::*;

const START: i64 = 1_700_000_000_000;

struct Setup {
    sqs: Sqs,
    clock: Arc<AtomicI64>,
}

impl Setup {
    /// A queue `q` that gives up after two receives, with its dead-letter queue `dead`.
    fn new() -> Setup {
        Setup::with(Sqs::new)
    }

    /// The same, kept in a file.
    fn kept(path: &Path) -> Setup {
        Setup::with(|now| Sqs::open(now, path).unwrap())
    }

    fn with(open: impl FnOnce(Now) -> Sqs) -> Setup {
        let clock = Arc::new(AtomicI64::new(START));
        let reading = clock.clone();
        let sqs = open(Arc::new(move || reading.load(Ordering::SeqCst)));
        let max_receive = Some(("dead".to_owned(), 2));
        sqs.create_queue("q", QueueOptions { max_receive, ..QueueOptions::default() }).unwrap();
        Setup { sqs, clock }
    }

    fn pass_s(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, (u16, String, String)> {
        let request = Request::post("/")
            .header("host", "localhost:9324")
            .header("x-amz-target", format!("AmazonSQS.{operation}"))
            .body(Body::from(input.to_string()))
            .unwrap();
        let response = router(self.sqs.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body: Value = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
        if parts.status.is_success() {
            return Ok(body);
        }
        let code = parts.headers["x-amzn-query-error"].to_str().unwrap().to_owned();
        Err((parts.status.as_u16(), body["__type"].as_str().unwrap().to_owned(), code))
    }

    async fn on(
        &self,
        queue: &str,
        operation: &str,
        mut input: Value,
    ) -> Result<Value, (u16, String, String)> {
        input["QueueUrl"] = queue_url("http://localhost:9324", queue).into();
        self.call(operation, input).await
    }

    async fn refusal(&self, operation: &str, input: Value) -> String {
        self.on("q", operation, input).await.unwrap_err().1.rsplit('#').next().unwrap().to_owned()
    }

    async fn send(&self, body: &str) {
        self.on("q", "SendMessage", json!({"MessageBody": body})).await.unwrap();
    }

    async fn receive(&self, queue: &str) -> Vec<Value> {
        let input = json!({"MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"]});
        let output = self.on(queue, "ReceiveMessage", input).await.unwrap();
        output["Messages"].as_array().cloned().unwrap_or_default()
    }
}

fn depth(visible: usize, in_flight: usize, delayed: usize) -> Depth {
    Depth { visible, in_flight, delayed }
}

#[tokio::test]
async fn a_message_is_received_hidden_and_deleted() {
    let s = Setup::new();
    let sent = s.on("q", "SendMessage", json!({"MessageBody": "Hello"})).await.unwrap();
    assert_eq!(sent["MD5OfMessageBody"], "8b1a9953c4611296a827abf8c47804d7");
    let message = s.receive("q").await.remove(0);
    assert_eq!(message["Body"], "Hello");
    assert_eq!(message["MessageId"], sent["MessageId"]);
    assert_eq!(message["MD5OfBody"], sent["MD5OfMessageBody"]);
    assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(message["Attributes"]["SentTimestamp"], START.to_string());
    assert_eq!(message["Attributes"]["ApproximateFirstReceiveTimestamp"], START.to_string());
    assert!(s.receive("q").await.is_empty());
    assert_eq!(s.sqs.depth("q"), depth(0, 1, 0));
    assert_eq!(s.sqs.next_due("q"), Some(START + 30_000));
    let receipt = json!({"ReceiptHandle": message["ReceiptHandle"]});
    s.on("q", "DeleteMessage", receipt.clone()).await.unwrap();
    s.on("q", "DeleteMessage", receipt).await.unwrap();
    assert_eq!(s.sqs.depth("q"), depth(0, 0, 0));
}

#[tokio::test]
async fn a_timed_out_message_comes_again_and_its_old_receipt_does_nothing() {
    let s = Setup::new();
    s.send("a").await;
    let first = s.receive("q").await.remove(0);
    s.pass_s(29);
    assert!(s.receive("q").await.is_empty());
    s.pass_s(1);
    let second = s.receive("q").await.remove(0);
    assert_eq!(second["Attributes"]["ApproximateReceiveCount"], "2");
    assert_eq!(second["Attributes"]["ApproximateFirstReceiveTimestamp"], START.to_string());
    s.on("q", "DeleteMessage", json!({"ReceiptHandle": first["ReceiptHandle"]})).await.unwrap();
    assert_eq!(s.sqs.bodies("q"), ["a"]);
    s.on("q", "DeleteMessage", json!({"ReceiptHandle": second["ReceiptHandle"]})).await.unwrap();
    assert!(s.sqs.bodies("q").is_empty());
}

#[tokio::test]
async fn a_message_received_too_often_moves_to_the_dead_letter_queue() {
    let s = Setup::new();
    s.send("poison").await;
    for _ in 0..2 {
        assert_eq!(s.receive("q").await.len(), 1);
        s.sqs.redeliver("q");
    }
    s.send("good").await;
    let received = s.receive("q").await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0]["Body"], "good");
    assert_eq!(s.sqs.bodies("dead"), ["poison"]);
    assert_eq!(s.sqs.depth("dead"), depth(1, 0, 0));
    let dead = s.receive("dead").await.remove(0);
    assert_eq!(dead["Attributes"]["DeadLetterQueueSourceArn"], "arn:aws:sqs:us-east-1:000000000000:q");
    assert_eq!(dead["Attributes"]["ApproximateReceiveCount"], "3");
}

#[tokio::test]
async fn delay_and_retention_follow_the_clock() {
    let s = Setup::new();
    s.on("q", "SendMessage", json!({"MessageBody": "later", "DelaySeconds": 900})).await.unwrap();
    assert_eq!(s.sqs.depth("q"), depth(0, 0, 1));
    s.pass_s(899);
    assert!(s.receive("q").await.is_empty());
    s.pass_s(1);
    assert_eq!(s.receive("q").await.len(), 1);
    for delay in [-1, 901] {
        let input = json!({"MessageBody": "x", "DelaySeconds": delay});
        assert_eq!(s.refusal("SendMessage", input).await, "InvalidParameterValueException");
    }
    s.pass_s(345_600);
    assert_eq!(s.sqs.depth("q"), depth(0, 0, 0));
}

#[tokio::test]
async fn visibility_can_be_changed_while_in_flight_only() {
    let s = Setup::new();
    s.send("a").await;
    let receipt = s.receive("q").await[0]["ReceiptHandle"].clone();
    let change = |seconds: i64| json!({"ReceiptHandle": receipt, "VisibilityTimeout": seconds});
    s.on("q", "ChangeMessageVisibility", change(60)).await.unwrap();
    s.pass_s(59);
    assert_eq!(s.sqs.depth("q"), depth(0, 1, 0));
    assert_eq!(s.refusal("ChangeMessageVisibility", change(43_200)).await, "InvalidParameterValueException");
    s.on("q", "ChangeMessageVisibility", change(0)).await.unwrap();
    assert_eq!(s.sqs.depth("q"), depth(1, 0, 0));
    let (status, kind, code) = s.on("q", "ChangeMessageVisibility", change(5)).await.unwrap_err();
    assert_eq!((status, kind.as_str()), (400, "com.amazonaws.sqs#MessageNotInflight"));
    assert_eq!(code, "AWS.SimpleQueueService.MessageNotInflight;Sender");
    let nonsense = json!({"ReceiptHandle": "nonsense"});
    assert_eq!(s.refusal("DeleteMessage", nonsense).await, "ReceiptHandleIsInvalid");
    let receipts = json!({"Entries": [
        {"Id": "good", "ReceiptHandle": receipt}, {"Id": "bad", "ReceiptHandle": "nonsense"}
    ]});
    let deleted = s.on("q", "DeleteMessageBatch", receipts).await.unwrap();
    assert_eq!(deleted["Successful"], json!([{"Id": "good"}]));
    assert_eq!(deleted["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
}

#[tokio::test]
async fn a_batch_fails_as_a_whole_or_by_entry() {
    let s = Setup::new();
    let entry = |id: &str| json!({"Id": id, "MessageBody": "x"});
    let batch = |entries: Vec<Value>| json!({"Entries": entries});
    let refused = async |entries| s.refusal("SendMessageBatch", batch(entries)).await;
    assert_eq!(refused(vec![]).await, "EmptyBatchRequest");
    assert_eq!(refused(vec![entry("a"), entry("a")]).await, "BatchEntryIdsNotDistinct");
    assert_eq!(refused(vec![entry("a b")]).await, "InvalidBatchEntryId");
    let eleven = (0..11).map(|i| entry(&i.to_string())).collect();
    assert_eq!(refused(eleven).await, "TooManyEntriesInBatchRequest");
    let large = |id: &str| json!({"Id": id, "MessageBody": "x".repeat(MAX_BYTES / 2 + 1)});
    assert_eq!(refused(vec![large("a"), large("b")]).await, "BatchRequestTooLong");
    assert!(s.sqs.bodies("q").is_empty());

    let entries = vec![
        entry("a"),
        json!({"Id": "b", "MessageBody": "x", "DelaySeconds": 901}),
        json!({"Id": "c", "MessageBody": "\u{1}"}),
        json!({"Id": "d", "MessageBody": ""}),
    ];
    let output = s.on("q", "SendMessageBatch", batch(entries)).await.unwrap();
    assert_eq!(output["Successful"][0]["Id"], "a");
    let failed: Vec<&str> =
        output["Failed"].as_array().unwrap().iter().map(|f| f["Code"].as_str().unwrap()).collect();
    assert_eq!(failed, ["InvalidParameterValue", "InvalidMessageContents", "MissingParameter"]);
    assert_eq!(s.sqs.depth("q"), depth(1, 0, 0));
}

#[tokio::test]
async fn the_size_limit_is_one_mebibyte() {
    let s = Setup::new();
    s.send(&"x".repeat(MAX_BYTES)).await;
    let input = json!({"MessageBody": "x".repeat(MAX_BYTES + 1)});
    assert_eq!(s.refusal("SendMessage", input).await, "InvalidParameterValueException");
    let attributes = json!({"n": {"DataType": "String", "StringValue": "v"}});
    let input = json!({"MessageBody": "x".repeat(MAX_BYTES - 1), "MessageAttributes": attributes});
    assert_eq!(s.refusal("SendMessage", input).await, "InvalidParameterValueException");
}

#[tokio::test]
async fn message_attributes_come_back_when_asked_for() {
    let s = Setup::new();
    let value = json!({"DataType": "String", "StringValue": "1"});
    let attributes = json!({"trace.a": value, "trace.b": value, "other": value});
    let input = json!({"MessageBody": "x", "MessageAttributes": attributes});
    s.on("q", "SendMessage", input).await.unwrap();
    let mut names: Vec<Vec<String>> = Vec::new();
    for wanted in [json!(["trace.*"]), json!(["other"])] {
        let input = json!({"MessageAttributeNames": wanted, "VisibilityTimeout": 0});
        let output = s.on("q", "ReceiveMessage", input).await.unwrap();
        assert!(output["Messages"][0].get("Attributes").is_none());
        names.push(output["Messages"][0]["MessageAttributes"].as_object().unwrap().keys().cloned().collect());
    }
    assert_eq!(names, [vec!["trace.a", "trace.b"], vec!["other"]]);
}

#[tokio::test]
async fn a_long_poll_ends_with_the_message_or_with_nothing() {
    let s = Setup::new();
    let poll = |s: u64| json!({"WaitTimeSeconds": s});
    let began = Instant::now();
    let (polled, ()) = tokio::join!(s.on("q", "ReceiveMessage", poll(20)), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        s.send("a").await;
    });
    assert_eq!(polled.unwrap()["Messages"][0]["Body"], "a");
    // The clock of the test makes it visible again while the poll waits.
    let (polled, ()) = tokio::join!(s.on("q", "ReceiveMessage", poll(20)), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        s.pass_s(30);
    });
    assert_eq!(polled.unwrap()["Messages"][0]["Body"], "a");
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(s.on("q", "ReceiveMessage", poll(1)).await.unwrap(), json!({}));
    assert!(began.elapsed() > Duration::from_secs(1));
    for input in [json!({"WaitTimeSeconds": 21}), json!({"MaxNumberOfMessages": 11})] {
        assert_eq!(s.refusal("ReceiveMessage", input).await, "InvalidParameterValueException");
    }
}

#[tokio::test]
async fn queues_are_created_found_and_described() {
    let s = Setup::new();
    let create = |seconds: &str| json!({"QueueName": "n", "Attributes": {"VisibilityTimeout": seconds}});
    let url = json!({"QueueUrl": "http://localhost:9324/000000000000/n"});
    assert_eq!(s.call("CreateQueue", create("5")).await, Ok(url.clone()));
    assert_eq!(s.call("CreateQueue", create("5")).await, Ok(url.clone()));
    let (_, kind, code) = s.call("CreateQueue", create("6")).await.unwrap_err();
    assert_eq!(
        (kind.as_str(), code.as_str()),
        ("com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists;Sender")
    );
    assert_eq!(s.call("GetQueueUrl", json!({"QueueName": "n"})).await, Ok(url));
    assert_eq!(s.call("ListQueues", json!({})).await.unwrap()["QueueUrls"].as_array().unwrap().len(), 3);
    let (status, kind, code) = s.on("none", "SendMessage", json!({"MessageBody": "x"})).await.unwrap_err();
    assert_eq!((status, kind.as_str()), (400, "com.amazonaws.sqs#QueueDoesNotExist"));
    assert_eq!(code, "AWS.SimpleQueueService.NonExistentQueue;Sender");

    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:none","maxReceiveCount":"3"}"#;
    let input = json!({"QueueName": "m", "Attributes": {"RedrivePolicy": policy}});
    assert!(s.call("CreateQueue", input).await.is_err());
    let input = json!({"QueueName": "m", "Attributes": {"RedrivePolicy": policy.replace("none", "dead")}});
    s.call("CreateQueue", input).await.unwrap();

    s.send("a").await;
    let all = s.on("q", "GetQueueAttributes", json!({"AttributeNames": ["All"]})).await.unwrap();
    assert_eq!(all["Attributes"]["ApproximateNumberOfMessages"], "1");
    assert_eq!(all["Attributes"]["QueueArn"], "arn:aws:sqs:us-east-1:000000000000:q");
    let policy: Value = serde_json::from_str(all["Attributes"]["RedrivePolicy"].as_str().unwrap()).unwrap();
    assert_eq!(policy["maxReceiveCount"], 2);
    s.on("q", "PurgeQueue", json!({})).await.unwrap();
    assert_eq!(s.sqs.depth("q"), depth(0, 0, 0));
    assert_eq!(s.refusal("StartMessageMoveTask", json!({})).await, "UnknownOperationException");
}

#[tokio::test]
async fn every_change_is_in_the_file_when_the_request_is_answered() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("queues.jsonl");
    let s = Setup::kept(&path);
    s.send("a").await;
    s.send("b").await;
    let again = || Setup::kept(&path).sqs;
    // Nothing is closed or stopped between a change and the look at it, as after a kill.
    assert_eq!(again().bodies("q"), ["a", "b"]);

    let s = Setup::kept(&path);
    let input = json!({"MaxNumberOfMessages": 1});
    let received = s.on("q", "ReceiveMessage", input).await.unwrap();
    assert_eq!(s.sqs.depth("q"), depth(1, 1, 0));
    assert_eq!(again().depth("q"), depth(2, 0, 0), "who had received it is gone");
    let s = Setup::kept(&path);
    let receipt = &received["Messages"][0]["ReceiptHandle"];
    s.on("q", "DeleteMessage", json!({"ReceiptHandle": receipt})).await.unwrap();
    s.send("c").await;
    assert_eq!(again().bodies("q"), ["b", "c"]);

    let s = Setup::kept(&path);
    s.on("q", "PurgeQueue", json!({})).await.unwrap();
    assert_eq!(again().bodies("q").len(), 0);
}

#[tokio::test]
async fn receives_are_counted_across_restarts_up_to_the_dead_letter_queue() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("queues.jsonl");
    Setup::kept(&path).send("a").await;
    for _ in 0..2 {
        let received = Setup::kept(&path).on("q", "ReceiveMessage", json!({})).await.unwrap();
        assert_eq!(received["Messages"][0]["Body"], "a");
    }
    let s = Setup::kept(&path);
    assert_eq!(s.on("q", "ReceiveMessage", json!({})).await.unwrap(), json!({}));
    assert_eq!(Setup::kept(&path).sqs.bodies("dead"), ["a"]);
}

#[tokio::test]
async fn a_last_line_that_was_cut_off_is_left_out_and_a_broken_one_before_it_is_an_error() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("queues.jsonl");
    let s = Setup::kept(&path);
    s.send("a").await;
    s.send("b").await;
    let whole = std::fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in last..whole.len() {
        std::fs::write(&path, &whole[..end]).unwrap();
        assert_eq!(Setup::kept(&path).sqs.bodies("q"), ["a"], "{end}");
    }
    std::fs::write(&path, "{\"queue\n{}\n").unwrap();
    assert!(Sqs::open(Arc::new(|| START), &path).is_err());
}

#[tokio::test]
async fn a_file_does_not_grow_with_what_is_done() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("queues.jsonl");
    let s = Setup::kept(&path);
    for _ in 0..3_000 {
        s.sqs.put("q", "a").unwrap();
        s.on("q", "PurgeQueue", json!({})).await.unwrap();
    }
    drop(s);
    let (_, queues) = super::journal::Journal::open(&path).unwrap();
    assert_eq!(queues["q"].next, 3_000, "a number is never given twice");
    assert!(std::fs::metadata(&path).unwrap().len() < 2_000);
}
