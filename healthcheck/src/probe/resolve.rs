//! Where a request goes that names no address: to where its host resolves.

use std::net::{IpAddr, SocketAddr};

use crate::target::{Denial, TargetPolicy};

/// Addresses of one host that are tried, at most.
const ADDRESSES: usize = 16;

/// Why a host leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum Nowhere {
    #[error("{host} does not resolve: {error}")]
    Unresolved { host: String, error: std::io::Error },
    #[error("{host} resolves to no address that can be probed from this source")]
    Empty { host: String },
    #[error("{host} resolves to a target that is not allowed: {denial}")]
    Denied { host: String, denial: Denial },
}

/// Resolves as the machine does, and leaves out what may not be probed.
pub(super) async fn resolve(
    host: &str,
    targets: (&TargetPolicy, Option<&TargetPolicy>),
    source: Option<IpAddr>,
) -> Result<Vec<SocketAddr>, Nowhere> {
    match tokio::net::lookup_host((host, 0)).await.map(Iterator::collect) {
        Ok(found) => allowed(host.to_owned(), found, targets, source),
        Err(error) => Err(Nowhere::Unresolved { host: host.to_owned(), error }),
    }
}

fn allowed(
    host: String,
    found: Vec<SocketAddr>,
    (targets, own): (&TargetPolicy, Option<&TargetPolicy>),
    source: Option<IpAddr>,
) -> Result<Vec<SocketAddr>, Nowhere> {
    let judge = |address| {
        targets.judge(address)?;
        own.map_or(Ok(()), |own| own.judge(address))
    };
    let mut denied = None;
    let allowed: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| source.is_none_or(|source| source.is_ipv4() == address.is_ipv4()))
        .filter(|address| match judge(address.ip()) {
            Ok(()) => true,
            Err(denial) => {
                denied = Some(denial);
                false
            }
        })
        .take(ADDRESSES)
        .collect();
    match denied {
        _ if !allowed.is_empty() => Ok(allowed),
        Some(denial) => Err(Nowhere::Denied { host, denial }),
        None => Err(Nowhere::Empty { host }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: &str, deny: &str, source: Option<&str>, expected: &str) {
        check_of(found, deny, None, source, expected);
    }

    fn check_of(
        found: &str,
        deny: &str,
        own: Option<&TargetPolicy>,
        source: Option<&str>,
        expected: &str,
    ) {
        let found = found
            .split_whitespace()
            .map(|address| SocketAddr::new(address.parse().expect("an address"), 0));
        let targets = TargetPolicy::new(
            vec!["0.0.0.0/0".parse().expect("a network"), "::/0".parse().expect("a network")],
            vec![deny.parse().expect("a network")],
        );
        let source = source.map(|source| source.parse().expect("an address"));
        let said = match allowed("h.example".to_owned(), found.collect(), (&targets, own), source) {
            Ok(allowed) => {
                let addresses: Vec<String> =
                    allowed.iter().map(|address| address.ip().to_string()).collect();
                addresses.join(" ")
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn what_its_holder_may_not_probe_is_left_out_too() {
        let own = TargetPolicy::new(vec!["192.0.2.0/25".parse().expect("a network")], Vec::new());
        check_of("192.0.2.1 192.0.2.200", "10.0.0.0/8", Some(&own), None, "192.0.2.1");
        check_of("10.0.0.1 192.0.2.1", "192.0.2.1/32", Some(&own), Some("0.0.0.0"), {
            "h.example resolves to a target that is not allowed: 192.0.2.1 is in 192.0.2.1/32, which \
             `targets.deny` names"
        });
    }

    #[test]
    fn what_may_not_be_probed_is_left_out() {
        check("192.0.2.1 2001:db8::1", "10.0.0.0/8", None, "192.0.2.1 2001:db8::1");
        check("10.0.0.1 192.0.2.1", "10.0.0.0/8", None, "192.0.2.1");
        check(
            "10.0.0.1 ::ffff:10.0.0.2",
            "10.0.0.0/8",
            None,
            "h.example resolves to a target that is not allowed: 10.0.0.2 is in 10.0.0.0/8, which \
             `targets.deny` names",
        );
        check("192.0.2.1 2001:db8::1", "10.0.0.0/8", Some("::1"), "2001:db8::1");
        check(
            "192.0.2.1",
            "10.0.0.0/8",
            Some("::1"),
            "h.example resolves to no address that can be probed from this source",
        );
    }
}
