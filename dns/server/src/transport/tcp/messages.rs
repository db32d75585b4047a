//! Cuts a stream into messages, each after its length in two octets (RFC 1035 section 4.2.2).

/// A length that no DNS message has: less than its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Garbage;

/// The octets of a DNS message's header.
const HEADER: usize = 12;
/// The octets of a message's length.
const PREFIX: usize = 2;
/// Room made for what a client sends at once.
const ROOM: usize = 2048;

/// What has been read of a stream and not been taken from it.
///
/// Grows with what has arrived, not with what a length announces.
#[derive(Debug, Default)]
pub(super) struct Messages {
    octets: Vec<u8>,
    taken: usize,
}

impl Messages {
    /// Whether the stream stands between two messages.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.octets.len()
    }

    /// The next whole message; `None` if more has to be read.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Garbage> {
        let rest = &self.octets[self.taken..];
        let Some((prefix, rest)) = rest.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes(*prefix));
        if length < HEADER {
            return Err(Garbage);
        }
        let Some(message) = rest.get(..length) else {
            return Ok(None);
        };
        self.taken += PREFIX + length;
        Ok(Some(message))
    }

    /// All that was read and not taken.
    pub(super) fn rest(&self) -> &[u8] {
        &self.octets[self.taken..]
    }

    /// Takes octets that are no message; as many as [`Messages::rest`] has, at most.
    pub(super) fn skip(&mut self, octets: usize) {
        self.taken = (self.taken + octets).min(self.octets.len());
    }

    /// Room at the end to read into. What was taken is let go, and so is the room of a large message.
    pub(super) fn room(&mut self) -> &mut Vec<u8> {
        if self.is_empty() {
            self.release();
        } else if self.taken > 0 {
            self.octets.drain(..self.taken);
            self.taken = 0;
        }
        if self.octets.capacity() - self.octets.len() < ROOM {
            // Doubles at most, so that a message costs what has arrived of it.
            self.octets.reserve_exact(ROOM.max(self.octets.len()));
        }
        &mut self.octets
    }

    /// Lets go of memory while the connection is idle.
    pub(super) fn release(&mut self) {
        if self.is_empty() {
            self.octets.clear();
            self.octets.shrink_to(0);
            self.taken = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(lengths: &[usize]) -> Vec<u8> {
        let mut stream = Vec::new();
        for &length in lengths {
            stream.extend((length as u16).to_be_bytes());
            stream.extend(std::iter::repeat_n(length as u8, length));
        }
        stream
    }

    /// Feeds a stream in pieces; the lengths of the messages that come out.
    fn cut(stream: &[u8], piece: usize) -> (Vec<usize>, Messages) {
        let mut messages = Messages::default();
        let mut lengths = Vec::new();
        for piece in stream.chunks(piece) {
            messages.room().extend_from_slice(piece);
            while let Some(message) = messages.next().unwrap() {
                assert!(message.iter().all(|&octet| octet == message.len() as u8));
                lengths.push(message.len());
            }
        }
        (lengths, messages)
    }

    #[test]
    fn pieces_of_any_size_make_the_same_messages() {
        let lengths = [12, 300, 13, 65535, 512];
        let stream = framed(&lengths);
        for piece in [1, 2, 3, 7, 512, 1 << 20] {
            let (cut, messages) = cut(&stream, piece);
            assert_eq!(cut, lengths, "in pieces of {piece}");
            assert!(messages.is_empty());
        }
    }

    #[test]
    fn a_length_below_the_header_is_garbage() {
        for length in 0..HEADER {
            let mut messages = Messages::default();
            messages.room().extend_from_slice(&framed(&[length]));
            assert_eq!(messages.next(), Err(Garbage), "{length}");
        }
    }

    #[test]
    fn an_announced_length_takes_no_memory() {
        let mut messages = Messages::default();
        messages.room().extend_from_slice(&[0xff, 0xff, 1, 2, 3]);
        assert_eq!(messages.next(), Ok(None));
        assert!(messages.room().capacity() <= 2 * ROOM);
    }

    #[test]
    fn an_idle_stream_takes_no_memory() {
        let (_, mut messages) = cut(&framed(&[65535]), 1 << 20);
        messages.release();
        assert_eq!(messages.octets.capacity(), 0);
    }
}
