//! What may not be probed is refused when a check is taken on, whatever kind it is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use halfmoon_healthcheck::{
    Check, DnsOptions, DnsProbe, GrpcProbe, Health, HttpProbe, Probe, Refused, TlsOptions, TlsProbe,
};
use url::Url;

mod common;
use common::{nothing_allowed, quick};

/// One probe of each kind that sends something, to this port of this address.
pub(crate) fn of_each_kind(address: SocketAddr) -> Vec<Probe> {
    let ip = address.ip();
    let url = |text: String| Url::parse(&text).expect("a URL");
    let http = |url, address| Probe::Http(Box::new(HttpProbe::new(url, address)));
    let dns = DnsOptions { name: Some("example".to_owned()), ..DnsOptions::default() };
    let port = address.port();
    vec![
        Probe::Tcp(address),
        Probe::Ping(ip),
        http(url(format!("http://www.example:{port}/")), Some(ip)),
        http(url(format!("https://www.example:{port}/")), Some(ip)),
        http(url(format!("http://{address}/")), None),
        Probe::Tls(TlsProbe { address, server_name: None, tls: TlsOptions::default() }),
        Probe::Dns(Box::new(DnsProbe { address, dns })),
        Probe::Grpc(Box::new(GrpcProbe {
            address,
            service: String::new(),
            tls: None,
            server_name: None,
        })),
    ]
}

#[test]
fn a_target_that_is_not_allowed_is_refused_whatever_is_asked_of_it() {
    let health = Health::unprobed(nothing_allowed());
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    for address in [IpAddr::from(Ipv4Addr::LOCALHOST), mapped.into()] {
        for probe in of_each_kind((address, 53).into()) {
            let check: Check = quick(probe);
            let refused = health.acquire(check.clone()).map(|_| ()).expect_err("refused");
            assert!(matches!(refused, Refused::Target(_)), "{check}: {refused}");
        }
    }
    assert!(health.checks().is_empty());
}
