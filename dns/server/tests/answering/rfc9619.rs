//! One question a query.

use super::support::{Zones, query};

#[test]
fn s4_no_other_count_than_one() {
    for (count, more, rcode) in [(0, 0, 1), (1, 0, 0), (2, 1, 1), (2, 0, 1), (255, 0, 1)] {
        let mut zones = Zones::example("");
        let (mut octets, protocol) = query("example. SOA");
        let question = octets[12..].to_vec();
        octets[5] = count;
        (0..more).for_each(|_| octets.extend(&question));
        let reply = zones.raw(&octets, protocol).expect("a reply");
        assert_eq!(reply[3] & 0xf, rcode, "{count} questions");
        assert_eq!(reply.get(6..8), Some(&[0, u8::from(rcode == 0)][..]), "{count} questions");
    }
}
