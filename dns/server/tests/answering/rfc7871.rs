//! Client Subnet: who is meant, and for whom the answer is.

use super::support::{Zones, query};
use halfmoon::transport::Protocol;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

/// The address and the scope prefix of the reply.
#[track_caller]
fn ask(zones: &mut Zones, question: &str) -> (String, Option<u8>) {
    let message = zones.ask(question).message;
    let answer = message.answers.first().map_or(String::new(), |record| record.data.to_string());
    let scope = message.edns.as_ref().and_then(|edns| match edns.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some(subnet.scope_prefix()),
        _ => None,
    });
    (answer, scope)
}

const ZONE: &str = "view LUA A ( \"view({ {{'192.0.2.0/24'}, {'192.0.2.1'}}, \"\n\
                    \"{{'0.0.0.0/0','::/0'}, {'192.0.2.2'}} })\" )\n\
                    fixed LUA A \"'192.0.2.3'\"\nstatic A 192.0.2.4\n\
                    hashed LUA A \"pickhashed({'192.0.2.5', '192.0.2.5'})\"\n";

#[test]
fn s7_2_1_the_scope_says_what_the_answer_hung_on() {
    let mut zones = Zones::example(ZONE);
    let at = |text: &str, scope| (text.to_owned(), scope);
    assert_eq!(ask(&mut zones, "view.example. A +subnet=192.0.2.0/25"), at("192.0.2.1", Some(24)));
    assert_eq!(ask(&mut zones, "fixed.example. A +subnet=192.0.2.0/25"), at("192.0.2.3", Some(0)));
    assert_eq!(ask(&mut zones, "static.example. A +subnet=192.0.2.0/25"), at("192.0.2.4", Some(0)));
    assert_eq!(
        ask(&mut zones, "hashed.example. A +subnet=192.0.2.0/25"),
        at("192.0.2.5", Some(25))
    );
    // Other networks see the other answer: the scope has to keep them apart from 192.0.2.0/24.
    let (answer, scope) = ask(&mut zones, "view.example. A +subnet=192.0.3.0/24");
    assert_eq!((answer.as_str(), scope), ("192.0.2.2", Some(24)));
    // Without the option there is none in the reply.
    assert_eq!(ask(&mut zones, "static.example. A +edns").1, None);
}

#[test]
fn s7_1_2_a_prefix_of_no_bits_means_the_resolver() {
    let mut zones = Zones::example(ZONE);
    let (answer, scope) = ask(&mut zones, "view.example. A +subnet=0.0.0.0/0");
    assert_eq!((answer.as_str(), scope), ("192.0.2.1", Some(0)), "the sender is 192.0.2.7");
}

#[test]
fn s7_1_2_malformed_options_are_refused() {
    let mut zones = Zones::example(ZONE);
    let (mut octets, _) = query("static.example. A +subnet=192.0.2.0/24");
    let scope = octets.len() - 4;
    octets[scope] = 1;
    let reply = zones.raw(&octets, Protocol::Udp).unwrap();
    assert_eq!(reply[3] & 0xf, 1);
}
