//! The regions of the demo: HTTP endpoints on loopback addresses, each with a switch.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task;
use tokio::time;

/// How long a client of an endpoint may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Octets of a request that are read at most.
const REQUEST: usize = 8 * 1024;
/// How often a free port is looked for, should the usual one be taken.
const ATTEMPTS: usize = 16;
/// How long after a failed accept or bind the next is tried.
const PAUSE: Duration = Duration::from_millis(50);

const REGIONS: [(&str, &str, Ipv4Addr); 3] = [
    ("fra", "Frankfurt", Ipv4Addr::new(127, 0, 0, 11)),
    ("iad", "Ashburn", Ipv4Addr::new(127, 0, 0, 12)),
    ("sin", "Singapore", Ipv4Addr::new(127, 0, 0, 13)),
];

/// What an endpoint does with its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Answers 200.
    Serve,
    /// Answers 503.
    Fail,
    /// Accepts no connections.
    Cut,
}

/// A region of the demo.
#[derive(Debug)]
pub(super) struct Region {
    /// As it is called on the keyboard.
    pub(super) name: &'static str,
    /// As people call it.
    place: &'static str,
    /// Where its endpoint is.
    pub(super) address: SocketAddr,
    switch: watch::Sender<Behaviour>,
}

/// Opens the endpoint of each region, all on one port: the one given if it is free. They serve
/// in tasks of the current `LocalSet`.
pub(super) async fn open(port: u16) -> Result<Vec<Region>, String> {
    let mut opened = listen(port).await;
    for _ in 0..ATTEMPTS {
        match &opened {
            Err((_, error)) if error.kind() == io::ErrorKind::AddrInUse => opened = listen(0).await,
            _ => break,
        }
    }
    let listeners = opened.map_err(|(address, error)| {
        format!("the endpoint of a region cannot be opened on {address}: {error}")
    })?;
    let mut regions = unopened();
    for (region, (address, listener)) in regions.iter_mut().zip(listeners) {
        region.address = address;
        task::spawn_local(serve(listener, address, region.name, region.switch.subscribe()));
    }
    Ok(regions)
}

/// The regions before their endpoints are open.
pub(super) fn unopened() -> Vec<Region> {
    let region = |&(name, place, ip): &(&'static str, &'static str, Ipv4Addr)| Region {
        name,
        place,
        address: SocketAddr::from((ip, 0)),
        switch: watch::Sender::new(Behaviour::Serve),
    };
    REGIONS.iter().map(region).collect()
}

async fn listen(mut port: u16) -> Result<Vec<(SocketAddr, TcpListener)>, (SocketAddr, io::Error)> {
    let mut listeners = Vec::new();
    for (_, _, ip) in REGIONS {
        let wanted = SocketAddr::from((ip, port));
        let listener = TcpListener::bind(wanted).await.map_err(|error| (wanted, error))?;
        let address = listener.local_addr().map_err(|error| (wanted, error))?;
        port = address.port();
        listeners.push((address, listener));
    }
    Ok(listeners)
}

async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    name: &'static str,
    mut switch: watch::Receiver<Behaviour>,
) {
    let mut open = Some(listener);
    loop {
        let behaviour = *switch.borrow_and_update();
        if behaviour == Behaviour::Cut {
            open = None;
            if switch.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(listener) = &open else {
            match TcpListener::bind(address).await {
                Ok(listener) => open = Some(listener),
                // Somebody took the port meanwhile; the region stays cut until it is free.
                Err(_) => time::sleep(PAUSE).await,
            }
            continue;
        };
        tokio::select! {
            changed = switch.changed() => if changed.is_err() {
                return;
            },
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    task::spawn_local(time::timeout(PATIENCE, answer(stream, name, behaviour)));
                }
                Err(_) => time::sleep(PAUSE).await,
            },
        }
    }
}

/// Reads one request, whatever it asks for, and answers it.
async fn answer(mut stream: TcpStream, name: &str, behaviour: Behaviour) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|octets| octets == b"\r\n\r\n") {
        let is_too_long = request.len() > REQUEST;
        if is_too_long || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (status, word) = match behaviour {
        Behaviour::Serve => ("200 OK", "well"),
        Behaviour::Fail | Behaviour::Cut => ("503 Service Unavailable", "failed"),
    };
    let body = format!("{name} is {word}\n");
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).await?;
    stream.shutdown().await
}

impl Region {
    pub(super) fn behave(&self, behaviour: Behaviour) {
        self.switch.send_replace(behaviour);
    }

    pub(super) fn behaviour(&self) -> Behaviour {
        *self.switch.borrow()
    }

    /// What a change of the switch means, in words.
    pub(super) fn announce(&self, behaviour: Behaviour) -> String {
        let Self { name, place, address, .. } = self;
        match behaviour {
            Behaviour::Serve => format!("{name} ({place}, {address}) answers 200 again"),
            Behaviour::Fail => format!("{name} ({place}, {address}) now answers 503"),
            Behaviour::Cut => format!("{name} ({place}, {address}) now accepts no connections"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;

    async fn fetch(address: SocketAddr) -> String {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            return "refused".into();
        };
        stream.write_all(b"GET / HTTP/1.1\r\nhost: demo\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn an_endpoint_does_what_its_switch_says() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let regions = open(0).await.unwrap();
            for (behaviour, expected) in [
                (Behaviour::Serve, "HTTP/1.1 200 OK"),
                (Behaviour::Fail, "HTTP/1.1 503 Service Unavailable"),
                (Behaviour::Cut, "refused"),
                (Behaviour::Serve, "HTTP/1.1 200 OK"),
            ] {
                for region in &regions {
                    region.behave(behaviour);
                }
                for region in &regions {
                    let seen = async {
                        while fetch(region.address).await != expected {
                            task::yield_now().await;
                        }
                    };
                    time::timeout(Duration::from_secs(20), seen).await.expect(expected);
                }
            }
        });
    }

    #[test]
    fn the_zone_names_every_region() {
        for region in unopened() {
            let line = format!(";   {}      {}", region.name, region.address.ip());
            assert!(super::super::ZONE.contains(&line), "{line}");
        }
        assert!(super::super::ZONE.contains(&format!(":{}/", super::super::PORT)));
        assert!(super::super::ZONE.contains(&format!("$TTL {}", super::super::TTL.as_secs())));
    }
}
