//! Pings of this machine, as far as it lets us.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use halfmoon_healthcheck::{Check, Outcome, Probe};

mod common;
use common::{outcome, quick, start};

/// The outcome of a ping; `None`, said loudly, if nobody may ping here.
async fn ping(check: Check) -> Option<Outcome> {
    let found = outcome(&start(), check).await;
    if let Outcome::Inconclusive(reason) = &found
        && reason.starts_with("ICMP is not permitted")
    {
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"SKIPPED: this process may not ping\n",
        );
        return None;
    }
    Some(found)
}

#[tokio::test]
async fn this_machine_replies() {
    for address in [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        Ipv4Addr::new(127, 0, 9, 1).into(),
        Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(),
        Ipv6Addr::LOCALHOST.into(),
    ] {
        if let Some(found) = ping(quick(Probe::Ping(address))).await {
            assert_eq!(found, Outcome::success(0), "{address}");
        }
    }
}

#[tokio::test]
async fn a_ping_leaves_from_its_source() {
    let target = IpAddr::from(Ipv4Addr::LOCALHOST);
    let from =
        |source: Ipv4Addr| Check { source: Some(source.into()), ..quick(Probe::Ping(target)) };
    if let Some(found) = ping(from(Ipv4Addr::new(127, 0, 9, 2))).await {
        assert_eq!(found, Outcome::success(0));
    }
    if let Some(found) = ping(from(Ipv4Addr::new(192, 0, 2, 1))).await {
        assert!(matches!(found, Outcome::Inconclusive(_)), "{found:?}");
    }
}

#[tokio::test]
async fn many_pings_at_once_do_not_take_one_anothers_replies() {
    let health = start();
    let check = |last| quick(Probe::Ping(Ipv4Addr::new(127, 0, 9, last).into()));
    let handles: Vec<_> =
        (10..74).map(|last| health.acquire(check(last)).expect("an allowed target")).collect();
    for handle in &handles {
        let found = common::until("a result", || {
            common::report(&health, handle.check())?.last.map(|last| last.outcome)
        })
        .await;
        assert!(!matches!(found, Outcome::Failure(_)), "{}: {found:?}", handle.check());
    }
}
