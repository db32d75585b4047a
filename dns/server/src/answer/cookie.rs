//! Server cookies (RFC 7873), made so that other servers that have the secret understand them
//! (RFC 9018): a client that shows one gets what is sent to its address.

use std::fmt;
use std::net::IpAddr;

use halfmoon_wire::Cookie;
use siphasher::sip::SipHasher24;

use crate::counters::Event;

/// Octets of a server's cookie of version 1: version, three reserved, time, hash.
pub(crate) const SERVER_COOKIE: usize = 16;
/// How old a cookie may be, in seconds (RFC 9018 section 4.3).
const OLDEST: i32 = 3600;
/// How far in the future one may be, in seconds: clocks differ.
const EARLIEST: i32 = -300;

/// What a query's cookie says of its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieState {
    /// There is none, or cookies are not used here.
    #[default]
    None,
    /// The client has none of ours yet: its address may be forged.
    ClientOnly,
    /// The server's part is not ours, or too old: its address may be forged.
    Invalid,
    /// The server's part was made by us for this client and this address not long ago: who sends
    /// this receives what is sent to the address.
    Valid,
}

impl CookieState {
    /// What is counted of it.
    pub(crate) const fn event(self) -> Option<Event> {
        match self {
            Self::None => None,
            Self::ClientOnly => Some(Event::CookieNew),
            Self::Valid => Some(Event::CookieValid),
            Self::Invalid => Some(Event::CookieInvalid),
        }
    }
}

/// By what cookies are made and verified. Without a secret cookies are not used.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Box<[[u8; 16]]>);

impl Secrets {
    /// The first makes cookies; by each of them cookies are verified (RFC 9018 section 5).
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = [u8; 16]>) -> Self {
        Self(secrets.into_iter().collect())
    }

    /// Whether cookies are used.
    #[must_use]
    pub fn are_used(&self) -> bool {
        !self.0.is_empty()
    }

    /// What the cookie of a query from `client` at `now`, seconds since 1970, says, and the
    /// server's part for the reply. Every reply has a fresh one.
    pub(crate) fn judge(
        &self,
        cookie: Option<Cookie<'_>>,
        client: IpAddr,
        now: u32,
    ) -> (CookieState, Option<[u8; SERVER_COOKIE]>) {
        let (Some(cookie), Some(secret)) = (cookie, self.0.first()) else {
            return (CookieState::None, None);
        };
        let state = if cookie.server.is_empty() {
            CookieState::ClientOnly
        } else if self.made(&cookie, client, now) {
            CookieState::Valid
        } else {
            CookieState::Invalid
        };
        let [a, b, c, d] = now.to_be_bytes();
        let head = [1, 0, 0, 0, a, b, c, d];
        let mut fresh = [0; SERVER_COOKIE];
        fresh[..8].copy_from_slice(&head);
        fresh[8..].copy_from_slice(&hash(secret, cookie.client, head, client));
        (state, Some(fresh))
    }

    /// Whether the server's part was made by one of the secrets not long ago.
    fn made(&self, cookie: &Cookie<'_>, client: IpAddr, now: u32) -> bool {
        let Ok(server) = <[u8; SERVER_COOKIE]>::try_from(cookie.server) else {
            return false;
        };
        let [version, _, _, _, a, b, c, d, ..] = server;
        // Serial number arithmetic (RFC 1982): the time is good beyond 2106.
        let age = now.wrapping_sub(u32::from_be_bytes([a, b, c, d])) as i32;
        if version != 1 || !(EARLIEST..=OLDEST).contains(&age) {
            return false;
        }
        let (head, claimed) = server.split_at(8);
        let Ok(head) = head.try_into() else {
            return false;
        };
        // The reserved octets count as they came. No early end: how long this takes says nothing
        // of how much of a forged hash is right.
        self.0.iter().any(|secret| {
            let right = hash(secret, cookie.client, head, client);
            right.iter().zip(claimed).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
        })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// The hash of version 1 (RFC 9018 section 4.4).
fn hash(secret: &[u8; 16], client_cookie: [u8; 8], head: [u8; 8], client: IpAddr) -> [u8; 8] {
    let mut input = [0; 8 + 8 + 16];
    input[..8].copy_from_slice(&client_cookie);
    input[8..16].copy_from_slice(&head);
    let length = match client {
        IpAddr::V4(address) => {
            input[16..20].copy_from_slice(&address.octets());
            20
        }
        IpAddr::V6(address) => {
            input[16..].copy_from_slice(&address.octets());
            32
        }
    };
    SipHasher24::new_with_key(secret).hash(&input[..length]).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn octets<const N: usize>(text: &str) -> [u8; N] {
        HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
    }

    /// The state, and the reply's cookie in hexadecimal digits.
    fn judge(secrets: &[&str], cookie: &str, client: &str, now: u32) -> (CookieState, String) {
        let cookie = HEXLOWER.decode(cookie.as_bytes()).unwrap();
        let (&part, server) = cookie.split_first_chunk().unwrap();
        let secrets = Secrets::new(secrets.iter().map(|text| octets(text)));
        let cookie = Cookie { client: part, server };
        let (state, fresh) = secrets.judge(Some(cookie), client.parse().unwrap(), now);
        (state, HEXLOWER.encode(&[part.as_slice(), &fresh.unwrap()].concat()))
    }

    const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
    const OLD: &str = "dd3bdf9344b678b185a6f5cb60fca715";
    const NEW: &str = "445536bcd2513298075a5d379663c962";

    #[test]
    fn rfc9018_a_1_learning_a_cookie() {
        let expected = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
        let judged = judge(&[SECRET], "2464c4abcf10c957", "198.51.100.100", 1_559_731_985);
        assert_eq!(judged, (CookieState::ClientOnly, expected.to_owned()));
    }

    #[test]
    fn rfc9018_a_2_renewing_it() {
        let shown = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
        let expected = "2464c4abcf10c957010000005cf7a871d4a564a1442aca77";
        let judged = judge(&[SECRET], shown, "198.51.100.100", 1_559_734_385);
        assert_eq!(judged, (CookieState::Valid, expected.to_owned()));
    }

    #[test]
    fn rfc9018_a_3_reserved_octets_count_as_they_came() {
        let shown = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
        let (state, _) = judge(&[SECRET], shown, "203.0.113.203", 1_559_727_985 + 60);
        assert_eq!(state, CookieState::Valid);
        // The example renews it after an hour and 52 minutes, when section 4.3 has it too old.
        let expected = "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e";
        let judged = judge(&[SECRET], shown, "203.0.113.203", 1_559_734_700);
        assert_eq!(judged, (CookieState::Invalid, expected.to_owned()));
    }

    #[test]
    fn rfc9018_a_4_a_secret_rolled_over() {
        let shown = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
        let expected = "22681ab97d52c298010000005cf7c609a6bb79d16625507a";
        let client = "2001:db8:220:1:59de:d0f4:8769:82b8";
        let judged = judge(&[NEW, OLD], shown, client, 1_559_741_961);
        assert_eq!(judged, (CookieState::Valid, expected.to_owned()));
        assert_eq!(judge(&[NEW], shown, client, 1_559_741_961).0, CookieState::Invalid);
    }

    #[test]
    fn a_cookie_is_good_for_its_client_and_its_time_alone() {
        let made = 1_559_731_985;
        let shown = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
        let (here, valid, invalid) = ("198.51.100.100", CookieState::Valid, CookieState::Invalid);
        for (shown, client, now, expected) in [
            (shown, here, made, valid),
            (shown, here, made + 3600, valid),
            (shown, here, made + 3601, invalid),
            (shown, here, made - 300, valid),
            (shown, here, made - 301, invalid),
            (shown, "198.51.100.101", made, invalid),
            (shown, "::ffff:198.51.100.100", made, invalid),
            ("2464c4abcf10c958010000005cf79f111f8130c3eee29480", here, made, invalid),
            ("2464c4abcf10c957020000005cf79f111f8130c3eee29480", here, made, invalid),
            ("2464c4abcf10c957010000015cf79f111f8130c3eee29480", here, made, invalid),
            ("2464c4abcf10c957010000005cf79f121f8130c3eee29480", here, made, invalid),
            ("2464c4abcf10c957010000005cf79f111f8130c3eee29481", here, made, invalid),
            // Of other lengths: made elsewhere.
            ("2464c4abcf10c957010000005cf79f11", here, made, invalid),
            ("2464c4abcf10c957010000005cf79f111f8130c3eee2948000", here, made, invalid),
        ] {
            assert_eq!(judge(&[SECRET], shown, client, now).0, expected, "{shown} {client} {now}");
        }
    }

    #[test]
    fn time_goes_round() {
        // Made a minute before the 32 bits are full, shown a minute after.
        let (client, made) = ("192.0.2.1", u32::MAX - 59);
        let (_, shown) = judge(&[SECRET], "0123456789abcdef", client, made);
        assert_eq!(judge(&[SECRET], &shown, client, 60).0, CookieState::Valid);
        assert_eq!(judge(&[SECRET], &shown, client, 3600).0, CookieState::Invalid);
    }

    #[test]
    fn without_a_secret_or_a_cookie_there_is_none() {
        let cookie = Cookie { client: [0; 8], server: &[] };
        let client = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        let none = (CookieState::None, None);
        assert_eq!(Secrets::default().judge(Some(cookie), client, 0), none);
        assert_eq!(Secrets::new([[0; 16]]).judge(None, client, 0), none);
        assert_eq!(format!("{:?}", Secrets::new([[7; 16]])), "Secrets(1)");
    }
}
