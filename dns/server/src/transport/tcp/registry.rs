//! Who is connected, and who has to give way at the limits.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::TcpLimits;

/// All connections of a server. Its lock is taken when a connection begins, answers a batch or
/// ends, for a few instructions; only at the limits is it held for a walk over the connections.
#[derive(Clone, Debug, Default)]
pub(in crate::transport) struct Registry(Arc<Mutex<Connections>>);

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    open: HashMap<u64, Open>,
    per_source: HashMap<Source, usize>,
}

#[derive(Debug)]
struct Open {
    source: Source,
    last_answer: Instant,
    leave: Arc<Notify>,
}

/// What counts as one client: an IPv4 address, or an IPv6 /64, as one host commonly has all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Source(IpAddr);

/// The answer to a new connection.
#[derive(Debug)]
pub(super) enum Admission {
    /// Its place.
    Place(Place),
    /// Its place, for which an older connection was told to leave.
    GivenUp(Place),
    /// There is none: all that there may be are in use.
    Full,
    /// There is none for this client: all that it may have are in use.
    FullForAddress,
}

/// The place of one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    registry: Registry,
    number: u64,
    leave: Arc<Notify>,
}

impl Registry {
    /// Finds a place for a client. At a limit, the connection of those under the limit that has been
    /// quiet for longest gives way, unless all have had an answer within [`TcpLimits::quiet`].
    pub(super) fn admit(&self, client: IpAddr, limits: &TcpLimits, now: Instant) -> Admission {
        let source = Source::of(client);
        let mut connections = self.lock();
        let own = connections.per_source.get(&source).copied().unwrap_or(0);
        let mut made_room = false;
        if own >= limits.per_address as usize {
            made_room = connections.evict(|open| open.source == source, limits.quiet, now);
            if !made_room {
                return Admission::FullForAddress;
            }
        } else if connections.open.len() >= limits.connections as usize {
            made_room = connections.evict(|_| true, limits.quiet, now);
            if !made_room {
                return Admission::Full;
            }
        }
        let number = connections.next;
        connections.next += 1;
        let leave = Arc::new(Notify::new());
        let open = Open { source, last_answer: now, leave: Arc::clone(&leave) };
        connections.open.insert(number, open);
        *connections.per_source.entry(source).or_insert(0) += 1;
        let place = Place { registry: self.clone(), number, leave };
        if made_room { Admission::GivenUp(place) } else { Admission::Place(place) }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        // No code under the lock panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    fn evict(&mut self, among: impl Fn(&Open) -> bool, quiet: Duration, now: Instant) -> bool {
        let quietest = self
            .open
            .iter()
            .filter(|(_, open)| among(open))
            .filter(|(_, open)| now.saturating_duration_since(open.last_answer) >= quiet)
            .min_by_key(|(_, open)| open.last_answer)
            .map(|(&number, _)| number);
        let Some(number) = quietest else { return false };
        if let Some(open) = self.remove(number) {
            open.leave.notify_one();
        }
        true
    }

    fn remove(&mut self, number: u64) -> Option<Open> {
        let open = self.open.remove(&number)?;
        if let Some(count) = self.per_source.get_mut(&open.source) {
            *count -= 1;
            if *count == 0 {
                self.per_source.remove(&open.source);
            }
        }
        Some(open)
    }
}

impl Place {
    /// Notes that the client got an answer.
    pub(super) fn answered(&self, now: Instant) {
        if let Some(open) = self.registry.lock().open.get_mut(&self.number) {
            open.last_answer = now;
        }
    }

    /// Resolves when the place is needed for somebody else.
    pub(super) async fn taken(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.lock().remove(self.number);
    }
}

impl Source {
    fn of(client: IpAddr) -> Self {
        Self(match client {
            IpAddr::V4(_) => client,
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TcpLimits = TcpLimits {
        connections: 3,
        per_address: 2,
        idle: Duration::from_secs(10),
        message: Duration::from_secs(5),
        write: Duration::from_secs(10),
        quiet: Duration::from_secs(1),
    };

    /// Plays a script: `+address` connects, `=n` answers the n-th, `-n` closes it, `.` lets a second
    /// pass. Returns for each connection `y` (admitted), `n` (not), `a` (not for this address) or `r`
    /// (another made room).
    #[track_caller]
    fn check(script: &str, expected: &str) {
        let registry = Registry::default();
        let mut now = Instant::now();
        let mut places: Vec<Option<Place>> = Vec::new();
        let mut seen = String::new();
        for word in script.split_whitespace() {
            let (act, rest) = word.split_at(1);
            match act {
                "+" => {
                    let admission = registry.admit(rest.parse().unwrap(), &LIMITS, now);
                    let (mark, place) = match admission {
                        Admission::Place(place) => ('y', Some(place)),
                        Admission::GivenUp(place) => ('r', Some(place)),
                        Admission::Full => ('n', None),
                        Admission::FullForAddress => ('a', None),
                    };
                    seen.push(mark);
                    places.push(place);
                }
                "=" => places[rest.parse::<usize>().unwrap()].as_ref().unwrap().answered(now),
                "-" => places[rest.parse::<usize>().unwrap()] = None,
                _ => now += Duration::from_secs(1),
            }
            now += Duration::from_millis(1);
        }
        assert_eq!(seen, expected, "{script}");
        drop(places);
        assert!(registry.lock().open.is_empty() && registry.lock().per_source.is_empty());
    }

    #[test]
    fn an_address_has_its_share() {
        check("+127.0.0.1 +127.0.0.1 +127.0.0.1 +127.0.0.2", "yyay");
    }

    #[test]
    fn all_have_the_total() {
        check("+127.0.0.1 +127.0.0.2 +127.0.0.3 +127.0.0.4", "yyyn");
        check("+127.0.0.1 +127.0.0.2 +127.0.0.3 -1 +127.0.0.4", "yyyy");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        check("+2001:db8::1 +2001:db8::2 +2001:db8::3 +2001:db8:0:1::1", "yyay");
    }

    #[test]
    fn the_quietest_gives_way() {
        check("+127.0.0.1 +127.0.0.1 . +127.0.0.1", "yyr");
        check("+127.0.0.1 +127.0.0.2 +127.0.0.3 . =0 =1 =2 +127.0.0.4", "yyyn");
        check("+127.0.0.1 +127.0.0.2 +127.0.0.3 . =0 =1 +127.0.0.4", "yyyr");
    }

    #[test]
    fn who_gave_way_is_counted_once() {
        check("+127.0.0.1 +127.0.0.1 . +127.0.0.1 =1 -0 +127.0.0.1", "yyra");
    }

    #[tokio::test]
    async fn who_gives_way_is_told() {
        let registry = Registry::default();
        let now = Instant::now();
        let admit = |now| registry.admit([127, 0, 0, 1].into(), &LIMITS, now);
        let (Admission::Place(first), Admission::Place(second)) = (admit(now), admit(now)) else {
            panic!("no place");
        };
        second.answered(now + Duration::from_millis(1));
        let later = now + Duration::from_secs(2);
        assert!(matches!(admit(later), Admission::GivenUp(_)));
        first.taken().await;
    }
}
