//! Which server has answered.

use super::support::Zones;

#[test]
fn s2_the_identifier_is_told_to_who_asks_for_it() {
    let mut zones = Zones::configured("", |shared| {
        shared.policy.presentation.nsid = Some("ns1.fsn".to_owned());
    });
    assert_eq!(zones.ask("example. SOA +option=3").option(3).unwrap(), b"ns1.fsn");
    assert_eq!(zones.ask("elsewhere. SOA +option=3").option(3).unwrap(), b"ns1.fsn");
    assert_eq!(zones.ask("example. SOA +edns").option(3), None);
    assert_eq!(Zones::example("").ask("example. SOA +option=3").option(3), None);
}
