//! The page in the browser: files that are part of the program, nothing from elsewhere.
//!
//! They say nothing of this server, so they are for everybody; what the page shows it asks for, with
//! the token that was typed into it.

use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::error::Refusal;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Names, types and contents.
const FILES: [(&str, &str, &str); 11] = [
    ("answer.js", SCRIPT, include_str!("page/answer.js")),
    ("api.js", SCRIPT, include_str!("page/api.js")),
    ("draw.js", SCRIPT, include_str!("page/draw.js")),
    ("endpoints.js", SCRIPT, include_str!("page/endpoints.js")),
    ("events.js", SCRIPT, include_str!("page/events.js")),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("list.js", SCRIPT, include_str!("page/list.js")),
    ("main.js", SCRIPT, include_str!("page/main.js")),
    ("overrides.js", SCRIPT, include_str!("page/overrides.js")),
    ("page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("pools.js", SCRIPT, include_str!("page/pools.js")),
];

/// The page itself.
pub(super) async fn index() -> Response {
    ([(CONTENT_TYPE, HTML)], include_str!("page/index.html")).into_response()
}

/// One of its files.
pub(super) async fn file(Path(name): Path<String>) -> Result<Response, Refusal> {
    let found = FILES.iter().find(|(own, ..)| *own == name);
    let (_, kind, text) = found.ok_or(Refusal::NoSuchPath)?;
    Ok(([(CONTENT_TYPE, *kind)], *text).into_response())
}
