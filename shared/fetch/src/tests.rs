//! Against a server of one's own, and with a resolver of one's own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::resolve::Found;

/// A server, and what it was asked.
struct Server {
    origin: String,
    asked: mpsc::UnboundedReceiver<String>,
}

/// Starts a server that answers by path: `$ORIGIN` in an answer is its own origin, `$SLOWLY` a pause of minutes.
async fn serve(answer: fn(&str) -> String) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = mpsc::unbounded_channel();
    let own = origin.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, own.clone(), answer, tell.clone()));
        }
    });
    Server { origin, asked }
}

async fn converse(
    mut stream: TcpStream,
    origin: String,
    answer: fn(&str) -> String,
    tell: mpsc::UnboundedSender<String>,
) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let _ = tell.send(request);
    for (index, part) in answer(&path).replace("$ORIGIN", &origin).split("$SLOWLY").enumerate() {
        if index > 0 {
            tokio::time::sleep(Duration::from_secs(300)).await;
        }
        let _ = stream.write_all(part.as_bytes()).await;
    }
}

fn ok(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n{body}")
}

fn to(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")
}

fn trusting(server: &Server) -> Fetcher {
    Fetcher::new(Config { trusted_origins: vec![server.origin.clone()] })
}

async fn get(server: &Server, path: &str) -> Result<Fetched, FetchError> {
    trusting(server).get(&format!("{}{path}", server.origin), 10).await
}

/// A resolver that knows one answer.
fn resolving_to(addresses: &'static [&'static str]) -> Lookup {
    Arc::new(|_| -> Found {
        Box::pin(async { Ok(addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect()) })
    })
}

const NOT_THERE: FetchError = FetchError::NotAllowed("redirects to where it may not");

#[tokio::test]
async fn a_file_is_fetched_with_its_type() {
    let server = serve(|_| ok("content-type: application/pdf\r\ncontent-length: 3\r\n", "pdf")).await;
    let fetched = get(&server, "/a.pdf").await.unwrap();
    assert_eq!(fetched.content, "pdf");
    assert_eq!(fetched.content_type.as_deref(), Some("application/pdf"));
}

#[tokio::test]
async fn nothing_but_200_counts() {
    let table = ["201 Created", "204 No Content", "206 Partial Content", "304 Not Modified", "404 Not Found"];
    let server = serve(|path| format!("HTTP/1.1 {} x\r\ncontent-length: 0\r\n\r\n", &path[1..])).await;
    for line in table {
        let status = &line[..3];
        let refused = get(&server, &format!("/{status}")).await;
        assert_eq!(refused, Err(FetchError::Refused(status.parse().unwrap())), "{line}");
    }
}

#[tokio::test]
async fn redirects_are_followed_three_times() {
    let server = serve(|path| match path {
        "/0" => to("$ORIGIN/1"),
        "/1" => to("/2"),
        "/2" => to("3"),
        "/3" => ok("content-length: 2\r\n", "ok"),
        _ => to("/0"),
    })
    .await;
    assert_eq!(get(&server, "/0").await.unwrap().content, "ok");
    assert_eq!(get(&server, "/more").await, Err(FetchError::NotAllowed("redirects too often")));
}

#[tokio::test]
async fn a_redirect_in_a_circle_ends() {
    let mut server = serve(|_| to("/again")).await;
    assert_eq!(get(&server, "/").await, Err(FetchError::NotAllowed("redirects too often")));
    let mut asked = 0;
    while server.asked.try_recv().is_ok() {
        asked += 1;
    }
    assert_eq!(asked, 1 + REDIRECTS);
}

#[tokio::test]
async fn a_redirect_goes_nowhere_that_a_caller_could_not_name() {
    let server = serve(|path| match path {
        "/metadata" => to("http://169.254.169.254/latest/meta-data/"),
        "/metadata-tls" => to("https://169.254.169.254/latest/meta-data/"),
        "/neighbour" => to("http://127.0.0.1:1/"),
        "/scheme" => to("file:///etc/passwd"),
        "/plain" => to("http://example.com/"),
        "/relative-host" => to("//10.0.0.1/"),
        _ => to("https://ada:secret@example.com/"),
    })
    .await;
    let paths = ["metadata", "metadata-tls", "neighbour", "scheme", "plain", "relative-host", "user"];
    for path in paths {
        assert_eq!(get(&server, &format!("/{path}")).await, Err(NOT_THERE), "{path}");
    }
}

#[tokio::test]
async fn a_redirect_without_a_place_is_refused() {
    let server = serve(|path| match path {
        "/none" => "HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
        _ => to("https://"),
    })
    .await;
    for path in ["/none", "/bad"] {
        assert_eq!(get(&server, path).await, Err(FetchError::NotAllowed("redirects to nowhere")), "{path}");
    }
}

#[tokio::test]
async fn a_server_of_the_internet_may_not_send_us_to_a_trusted_one() {
    let fetcher = Fetcher::new(Config { trusted_origins: vec!["http://files.internal".to_owned()] });
    let at = |url| fetcher.config.check(parse(url).unwrap()).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, http::HeaderValue::from_static("http://files.internal/a"));
    assert_eq!(fetcher.onward(&at("https://example.com/"), &headers).err(), Some(NOT_THERE));
    assert!(fetcher.onward(&at("http://files.internal/"), &headers).is_ok());
}

#[tokio::test]
async fn nothing_is_carried_from_hop_to_hop() {
    let mut server = serve(|path| match path {
        "/from?token=secret" => to("/to"),
        _ => ok("content-length: 0\r\n", ""),
    })
    .await;
    get(&server, "/from?token=secret").await.unwrap();
    server.asked.recv().await.unwrap();
    let second = server.asked.recv().await.unwrap().to_lowercase();
    for header in ["authorization", "cookie", "referer", "secret"] {
        assert!(!second.contains(header), "{second}");
    }
}

#[tokio::test]
async fn the_limit_is_the_last_length_that_is_taken() {
    let server = serve(|path| match path {
        "/announced" => ok("content-length: 10\r\n", "0123456789"),
        "/chunked" => ok("transfer-encoding: chunked\r\n", "a\r\n0123456789\r\n0\r\n\r\n"),
        _ => ok("", "0123456789"),
    })
    .await;
    for path in ["/announced", "/chunked", "/until-closed"] {
        assert_eq!(get(&server, path).await.unwrap().content.len(), 10, "{path}");
    }
}

#[tokio::test]
async fn one_byte_more_is_too_large_announced_or_not() {
    let server = serve(|path| match path {
        // Nothing of it is read: it never comes.
        "/announced" => ok("content-length: 11\r\n", "$SLOWLY"),
        "/chunked" => ok("transfer-encoding: chunked\r\n", "b\r\n01234567890\r\n$SLOWLY"),
        _ => ok("", "01234567890$SLOWLY"),
    })
    .await;
    for path in ["/announced", "/chunked", "/until-closed"] {
        assert_eq!(get(&server, path).await, Err(FetchError::TooLarge), "{path}");
    }
}

#[tokio::test]
async fn a_part_of_a_file_is_no_file() {
    let server = serve(|_| ok("content-length: 5\r\n", "012")).await;
    let error = get(&server, "/").await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn packed_content_is_refused() {
    let server = serve(|_| ok("content-encoding: gzip\r\ncontent-length: 1\r\n", "x")).await;
    let expected = FetchError::NotAllowed("answers in an encoding that was not asked for");
    assert_eq!(get(&server, "/").await, Err(expected));
}

#[tokio::test]
async fn a_slow_server_does_not_hold_us() {
    let server = serve(|path| match path {
        "/head" => "$SLOWLY".to_owned(),
        _ => ok("content-length: 5\r\n", "01$SLOWLY"),
    })
    .await;
    let config = Config { trusted_origins: vec![server.origin.clone()] };
    let fetcher = Fetcher::with(config, resolve::system(), Duration::from_millis(100));
    for path in ["/head", "/body"] {
        let error = fetcher.get(&format!("{}{path}", server.origin), 10).await.unwrap_err();
        assert!(matches!(error, FetchError::Unreachable(_)), "{path} {error}");
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn nobody_there_is_transient() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let origin = format!("http://{closed}");
    let error =
        Fetcher::new(Config { trusted_origins: vec![origin.clone()] }).get(&origin, 1).await.unwrap_err();
    assert_eq!(error, FetchError::NotPublic);
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_name_with_one_private_address_among_public_ones_is_refused() {
    let answers: [&[&str]; 4] = [
        &["127.0.0.1"],
        &["93.184.216.34", "10.0.0.1"],
        &["93.184.216.34", "::1"],
        &["::ffff:169.254.169.254"],
    ];
    for answer in answers {
        let fetcher = Fetcher::with(Config::default(), resolving_to(answer), TOTAL);
        assert_eq!(fetcher.get("https://example.com/a", 1).await, Err(FetchError::NotPublic), "{answer:?}");
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_connected_to_as_looked_up() {
    let server = serve(|_| ok("content-length: 2\r\n", "ok")).await;
    let port = server.origin.rsplit(':').next().unwrap();
    let lookups = Arc::new(AtomicUsize::new(0));
    let counted = lookups.clone();
    // From the second time on the name would have another address: one that changes between check and use.
    let lookup: Lookup = Arc::new(move |_| -> Found {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        let ip = if first { [127, 0, 0, 1] } else { [127, 0, 0, 2] };
        Box::pin(async move { Ok(vec![SocketAddr::from((ip, 0))]) })
    });
    let origin = format!("http://files.internal:{port}");
    let fetcher = Fetcher::with(Config { trusted_origins: vec![origin.clone()] }, lookup, TOTAL);
    assert_eq!(fetcher.get(&origin, 10).await.unwrap().content, "ok");
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_not_allowed_is_not_even_looked_up() {
    let lookup: Lookup = Arc::new(|_| -> Found { panic!("a lookup") });
    let fetcher = Fetcher::with(Config::default(), lookup, TOTAL);
    for url in ["http://example.com/", "https://127.0.0.1/", "https://[::1]/", "https://example.com:8443/"] {
        assert!(matches!(fetcher.get(url, 1).await, Err(FetchError::NotAllowed(_))), "{url}");
    }
}

#[test]
fn only_what_may_pass_is_transient() {
    for status in [408, 425, 429, 500, 503] {
        assert!(FetchError::Refused(status).is_transient(), "{status}");
    }
    for status in [204, 400, 401, 403, 404, 410] {
        assert!(!FetchError::Refused(status).is_transient(), "{status}");
    }
    assert!(!FetchError::TooLarge.is_transient());
    assert!(FetchError::NotPublic.is_transient());
}

#[tokio::test]
async fn an_error_never_holds_the_address_that_was_asked_for() {
    let lookup: Lookup =
        Arc::new(|_| -> Found { Box::pin(async { Err(std::io::Error::other("no such name")) }) });
    let fetcher = Fetcher::with(Config::default(), lookup, TOTAL);
    let error = fetcher.get("https://example.com/a.pdf?token=hush", 1).await.unwrap_err();
    assert_eq!(error, FetchError::NotPublic, "as a name with a private address");
    assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
}

#[test]
fn the_debug_text_of_a_file_has_its_length_only() {
    let fetched = Fetched { content: Bytes::from_static(b"secret"), content_type: None };
    assert_eq!(format!("{fetched:?}"), "Fetched { bytes: 6, content_type: None }");
}
