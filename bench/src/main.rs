//! Prints what omega costs, as counts and as ratios taken in one run: docs/performance.md says what they mean.
//!
//! `cargo run -p bench --profile bench-fast` prints calls, units, throughput and the warm read; with `-- bill`
//! the calls and units alone, which are the same in any build. With `-- inbox` it
//! shows what the shared inbox costs at 10 to 100 000 conversations, or at those sizes that are named. With
//! `-- start FOLDER` it measures the start of the functions built in `FOLDER`, against `bench-hello` there.

mod bill;
mod inbox;
mod read;
mod start;
mod system;
mod throughput;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => {
            bill::run().await?;
            throughput::run().await?;
            read::run().await
        }
        ["bill"] => bill::run().await,
        ["inbox", sizes @ ..] => inbox::run(sizes).await,
        ["start", folder] => start::run(std::path::Path::new(folder)).await,
        _ => Err("usage: bench [bill | inbox SIZES | start FOLDER]".into()),
    }
}
