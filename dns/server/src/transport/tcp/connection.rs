//! One TCP connection: reads queries, answers them in order, several in one write.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task;
use tokio::time::{self, Instant};

use super::messages::{Garbage, Messages};
use super::registry::Place;
use super::{Desk, Peer, ServiceFactory, Shared, Tally, stopped};
use crate::transport::guarded::Panicked;
use crate::transport::proxy::{Header, Malformed};
use crate::transport::{MAX_MESSAGE, Stream, Verdict};

/// Queries answered before their answers are written. While they are being written nothing is
/// read, so a client that does not take its answers stops being asked for queries.
const PIPELINED: usize = 32;
/// Octets of answers that are written before further queries are answered.
const ENOUGH: usize = 64 * 1024;
/// Octets kept for the answers of the next batch.
const KEPT: usize = 4096;

/// A connection that was admitted.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    peer: Peer,
    /// The stream begins with a PROXY header.
    is_proxy: bool,
    place: Place,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    queries: Messages,
    answers: Vec<u8>,
    count: usize,
    /// An answer of many messages that is under way.
    messages: Option<Box<dyn Stream>>,
}

/// What to do after a batch of queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// More may be buffered.
    Answer,
    /// Nothing whole is left.
    Read,
    /// An answer of many messages is next.
    Stream,
    /// What follows cannot be queries.
    Close,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client has said all, or has been silent for too long; the server ends.
    Done,
    /// The client has to go at once, or has gone.
    Cut,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        peer: Peer,
        is_proxy: bool,
        place: Place,
        shared: Arc<Shared>,
    ) -> Self {
        let stop = shared.stop.clone();
        let (queries, answers) = (Messages::default(), Vec::new());
        Self {
            stream,
            peer,
            is_proxy,
            place,
            shared,
            stop,
            queries,
            answers,
            count: 0,
            messages: None,
        }
    }

    /// Serves until the client closes its side, is silent for too long, or has to give way.
    pub(super) async fn serve<F: ServiceFactory>(mut self, desk: Rc<RefCell<Desk<F>>>) {
        if self.converse(&desk).await == End::Done {
            let _ = time::timeout(self.shared.limits.write, self.stream.shutdown()).await;
        }
    }

    async fn converse<F: ServiceFactory>(&mut self, desk: &RefCell<Desk<F>>) -> End {
        let limits = self.shared.limits;
        if self.is_proxy
            && let Err(end) = self.take_header().await
        {
            return end;
        }
        let mut deadline = Instant::now() + limits.message;
        let mut has_begun = true;
        loop {
            loop {
                let (taken, next) = self.answer(&mut desk.borrow_mut());
                has_begun |= taken > 0;
                if let Err(end) = self.write().await {
                    return end;
                }
                match next {
                    Next::Answer => task::yield_now().await,
                    Next::Read => break,
                    Next::Stream => {
                        if let Err(end) = self.stream(desk).await {
                            return end;
                        }
                    }
                    Next::Close => return End::Done,
                }
            }
            if self.queries.is_empty() {
                deadline = Instant::now() + limits.idle;
            } else if has_begun {
                // The message begun has this long, however often a piece of it arrives.
                deadline = Instant::now() + limits.message;
            }
            has_begun = self.queries.is_empty();
            if let Err(end) = self.read(deadline).await {
                return end;
            }
        }
    }

    /// Reads the header that a proxy sends first, and learns from it who the client is.
    async fn take_header(&mut self) -> Result<(), End> {
        let deadline = Instant::now() + self.shared.limits.message;
        loop {
            match Header::parse(self.queries.rest()) {
                Ok(Some(header)) => {
                    self.peer = header.apply(self.peer);
                    self.queries.skip(header.octets);
                    return Ok(());
                }
                Ok(None) => self.read(deadline).await?,
                Err(Malformed) => {
                    Tally::add(&self.shared.tally.refused, 1);
                    return Err(End::Done);
                }
            }
        }
    }

    async fn read(&mut self, deadline: Instant) -> Result<(), End> {
        if self.queries.is_empty() {
            self.queries.release();
        }
        loop {
            // No buffer is held while waiting: idle connections cost next to nothing.
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return Err(End::Done),
                () = self.place.taken() => return Err(End::Cut),
                ready = time::timeout_at(deadline, self.stream.readable()) => match ready {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Err(End::Cut),
                    Err(_) => {
                        let tally = &self.shared.tally;
                        let has_begun = !self.queries.is_empty();
                        Tally::add(if has_begun { &tally.slow_queries } else { &tally.idle }, 1);
                        return Err(End::Done);
                    }
                },
            }
            match self.stream.try_read_buf(self.queries.room()) {
                Ok(0) => return Err(End::Done),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(End::Cut),
            }
        }
    }

    /// Answers what is whole, up to a batch; how many messages were taken.
    fn answer<F: ServiceFactory>(&mut self, desk: &mut Desk<F>) -> (usize, Next) {
        let tally = &self.shared.tally;
        desk.service.refresh();
        for taken in 0..PIPELINED {
            if self.answers.len() >= ENOUGH {
                Tally::add(&tally.pipelined, 1);
                return (taken, Next::Answer);
            }
            let query = match self.queries.next() {
                Ok(Some(query)) => query,
                Ok(None) => return (taken, Next::Read),
                Err(Garbage) => {
                    Tally::add(&tally.refused, 1);
                    return (taken, Next::Close);
                }
            };
            Tally::add(&tally.queries, 1);
            match desk.service.answer(query, &self.peer, MAX_MESSAGE, &mut desk.answer) {
                Ok(Verdict::Reply(octets)) => {
                    // The answer is at most MAX_MESSAGE octets long, so its length fits.
                    self.answers.extend((octets as u16).to_be_bytes());
                    self.answers.extend_from_slice(&desk.answer[..octets]);
                    self.count += 1;
                }
                Ok(Verdict::Drop) => {}
                Ok(Verdict::Stream) => match desk.service.stream(query, &self.peer) {
                    Some(stream) => {
                        self.messages = Some(stream);
                        return (taken + 1, Next::Stream);
                    }
                    None => return (taken + 1, Next::Close),
                },
                Err(Panicked) => Tally::add(&tally.panics, 1),
            }
        }
        Tally::add(&tally.pipelined, 1);
        (PIPELINED, Next::Answer)
    }

    /// Sends an answer of many messages, each made when the one before has left: a client that does not
    /// take them has no more made for it than one, and is cut after the time of one write.
    async fn stream<F: ServiceFactory>(&mut self, desk: &RefCell<Desk<F>>) -> Result<(), End> {
        let Some(mut stream) = self.messages.take() else {
            return Ok(());
        };
        loop {
            {
                let room = &mut desk.borrow_mut().answer;
                let Some(octets) = stream.next(room) else {
                    return Ok(());
                };
                let Some(message) = room.get(..octets) else {
                    return Err(End::Cut);
                };
                self.answers.extend((octets as u16).to_be_bytes());
                self.answers.extend_from_slice(message);
                self.count += 1;
            }
            self.write().await?;
            // Others on this thread have their turn between two messages.
            task::yield_now().await;
        }
    }

    async fn write(&mut self) -> Result<(), End> {
        if self.answers.is_empty() {
            return Ok(());
        }
        let (patience, tally) = (self.shared.limits.write, &self.shared.tally);
        let written = tokio::select! {
            biased;
            () = self.place.taken() => false,
            written = time::timeout(patience, self.stream.write_all(&self.answers)) => {
                Tally::add(&tally.slow_readers, usize::from(written.is_err()));
                matches!(written, Ok(Ok(())))
            }
        };
        let count = std::mem::take(&mut self.count);
        self.answers.clear();
        self.answers.shrink_to(KEPT);
        if !written {
            Tally::add(&self.shared.tally.unsent, count);
            return Err(End::Cut);
        }
        Tally::add(&self.shared.tally.answers, count);
        self.place.answered(Instant::now().into());
        Ok(())
    }
}
