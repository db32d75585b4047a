//! Minimal answers to ANY.

use halfmoon::shared::AnyAnswers;

use super::support::Zones;

const NAMES: &str = "www A 192.0.2.1\nwww A 192.0.2.2\nwww TXT hello\n\
                     alias CNAME www\ncomputed LUA TXT \"'text'\"\ncomputed LUA A \"'192.0.2.3'\"\n";

#[test]
fn s4_1_one_rrset_over_udp() {
    let mut zones = Zones::example(NAMES);
    for (question, expected) in [
        ("www", "NOERROR aa | www.example. A 192.0.2.1, www.example. A 192.0.2.2 | |"),
        ("alias", "NOERROR aa | alias.example. CNAME www.example. | |"),
        ("computed", "NOERROR aa | computed.example. A 192.0.2.3 | |"),
    ] {
        zones.check(&format!("{question}.example. ANY"), expected);
    }
    zones.check("nothing.example. ANY", "NXDOMAIN aa | | example. 5 SOA |");
}

#[test]
fn s4_4_all_rrsets_over_tcp_or_where_the_operator_wants_it() {
    let all = "NOERROR aa | www.example. A 192.0.2.1, www.example. A 192.0.2.2, \
               www.example. TXT hello | |";
    Zones::example(NAMES).check("www.example. ANY +tcp", all);
    let mut full = Zones::configured(NAMES, |shared| shared.policy.any = AnyAnswers::Full);
    full.check("www.example. ANY", all);
}

#[test]
fn s4_1_the_same_rrset_each_time_and_small() {
    let mut text = NAMES.to_owned();
    for i in 0..200 {
        text += &format!("large TXT \"{i}\"\n");
    }
    text += "large A 192.0.2.9\nlarge MX 1 www\n";
    let mut zones = Zones::example(&text);
    for _ in 0..3 {
        zones.check("large.example. ANY", "NOERROR aa | large.example. A 192.0.2.9 | |");
    }
    // Nothing is made up where there is nothing, and names between are there.
    let mut zones = Zones::example("a.b TXT x\n*.w TXT y\n");
    zones.check("b.example. ANY", "NOERROR aa | | example. 5 SOA |");
    zones.check("x.w.example. ANY", "NOERROR aa | x.w.example. TXT y | |");
}
