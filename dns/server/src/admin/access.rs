//! Who may do what: by a token, or by where they ask from; and requests that a browser makes for
//! somebody else's page.
//!
//! Nothing is allowed that is not said here. Reading is for holders of tokens and for clients in
//! `admin.allow` that come without a proxy; writing is for holders of tokens that may write. A page
//! of another site can neither read nor write: its name for this server is no `Host` of ours, which
//! ends rebinding, and its requests say where they come from. Holders of a tenant's tokens see what is of
//! its zones ([`super::sight`]), and what concerns the server as a whole is not for them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State as Extract};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;

use super::State;
use super::error::Refusal;
use super::tokens::{Named, Tokens};
use crate::config::{AdminConfig, Right};
use crate::secret::SecretError;
use crate::tenants::TenantId;

/// What proxies add to requests, besides `X-Forwarded-...`.
const PROXIED: [&str; 6] =
    ["forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"];

/// The address that a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct From(pub(super) SocketAddr);

/// Who makes a request, and what they may do.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The name of their token; none for those who may read by where they are.
    pub(super) token: Option<String>,
    /// `None`: nothing but to ask whether the server is well.
    pub(super) may: Option<Right>,
    /// The heartbeats that they may call in.
    pub(super) beats: Arc<[String]>,
    /// Of which tenant they see and change what there is; `None`: of all, and of the operator.
    pub(super) tenant: Option<TenantId>,
}

/// Who may do what.
#[derive(Debug)]
pub(super) struct Access {
    allow: Vec<IpNet>,
    hosts: Vec<String>,
    pub(super) tokens: Tokens,
}

impl Access {
    /// Reads the secrets of tokens.
    ///
    /// # Errors
    /// The first file that is not usable, of those that are not a tenant's.
    pub(super) fn open(config: &AdminConfig, tokens: Vec<Named>) -> Result<Self, SecretError> {
        Ok(Self {
            allow: config.allow.clone(),
            hosts: config.hosts.clone(),
            tokens: Tokens::open(tokens)?,
        })
    }

    /// Who makes this request.
    fn caller(&self, headers: &HeaderMap, from: IpAddr) -> Result<Caller, Refusal> {
        if let Some(shown) = headers.get(AUTHORIZATION) {
            let secret = shown.to_str().ok().and_then(bearer);
            let token = secret.and_then(|secret| self.tokens.find(secret));
            // Whoever shows a token wants to be its holder, and learns that it is wrong.
            let token = token.ok_or(Refusal::BadToken)?;
            return Ok(Caller {
                token: Some(token.name),
                may: Some(token.may),
                beats: token.beats,
                tenant: token.tenant,
            });
        }
        let from = from.to_canonical();
        // Behind a proxy on this machine, everybody would seem to be on it.
        let is_proxied = headers.keys().any(|name| {
            PROXIED.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded")
        });
        let may_read = !is_proxied && self.allow.iter().any(|network| network.contains(&from));
        let may = may_read.then_some(Right::Read);
        Ok(Caller { token: None, may, beats: Arc::default(), tenant: None })
    }

    /// Whether the request is meant for this server: the name that it calls it by is one of its own.
    fn is_our_host(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else {
            return false;
        };
        let name = without_port(host).trim_end_matches('.').to_ascii_lowercase();
        let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        // An address cannot be rebound: no name leads to it.
        literal.unwrap_or(&name).parse::<IpAddr>().is_ok()
            || name == "localhost"
            || self.hosts.iter().any(|own| own.trim_end_matches('.') == name)
    }
}

/// Lets a request through that is meant for this server and is not one too many, and notes who makes it.
pub(super) async fn admit(
    Extract(state): Extract<Arc<State>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let headers = request.headers();
    if !state.access.is_our_host(headers) {
        return Err(Refusal::Host);
    }
    if is_foreign(headers, request.method()) {
        return Err(Refusal::Foreign);
    }
    let from = request.extensions().get::<From>().map(|from| from.0.ip());
    let caller = state.access.caller(headers, from.ok_or(Refusal::NotAllowed)?)?;
    let _place = state.crowd.enter(caller.tenant)?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Lets those through who may read; others learn how they could.
pub(super) async fn readers(request: Request, next: Next) -> Result<Response, Refusal> {
    let may = request.extensions().get::<Caller>().and_then(|caller| caller.may);
    match may {
        Some(Right::Read | Right::Write) => Ok(next.run(request).await),
        Some(Right::Beat) | None => Err(Refusal::NotAllowed),
    }
}

/// Lets those through who may write. A token is never sent by a browser for somebody else's page.
pub(super) async fn writers(request: Request, next: Next) -> Result<Response, Refusal> {
    let may = request.extensions().get::<Caller>().and_then(|caller| caller.may);
    match may {
        Some(Right::Write) => Ok(next.run(request).await),
        Some(Right::Read) => Err(Refusal::ReadOnly),
        Some(Right::Beat) | None => Err(Refusal::NotAllowed),
    }
}

/// Lets operators through, and not those who have to do with the zones of a tenant alone.
pub(super) async fn operators(request: Request, next: Next) -> Result<Response, Refusal> {
    let caller = request.extensions().get::<Caller>();
    if caller.is_some_and(|caller| caller.tenant.is_some()) {
        return Err(Refusal::Operators);
    }
    Ok(next.run(request).await)
}

/// Whether a browser makes the request for a page that is not ours.
fn is_foreign(headers: &HeaderMap, method: &Method) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site").unwrap_or("none");
    // Following a link to us is no more than typing our address.
    let is_visit = *method == Method::GET && text("sec-fetch-mode") == Some("navigate");
    if !matches!(site, "same-origin" | "none") && !is_visit {
        return true;
    }
    let host = text(HOST.as_str()).unwrap_or_default();
    text(ORIGIN.as_str()).is_some_and(|origin| {
        let of = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        of.is_none_or(|of| !of.eq_ignore_ascii_case(host))
    })
}

/// The secret in `Bearer SECRET` (RFC 6750 section 2.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => {
            // The last part of an IPv6 address without brackets is no port.
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let value = |text: &'static str| text.parse().unwrap();
        pairs
            .iter()
            .map(|(name, text)| (name.parse().unwrap(), value(text)))
            .collect::<Vec<_>>()
            .into_iter()
            .collect()
    }

    fn access() -> Access {
        let config =
            AdminConfig { hosts: vec!["ns1.example.org".into()], ..AdminConfig::default() };
        Access::open(&config, Vec::new()).unwrap()
    }

    #[test]
    fn only_our_own_names_are_answered() {
        for (host, ours) in [
            ("127.0.0.1:8053", true),
            ("127.0.0.1", true),
            ("[::1]:8053", true),
            ("[::1]", true),
            ("192.0.2.1:1", true),
            ("localhost:8053", true),
            ("LOCALHOST", true),
            ("ns1.example.org", true),
            ("NS1.example.org.:8053", true),
            ("ns2.example.org", false),
            ("evil.example:8053", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(access().is_our_host(&headers(&[("host", host)])), ours, "{host}");
        }
        assert!(!access().is_our_host(&headers(&[])));
    }

    #[test]
    fn pages_of_others_are_foreign() {
        let host = ("host", "127.0.0.1:8053");
        for (extra, method, foreign) in [
            (&[][..], Method::GET, false),
            (&[("origin", "http://127.0.0.1:8053")], Method::POST, false),
            (&[("origin", "https://127.0.0.1:8053")], Method::POST, false),
            (&[("origin", "http://127.0.0.1:9999")], Method::POST, true),
            (&[("origin", "http://evil.example")], Method::POST, true),
            (&[("origin", "null")], Method::POST, true),
            (&[("origin", "http://evil.example")], Method::GET, true),
            (&[("sec-fetch-site", "same-origin")], Method::POST, false),
            (&[("sec-fetch-site", "none")], Method::GET, false),
            (&[("sec-fetch-site", "cross-site")], Method::GET, true),
            (&[("sec-fetch-site", "same-site")], Method::GET, true),
            (
                &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
                Method::GET,
                false,
            ),
            (
                &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
                Method::POST,
                true,
            ),
        ] {
            let headers = headers(&[&[host], extra].concat());
            assert_eq!(is_foreign(&headers, &method), foreign, "{extra:?} {method}");
        }
    }

    #[test]
    fn who_is_near_may_read_unless_a_proxy_speaks_for_somebody() {
        for (from, extra, may) in [
            ("127.0.0.1", &[][..], Some(Right::Read)),
            ("::1", &[], Some(Right::Read)),
            ("::ffff:127.0.0.1", &[], Some(Right::Read)),
            ("192.0.2.1", &[], None),
            ("127.0.0.1", &[("x-forwarded-for", "192.0.2.1")], None),
            ("127.0.0.1", &[("forwarded", "for=192.0.2.1")], None),
            ("127.0.0.1", &[("via", "1.1 proxy")], None),
            ("127.0.0.1", &[("x-real-ip", "192.0.2.1")], None),
            ("127.0.0.1", &[("x-forwarded-host", "ns1.example.org")], None),
            ("127.0.0.1", &[("x-forwarded-proto", "https")], None),
            ("127.0.0.1", &[("cf-connecting-ip", "192.0.2.1")], None),
        ] {
            let caller = access().caller(&headers(extra), from.parse().unwrap()).unwrap();
            assert_eq!(caller.may, may, "{from} {extra:?}");
        }
        for wrong in ["Bearer 0123456789abcdef", "Basic 0123", "0123"] {
            let headers = headers(&[("authorization", wrong)]);
            let refused = access().caller(&headers, "127.0.0.1".parse().unwrap());
            assert!(matches!(refused, Err(Refusal::BadToken)), "{wrong}");
        }
    }
}
