//! For whom names are asked: networks of clients with weights.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Networks of one sample, at most.
const MOST: usize = 10_000;
/// IPv4 networks of the built-in sample.
const FOURS: u32 = 256;
/// IPv6 networks of it.
const SIXES: u32 = 64;
/// What is given out of the IPv6 space to those who give it out: the first 12 bits (IANA, IPv6 Global
/// Unicast Address Assignments).
const GIVEN_OUT: [u16; 6] = [0x2400, 0x2600, 0x2610, 0x2800, 0x2a00, 0x2c00];

/// A client of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleClient {
    /// The sender of its queries: the first address of a network.
    pub address: IpAddr,
    /// How much it counts.
    #[serde(default = "one")]
    pub weight: f64,
}

const fn one() -> f64 {
    1.0
}

/// Clients, at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    name: String,
    clients: Vec<SampleClient>,
}

impl Sample {
    /// Networks that lie evenly in the address space of the Internet: nobody counts for more than
    /// others, however many people there are.
    #[must_use]
    pub fn built_in() -> Self {
        // Steps by the golden ratio leave no gaps and meet no pattern of allocations.
        let step = |number: u32| number.wrapping_mul(0x9E37_79B1);
        let fours = (1..).map(step).map(|bits| Ipv4Addr::from_bits(bits & 0xffff_ff00));
        let fours = fours.filter(|address| is_public(*address)).take(FOURS as usize);
        let six = |number: u32| {
            let bits = step(number);
            let top = GIVEN_OUT[number as usize % GIVEN_OUT.len()] | (bits >> 28) as u16;
            Ipv6Addr::new(top, (bits >> 12) as u16, (bits << 4) as u16, 0, 0, 0, 0, 0)
        };
        let addresses = fours.map(IpAddr::V4).chain((1..=SIXES).map(six).map(IpAddr::V6));
        Self {
            name: "built-in".to_owned(),
            clients: addresses.map(|address| SampleClient { address, weight: 1.0 }).collect(),
        }
    }

    /// These clients.
    ///
    /// # Errors
    /// There are none, too many, or one has no weight.
    pub fn of(name: String, clients: Vec<SampleClient>) -> Result<Self, String> {
        if clients.is_empty() {
            return Err(format!("{name}: there is no client in it; write a network a line"));
        }
        if clients.len() > MOST {
            return Err(format!("{name}: more than {MOST} networks"));
        }
        if let Some(bad) = clients.iter().find(|one| !(one.weight > 0.0 && one.weight < 1e12)) {
            return Err(format!(
                "{name}: {} has weight {}; write one above 0",
                bad.address, bad.weight
            ));
        }
        Ok(Self { name, clients })
    }

    /// A network or an address a line, behind it how much it counts, if not 1. `#` begins a comment.
    ///
    /// # Errors
    /// What is wrong in which line, and what to write.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut clients = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(network) = words.next() else { continue };
            let address = match (network.parse::<IpNet>(), network.parse::<IpAddr>()) {
                (Ok(network), _) => network.network(),
                (_, Ok(address)) => address,
                _ => {
                    return Err(format!(
                        "{name}:{number}: {network:?} is no network; write 192.0.2.0/24"
                    ));
                }
            };
            let weight = match words.next() {
                None => 1.0,
                Some(word) => word.parse().map_err(|_| {
                    format!("{name}:{number}: {word:?} is no weight; write a number, as 2.5")
                })?,
            };
            if let Some(more) = words.next() {
                return Err(format!("{name}:{number}: {more:?} is one word too many"));
            }
            clients.push(SampleClient { address: address.to_canonical(), weight });
            if clients.len() > MOST {
                break;
            }
        }
        Self::of(name.to_owned(), clients)
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its clients.
    pub fn clients(&self) -> impl ExactSizeIterator<Item = SampleClient> {
        self.clients.iter().copied()
    }

    /// The sum of their weights.
    pub(super) fn weight(&self) -> f64 {
        self.clients.iter().map(|client| client.weight).sum()
    }
}

/// Whether hosts on the Internet have such addresses (IANA, IPv4 Special-Purpose Address Registry).
fn is_public(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(matches!(a, 0 | 10 | 127 | 224..)
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && (b == 168 || (b == 0 && matches!(c, 0 | 2)) || (b, c) == (88, 99)))
        || (a == 198 && (matches!(b, 18 | 19) || (b, c) == (51, 100)))
        || (a, b, c) == (203, 0, 113))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_that_is_built_in_is_spread_over_the_internet() {
        let sample = Sample::built_in();
        assert_eq!(sample.clients().count(), (FOURS + SIXES) as usize);
        let mut eighths = [0; 8];
        for client in sample.clients() {
            match client.address {
                IpAddr::V4(address) => {
                    assert!(is_public(address), "{address}");
                    eighths[usize::from(address.octets()[0] / 32)] += 1;
                }
                IpAddr::V6(address) => {
                    assert!(GIVEN_OUT.contains(&(address.segments()[0] & 0xfff0)), "{address}");
                }
            }
        }
        assert_eq!(eighths[7], 0, "multicast");
        assert!(eighths[..7].iter().all(|count| *count > 25), "{eighths:?}");
    }

    #[test]
    fn a_sample_is_a_network_a_line() {
        let sample = Sample::parse("f", "# all\n192.0.2.77/24 2.5\n\n2001:db8::1 # one\n").unwrap();
        let clients: Vec<_> =
            sample.clients().map(|one| (one.address.to_string(), one.weight)).collect();
        assert_eq!(clients, [("192.0.2.0".to_owned(), 2.5), ("2001:db8::1".to_owned(), 1.0)]);
        for (text, why) in [
            ("", "f: there is no client in it; write a network a line"),
            ("\nhere", "f:2: \"here\" is no network; write 192.0.2.0/24"),
            ("192.0.2.1 much", "f:1: \"much\" is no weight; write a number, as 2.5"),
            ("192.0.2.1 0", "f: 192.0.2.1 has weight 0; write one above 0"),
            ("192.0.2.1 -1", "f: 192.0.2.1 has weight -1; write one above 0"),
            ("192.0.2.1 NaN", "f: 192.0.2.1 has weight NaN; write one above 0"),
            ("192.0.2.1 1 2", "f:1: \"2\" is one word too many"),
        ] {
            assert_eq!(Sample::parse("f", text).unwrap_err(), why);
        }
        let many = "192.0.2.1\n".repeat(MOST + 1);
        assert_eq!(Sample::parse("f", &many).unwrap_err(), "f: more than 10000 networks");
    }
}
