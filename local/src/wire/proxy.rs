//! The wire to the DynamoDB engine: a proxy, for the engine is not ours to put a layer around.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;

use super::{Wire, aws_operation, disconnect};

/// The operations whose answer can tell what capacity they consumed.
const ITEM_OPERATIONS: [&str; 10] = [
    "GetItem",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "Query",
    "Scan",
    "BatchGetItem",
    "BatchWriteItem",
    "TransactGetItems",
    "TransactWriteItems",
];

/// A router that forwards everything to the DynamoDB engine at `upstream`, recorded and disturbed by `wire`
/// as the server `dynamodb`.
pub fn proxy(wire: Wire, upstream: SocketAddr) -> Router {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
    let forwarding = wire.clone();
    let router = Router::new()
        .fallback(move |request: Request| forward(forwarding.clone(), client.clone(), upstream, request));
    wire.layer("dynamodb", router)
}

async fn forward(
    wire: Wire,
    client: Client<HttpConnector, Body>,
    upstream: SocketAddr,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(mut body) = to_bytes(body, usize::MAX).await else {
        return disconnect();
    };
    if wire.0.measure.load(Ordering::Relaxed) {
        body = asking_for_capacity(&parts.headers, body);
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(uri) = format!("http://{upstream}{path}").parse::<Uri>() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    parts.uri = uri;
    // The body may have become longer; hyper sets the length itself.
    without_framing(&mut parts.headers);
    match client.request(Request::from_parts(parts, Body::from(body))).await {
        Ok(response) => {
            let (mut parts, body) = response.into_parts();
            without_framing(&mut parts.headers);
            Response::from_parts(parts, Body::new(body))
        }
        Err(error) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("the engine at {upstream}: {error}")).into_response()
        }
    }
}

fn without_framing(headers: &mut HeaderMap) {
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
        headers.remove(name);
    }
}

fn asking_for_capacity(headers: &HeaderMap, body: Bytes) -> Bytes {
    if !aws_operation(headers).is_some_and(|operation| ITEM_OPERATIONS.contains(&operation)) {
        return body;
    }
    let Ok(Value::Object(mut input)) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    input.entry("ReturnConsumedCapacity").or_insert_with(|| "INDEXES".into());
    Bytes::from(Value::Object(input).to_string())
}
