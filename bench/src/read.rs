//! What a warm read adds to the one call of the table it makes.

use std::time::Instant;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use local::seed;
use tower::ServiceExt;

use crate::Error;
use crate::system::{System, median};

const ROUNDS: usize = 400;

pub async fn run() -> Result<(), Error> {
    let system = System::start().await?;
    system.queue(1..2).await?;
    let router = system.local.router();
    let (mut handler, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let request = Request::get(format!("/omega/businesses/{}/clients/1", seed::BUSINESS))
            .header("X-API-KEY", &system.key)
            .body(Body::empty())?;
        let begun = Instant::now();
        let answer = router.clone().oneshot(request).await?.into_body().collect().await?.to_bytes();
        handler.push(begun.elapsed().as_secs_f64());
        assert!(answer.starts_with(b"{\"client_id\":1"));

        let begun = Instant::now();
        let store = &system.local.sender().store;
        let ids = (domain::BusinessId::new(seed::BUSINESS), domain::ClientId::new(1));
        if let (Some(business), Some(client)) = ids {
            store.client_view(business, client).await?;
        }
        raw.push(begun.elapsed().as_secs_f64());
    }
    println!("Warm read of a profile (medians of {ROUNDS}, interleaved)\n");
    println!(
        "the handler, over the call of the table that it makes: {:.2} (goal: at most 1.15)\n",
        median(handler) / median(raw)
    );
    Ok(())
}
