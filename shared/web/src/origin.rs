//! Whose page a browser's call comes from. A browser sends the cookie along whoever made it call, so a change that comes
//! with the cookie is believed only when the page that asked for it is one of ours.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use domain::business::Business;

/// Whether a call comes from a page of the origin that was called, or of one that the business names. Browsers say so in
/// `Origin` with every call that is no plain reading, and newer ones in `Sec-Fetch-Site` as well; a call that says
/// nothing is not believed. Pages of a foreign site never are, whatever is configured: the cookie is not meant for them.
pub(crate) fn is_ours(parts: &Parts, business: &Business) -> bool {
    let site = text(&parts.headers, "sec-fetch-site");
    if site.is_some_and(|site| !["same-origin", "same-site"].contains(&site)) {
        return false;
    }
    let Some(origin) = text(&parts.headers, "origin") else { return false };
    let called = text(&parts.headers, "host").or_else(|| parts.uri.host());
    let own = origin.split_once("://").is_some_and(|(scheme, host)| {
        ["https", "http"].contains(&scheme) && called.is_some_and(|called| called.eq_ignore_ascii_case(host))
    });
    own || parts.headers.get("origin").is_some_and(|origin| is_named(origin, &business.allowed_origins))
}

/// Whether a page's origin is one of those that a business names.
pub(crate) fn is_named(origin: &HeaderValue, allowed: &[String]) -> bool {
    allowed.iter().any(|allowed| origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
