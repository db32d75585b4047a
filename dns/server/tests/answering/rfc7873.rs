//! Cookies: what is made of them, whole. How they are computed is tested beside the code, with the
//! vectors of RFC 9018.

use halfmoon::cookies::Cookies;
use hickory_proto::op::ResponseCode;

use super::support::Zones;

const CLIENT: &str = "0123456789abcdef";

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn s5_2_2_a_malformed_cookie_is_a_format_error() {
    let mut zones = Zones::example("");
    for cookie in ["", "01", "01234567", "0123456789abcdef01", &"ab".repeat(41)] {
        let reply = zones.ask(&format!("example. SOA +option=10:{cookie}"));
        assert_eq!(reply.message.metadata.response_code, ResponseCode::FormErr, "{cookie}");
        assert!(reply.message.answers.is_empty());
    }
}

#[test]
fn s5_2_3_a_client_alone_gets_a_server_cookie_and_shows_it() {
    let mut zones = Zones::example("");
    let reply = zones.ask(&format!("example. SOA +option=10:{CLIENT}"));
    let cookie = hex(&reply.option(10).unwrap());
    assert!(cookie.starts_with(CLIENT) && cookie.len() == 48, "{cookie}");
    assert_eq!(reply.message.answers.len(), 1);
    let again = zones.ask(&format!("example. SOA +option=10:{cookie}"));
    assert_eq!(again.message.answers.len(), 1);
    assert!(hex(&again.option(10).unwrap()).starts_with(CLIENT));
}

#[test]
fn s5_2_4_a_bad_server_cookie_is_answered_with_a_good_one() {
    let mut zones = Zones::example("");
    let reply = zones.ask(&format!("example. SOA +option=10:{CLIENT}{}", "00".repeat(16)));
    assert_eq!(reply.message.answers.len(), 1, "as without a cookie");
    assert_ne!(hex(&reply.option(10).unwrap())[16..], "00".repeat(16));
}

#[test]
fn s5_4_a_query_for_a_cookie_alone() {
    for (server, rcode) in [("", ResponseCode::NoError), ("00", ResponseCode::BADCOOKIE)] {
        let mut zones = Zones::example("");
        let question = format!("example. SOA +option=10:{CLIENT}{}", server.repeat(16));
        let (mut octets, protocol) = super::support::query(&question);
        // The question leaves: its name, type and class.
        octets[5] = 0;
        octets.drain(12..12 + 9 + 4);
        let reply = zones.raw(&octets, protocol).unwrap();
        let reply = super::support::Reply::of(reply);
        assert_eq!(reply.message.metadata.response_code, rcode);
        assert!(hex(&reply.option(10).unwrap()).starts_with(CLIENT));
    }
}

#[test]
fn s5_2_1_cookies_that_are_not_used_are_not_there() {
    let mut zones = Zones::configured("", |shared| shared.cookies = Cookies::unused());
    let reply = zones.ask(&format!("example. SOA +option=10:{CLIENT}"));
    assert_eq!(reply.option(10), None);
    assert_eq!(reply.message.answers.len(), 1);
}

#[test]
fn s5_2_1_without_a_cookie_there_is_none_in_the_reply() {
    let mut zones = Zones::example("");
    assert_eq!(zones.ask("example. SOA +edns").option(10), None);
}

#[test]
fn s5_2_5_a_good_cookie_is_answered_and_renewed_whatever_the_answer_is() {
    let mut zones = Zones::example("");
    let first = zones.ask(&format!("example. SOA +option=10:{CLIENT}"));
    let cookie = hex(&first.option(10).unwrap());
    for question in
        ["example. SOA", "x.example. A", "elsewhere. A", "example. AXFR", "example. SOA +tcp"]
    {
        let reply = zones.ask(&format!("{question} +option=10:{cookie}"));
        let fresh = hex(&reply.option(10).unwrap());
        assert!(fresh.starts_with(CLIENT) && fresh.len() == 48, "{question}: {fresh}");
    }
}

#[test]
fn s5_2_of_several_cookies_the_first_counts() {
    let mut zones = Zones::example("");
    let reply = zones.ask(&format!("example. SOA +option=10:{CLIENT} +option=10:ffffffffffffffff"));
    assert!(hex(&reply.option(10).unwrap()).starts_with(CLIENT));
}
