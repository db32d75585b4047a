//! Is a GET request answered as expected?
//!
//! Every probe makes its own client and its own connection. A client costs three microseconds with
//! the shared TLS configuration, and nothing is left to be kept apart by address and source, or to
//! be thrown away when checks go. A kept connection would hide what a check is to find: that the
//! endpoint takes no new ones, or that its certificate ran out.

use std::net::IpAddr;
use std::sync::Arc;

use reqwest::header::{HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use rustls::ClientConfig;

use super::reason;
use super::resolve::{Judged, Pinned};
use super::tls::Tls;
use crate::check::HttpProbe;
use crate::outcome::Outcome;
use crate::target::TargetPolicy;

const AGENT: &str = concat!("halfmoon/", env!("CARGO_PKG_VERSION"));

/// Sends the request and judges the answer.
pub(super) async fn probe(
    http: &HttpProbe,
    source: Option<IpAddr>,
    tls: &Tls,
    targets: &TargetPolicy,
) -> Outcome {
    let is_tls = http.url.scheme() == "https";
    let config = match is_tls.then(|| tls.config(http.certificate)) {
        None => tls.unused(),
        Some(Ok(config)) => config,
        Some(Err(reason)) => return Outcome::failure(reason.to_owned()),
    };
    let route = Route::of(http, is_tls);
    let client = match client(&route, source, config, targets) {
        Ok(client) => client,
        Err(error) => return reason::request(&error, source),
    };
    let request = client.get(route.url).headers(headers(http, route.host));
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => return reason::request(&error, source),
    };
    let status = response.status().as_u16();
    if status != http.status {
        return Outcome::failure(format!("status {status}, expected {}", http.status));
    }
    let body = match body(&mut response, http.byte_limit).await {
        Ok(body) => body,
        Err(error) => return reason::request(&error, source),
    };
    if let Some(wanted) = &http.body_match
        // Searching text takes time in proportion to its length, searching octets may not.
        && !String::from_utf8_lossy(&body).contains(wanted)
    {
        return Outcome::Failure(reason::no_match(wanted));
    }
    Outcome::Success { weight: leading_number(&body) }
}

/// What is connected to.
struct Route {
    url: Url,
    /// The address that the URL's host is taken to have.
    pin: Option<IpAddr>,
    /// The Host header, where it is not the URL's host.
    host: Option<HeaderValue>,
}

impl Route {
    fn of(http: &HttpProbe, is_tls: bool) -> Self {
        let mut url = http.url.clone();
        let Some(address) = http.address else {
            return Self { url, pin: None, host: None };
        };
        let address = address.to_canonical();
        // The resolver is not asked about a host that is an address, and for TLS the host has to
        // stay, as the name that the certificate must have.
        if is_tls && http.literal_host().is_none() {
            return Self { url, pin: Some(address), host: None };
        }
        let host =
            HeaderValue::from_str(&http.url[url::Position::BeforeHost..url::Position::AfterPort])
                .ok();
        match url.set_ip_host(address) {
            Ok(()) => Self { url, pin: None, host },
            // Only URLs without hosts take none, and they are refused with the check.
            Err(()) => Self { url, pin: Some(address), host: None },
        }
    }
}

fn client(
    route: &Route,
    source: Option<IpAddr>,
    config: &ClientConfig,
    targets: &TargetPolicy,
) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .tls_backend_preconfigured(config.clone())
        .no_proxy()
        .redirect(Policy::none())
        .http1_only()
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .local_address(source);
    match route.pin {
        Some(address) => builder.dns_resolver(Arc::new(Pinned(address))),
        None => builder.dns_resolver(Arc::new(Judged { targets: targets.clone(), source })),
    }
    .build()
}

fn headers(http: &HttpProbe, host: Option<HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(http.headers.len() + 2);
    if let Some(host) = host {
        headers.insert(HOST, host);
    }
    let agent = http.user_agent.as_deref().unwrap_or(AGENT);
    if let Ok(agent) = HeaderValue::from_bytes(agent.as_bytes()) {
        headers.insert(USER_AGENT, agent);
    }
    for (name, value) in &http.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        // Both were tried when the check was taken on.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    }
    headers
}

/// The beginning of the body, as far as it is to be read.
async fn body(response: &mut Response, byte_limit: u64) -> reqwest::Result<Vec<u8>> {
    let limit = match byte_limit {
        0 => HttpProbe::BODY_CAP,
        limit => limit.min(HttpProbe::BODY_CAP),
    } as usize;
    let mut body = Vec::new();
    while body.len() < limit {
        let Some(chunk) = response.chunk().await? else {
            break;
        };
        let rest = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(rest)]);
    }
    Ok(body)
}

/// The number at the start, as C's `stoi` reads it: blanks, a sign, digits, anything. 0 if there is
/// none, or it is not positive, or too large for an `int`.
fn leading_number(body: &[u8]) -> u32 {
    let is_blank = |octet: &u8| matches!(octet, b' ' | b'\t'..=b'\r');
    let start = body.iter().position(|octet| !is_blank(octet)).unwrap_or(body.len());
    let text = &body[start..];
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let mut digits = text.iter().take_while(|octet| octet.is_ascii_digit());
    digits
        .try_fold(0_i32, |number, digit| {
            number.checked_mul(10)?.checked_add(i32::from(digit - b'0'))
        })
        .map_or(0, i32::unsigned_abs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_at_the_start_is_a_weight() {
        for (body, weight) in [
            ("", 0),
            ("12", 12),
            ("12\n", 12),
            (" \t\r\n\u{b}\u{c}12", 12),
            ("+7 servers", 7),
            ("-7", 0),
            ("+-7", 0),
            ("- 7", 0),
            ("0", 0),
            ("007", 7),
            ("3.9", 3),
            ("0x10", 0),
            ("ok 5", 0),
            ("2147483647", 2_147_483_647),
            ("2147483648", 0),
            ("99999999999999999999", 0),
        ] {
            assert_eq!(leading_number(body.as_bytes()), weight, "{body:?}");
        }
    }

    #[test]
    fn the_host_stays_the_urls_and_the_address_is_pinned() {
        let check = |url: &str, address: &str, expected: (&str, &str, &str)| {
            let address = address.parse().ok();
            let http = HttpProbe::new(Url::parse(url).expect("a URL"), address);
            let route = Route::of(&http, http.url.scheme() == "https");
            let pin = route.pin.map(|pin| pin.to_string()).unwrap_or_default();
            let host = route.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
            assert_eq!((route.url.as_str(), pin.as_str(), host), expected, "{url}");
        };
        check("http://w.example/a?b", "192.0.2.1", ("http://192.0.2.1/a?b", "", "w.example"));
        check(
            "http://w.example:8080/",
            "2001:db8::1",
            ("http://[2001:db8::1]:8080/", "", "w.example:8080"),
        );
        check("http://192.0.2.9/", "192.0.2.1", ("http://192.0.2.1/", "", "192.0.2.9"));
        check("https://w.example/", "192.0.2.1", ("https://w.example/", "192.0.2.1", ""));
        check("https://w.example/", "::ffff:192.0.2.1", ("https://w.example/", "192.0.2.1", ""));
        check("https://w.example/", "none", ("https://w.example/", "", ""));
        check("http://u:p@w.example/", "192.0.2.1", ("http://u:p@192.0.2.1/", "", "w.example"));
    }
}
