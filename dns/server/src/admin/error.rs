//! What is said to somebody whose request is not met.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};

use super::view::ErrorView;

/// Why a request is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It calls the server by a name that is not its own.
    Host,
    /// A page of another site makes it.
    Foreign,
    /// The token that was shown is none.
    BadToken,
    /// Whoever makes it may not.
    NotAllowed,
    /// The token is not for the heartbeat of this name.
    NotYourBeat(String),
    /// It is somebody else's.
    Forbidden(String),
    /// There is nothing at this path.
    NoSuchPath,
    /// There is nothing of this number.
    NoSuch(String),
    /// Whoever makes it may read alone.
    ReadOnly,
    /// It is the operator's.
    Operators,
    /// A rule forbids it.
    Conflict(String),
    /// Whoever makes it has made too many.
    TooFast(String),
    /// The tenant has asked something that is not answered yet.
    Asking,
    /// The tenant has too many requests under way.
    Crowded,
    /// Too much waits already.
    Busy,
    /// It should have worked.
    Failed(String),
    /// What it asks for cannot be understood.
    Malformed(String),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, why): (StatusCode, &str) = match &self {
            Self::Host => (
                StatusCode::FORBIDDEN,
                "this server is not known by the name in `Host`; use its address, or add the name to `admin.hosts`",
            ),
            Self::Foreign => (StatusCode::FORBIDDEN, "pages of other sites may not use this"),
            Self::BadToken => (StatusCode::UNAUTHORIZED, "no such token"),
            Self::NotAllowed => {
                (StatusCode::UNAUTHORIZED, "show a token: `Authorization: Bearer TOKEN`")
            }
            Self::NotYourBeat(why) | Self::Forbidden(why) => (StatusCode::FORBIDDEN, why),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "there is nothing at this path"),
            Self::NoSuch(why) => (StatusCode::NOT_FOUND, why),
            Self::ReadOnly => (
                StatusCode::FORBIDDEN,
                "only a token with `may = \"write\"` may do this: `Authorization: Bearer TOKEN`",
            ),
            Self::Operators => (
                StatusCode::FORBIDDEN,
                "this concerns the whole server; a token of a tenant is for its zones alone",
            ),
            Self::Conflict(why) => (StatusCode::CONFLICT, why),
            Self::TooFast(why) => (StatusCode::TOO_MANY_REQUESTS, why),
            Self::Asking => (
                StatusCode::SERVICE_UNAVAILABLE,
                "a question of this tenant is being answered; ask again when it is",
            ),
            Self::Crowded => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many requests of this tenant are under way; ask again when some are answered",
            ),
            Self::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, "too many questions wait already; ask again")
            }
            Self::Failed(why) => (StatusCode::INTERNAL_SERVER_ERROR, why),
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, why),
        };
        let mut response = (status, Json(ErrorView { error: why.to_owned() })).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = axum::http::HeaderValue::from_static("Bearer realm=\"halfmoon\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
