//! What stands at which path, and what holds for all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::error::Refusal;
use super::{State, access, answer, changes, checks, explain, health, heartbeat, metrics};
use super::{overrides, page, pools, publish, tenants, whatif, zones};

/// The largest body of a request, in octets.
const BODY: usize = 16 * 1024;
/// How long a request may take in all.
const PATIENCE: Duration = Duration::from_secs(40);

/// Whatever is answered: nobody may embed it, guess its type, or keep it.
const HEADERS: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
];

pub(super) fn router(state: &Arc<State>) -> Router {
    let for_readers = Router::new()
        .route("/metrics", get(metrics::show))
        .route("/api/v1/answer", get(answer::show))
        .route("/api/v1/changes", get(changes::list))
        .route("/api/v1/checks", get(checks::list))
        .route("/api/v1/explain", get(explain::show))
        .route("/api/v1/overrides", get(overrides::list))
        .route("/api/v1/pools", get(pools::list))
        .route("/api/v1/tenants", get(tenants::list))
        .route("/api/v1/zones", get(zones::list))
        .route("/api/v1/status", get(zones::status))
        .route("/api/v1/whatif", post(whatif::show).layer(DefaultBodyLimit::max(whatif::BODY)))
        .route_layer(middleware::from_fn(access::readers));
    let for_writers = Router::new()
        .route("/api/v1/overrides", post(overrides::set))
        .route("/api/v1/overrides/{id}/end", post(overrides::end))
        .route("/api/v1/publish", post(publish::order))
        .route("/api/v1/let-go", post(overrides::let_go))
        .route_layer(middleware::from_fn(access::writers));
    // Whose endpoint else it is, is not for a tenant to know.
    let for_operators = Router::new()
        .route("/api/v1/resume", post(overrides::resume))
        .route_layer(middleware::from_fn(access::writers))
        .route_layer(middleware::from_fn(access::operators));
    Router::new()
        .route("/", get(page::index))
        .route("/page/{name}", get(page::file))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/heartbeat/{name}", post(heartbeat::take))
        .merge(for_readers)
        .merge(for_writers)
        .merge(for_operators)
        .fallback(|| async { Refusal::NoSuchPath })
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(state), access::admit))
        .layer(middleware::from_fn(dress))
        .with_state(Arc::clone(state))
}

/// Bounds the time of a request and says what holds for every answer.
async fn dress(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(PATIENCE, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response());
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
