//! How long a TCP connection may be idle.

use super::support::Zones;

#[test]
fn s3_3_the_time_is_told_over_tcp_to_who_asks() {
    let mut zones = Zones::configured("", |shared| shared.policy.tcp_idle = 0x0123);
    assert_eq!(zones.ask("example. SOA +tcp +option=11").option(11).unwrap(), [0x01, 0x23]);
    assert_eq!(zones.ask("example. SOA +tcp +edns").option(11), None);
    assert_eq!(zones.ask("example. SOA +option=11").option(11), None, "UDP has no connections");
}
