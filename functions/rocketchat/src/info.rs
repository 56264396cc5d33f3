//! The server's version, for anybody: most clients request it first.

use axum::response::IntoResponse;
use serde::Serialize;

use crate::success::success;

/// The server whose published types these routes follow: the version without its patch, as Rocket.Chat tells it to those
/// who are not logged in.
const VERSION: &str = "8.8";

#[derive(Debug, Serialize)]
struct ServerInfo {
    version: &'static str,
    /// Where older clients look for the version.
    info: Info,
}

#[derive(Debug, Serialize)]
struct Info {
    version: &'static str,
}

/// `GET /api/info` and `GET /api/v1/info`.
pub(crate) async fn info() -> impl IntoResponse {
    success(ServerInfo { version: VERSION, info: Info { version: VERSION } })
}
