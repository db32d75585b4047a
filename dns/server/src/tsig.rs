//! Messages signed with a secret that both sides have (TSIG, RFC 8945).

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::Cache;
use aws_lc_rs::constant_time;
use aws_lc_rs::hmac::{self, HMAC_SHA256, HMAC_SHA512};
use data_encoding::BASE64;
use halfmoon_wire::{Name, NameBuf};

use crate::config::{Config, KeyAlgorithm, KeyConfig};
use crate::secret::{self, Published, Reloaded, Secret, SecretError, Watched};
use crate::tenants::{TenantId, Tenants};

/// How far clocks may differ, in seconds (RFC 8945 section 10).
const FUDGE: u16 = 300;
/// The shortest secret that is taken, in octets.
const SHORTEST: usize = 16;

/// `hmac-sha256.` and `hmac-sha512.` in wire form.
const SHA256: &[u8] = b"\x0bhmac-sha256\0";
const SHA512: &[u8] = b"\x0bhmac-sha512\0";

/// The errors of section 3.
const BADSIG: u16 = 16;
const BADKEY: u16 = 17;
const BADTIME: u16 = 18;
const BADTRUNC: u16 = 22;

/// Whose a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Somebody who may have all zones (`transfer.keys`).
    Any,
    /// Somebody who may have those of a tenant (`tenants.NAME.keys`).
    Of(TenantId),
}

/// A key.
struct Key {
    name: NameBuf,
    holder: Holder,
    algorithm: &'static [u8],
    key: hmac::Key,
    /// What tells it from another when the files are looked at again.
    secret: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.name)
    }
}

/// The keys in force, from files that are looked at again now and then.
#[derive(Debug)]
pub struct Keys(Watched<Key>);

/// One thread's view of the keys in force.
#[derive(Debug)]
pub struct KeyReader(Cache<Published<Key>, Arc<Vec<Arc<Key>>>>);

impl Keys {
    /// Reads the files of the keys of a configuration, those of its tenants among them.
    ///
    /// # Errors
    /// The first file that is not usable, of those that are not a tenant's.
    pub fn open(config: &Config, tenants: &Tenants) -> Result<Self, SecretError> {
        let of_tenants = tenants.iter().flat_map(|(id, name)| {
            let keys = config.tenants.get(name).into_iter().flat_map(|tenant| &tenant.keys);
            keys.map(move |key| (key, Holder::Of(id)))
        });
        let keys = config.transfer.keys.iter().map(|key| (key, Holder::Any));
        let config = keys.chain(of_tenants).map(|(key, holder)| (key.clone(), holder));
        Watched::open(config.collect()).map(Self)
    }

    /// No keys.
    #[must_use]
    pub fn none() -> Self {
        Self(Watched::default())
    }

    /// Reads the files again. A key whose file is not usable stays what it is.
    pub(crate) fn reload(&self) -> Reloaded {
        self.0.reload()
    }

    /// What is wrong with files whose keys are those of before.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.0.faults()
    }

    /// What is wrong with files of tenants that no key is in force of.
    pub(crate) fn lacking(&self) -> Vec<String> {
        self.0.lacking()
    }

    /// A view of the keys in force for one thread.
    #[must_use]
    pub fn reader(&self) -> KeyReader {
        KeyReader(Cache::new(Arc::clone(self.0.current())))
    }
}

impl Secret for Key {
    type Config = (KeyConfig, Holder);

    // They are told apart by their names.
    const ALONE: Option<&'static str> = None;

    fn load((key, holder): &(KeyConfig, Holder)) -> Result<Self, SecretError> {
        let wrong = |reason| SecretError::Wrong { path: key.secret_file.clone(), reason };
        let text = secret::read(&key.secret_file)?;
        let secret = BASE64.decode(text.as_bytes()).map_err(|_| {
            wrong("not a secret for a key; write base64, as `openssl rand -base64 32` makes it")
        })?;
        if secret.len() < SHORTEST {
            return Err(wrong("too short for the secret of a key; write 16 octets or more"));
        }
        let (algorithm, how) = match key.algorithm {
            KeyAlgorithm::HmacSha256 => (SHA256, HMAC_SHA256),
            KeyAlgorithm::HmacSha512 => (SHA512, HMAC_SHA512),
        };
        let mac = hmac::Key::new(how, &secret);
        let (name, holder) = (key.name, *holder);
        Ok(Self { name, holder, algorithm, key: mac, secret })
    }

    fn path((key, _): &(KeyConfig, Holder)) -> &Path {
        &key.secret_file
    }

    fn octets(&self) -> &[u8] {
        &self.secret
    }

    fn may_lack((_, holder): &(KeyConfig, Holder)) -> bool {
        matches!(holder, Holder::Of(_))
    }
}

/// What became of the signature of a query.
#[derive(Debug)]
pub(crate) enum Verified {
    /// It is right: the query without it, and what signs the answer.
    Good(Vec<u8>, Session),
    /// It is wrong; the error of section 3 that says how, and what signs the answer, if anything
    /// may.
    Bad(Box<Refusal>),
    /// It is no signature at all.
    Malformed,
}

/// How a query is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    error: u16,
    name: NameBuf,
    algorithm: Vec<u8>,
    time: u64,
    session: Option<Session>,
}

/// A signed exchange: what the next message of the answer is signed with.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    key: Arc<Key>,
    /// The MAC before.
    before: Vec<u8>,
    id: u16,
    /// Whether a message of the answer was signed already.
    has_begun: bool,
}

impl KeyReader {
    /// Verifies the signature that begins at octet `at` of a query, at `now` in seconds since 1970.
    pub(crate) fn verify(&mut self, query: &[u8], at: usize, now: u64) -> Verified {
        let Some(record) = Record::read(query, at) else {
            return Verified::Malformed;
        };
        let refuse = |error, session| {
            Verified::Bad(Box::new(Refusal {
                error,
                name: record.name,
                algorithm: record.algorithm.to_ascii_lowercase(),
                time: record.time,
                session,
            }))
        };
        let is_it = |key: &&Arc<Key>| {
            key.name == record.name && key.algorithm.eq_ignore_ascii_case(record.algorithm)
        };
        let Some(key) = self.0.load().iter().find(is_it).cloned() else {
            return refuse(BADKEY, None);
        };
        let Some(stripped) = strip(query, at, record.id) else {
            return Verified::Malformed;
        };
        // Section 4.3.1: the message as it was before it was signed, then what the record says.
        let mut signed = stripped.clone();
        put_variables(&mut signed, &key, (record.time, record.fudge), record.error, record.other);
        let mac = hmac::sign(&key.key, &signed);
        let whole = mac.as_ref();
        // Section 5.2.2.1: no shorter than half of it, and than 10 octets.
        let lengths = (whole.len() / 2).max(10)..=whole.len();
        let Some(claimed) =
            whole.get(..record.mac.len()).filter(|mac| lengths.contains(&mac.len()))
        else {
            return Verified::Malformed;
        };
        if constant_time::verify_slices_are_equal(claimed, record.mac).is_err() {
            return refuse(BADSIG, None);
        }
        let is_cut = claimed.len() < whole.len();
        let session = Session { key, before: record.mac.to_vec(), id: record.id, has_begun: false };
        if record.time.abs_diff(now) > u64::from(record.fudge) {
            return refuse(BADTIME, Some(session));
        }
        // Section 5.2.4: a MAC that was cut short is right, and not enough here.
        if is_cut {
            return refuse(BADTRUNC, Some(session));
        }
        // The answer has the identifier of the message as it came.
        let mut stripped = stripped;
        stripped[..2].copy_from_slice(&query[..2]);
        Verified::Good(stripped, session)
    }

    /// Whether there are keys.
    pub(crate) fn is_empty(&mut self) -> bool {
        self.0.load().is_empty()
    }
}

impl Session {
    /// Whose the key is.
    pub(crate) fn holder(&self) -> Holder {
        self.key.holder
    }

    /// How many octets a signature takes.
    pub(crate) fn room(&self) -> usize {
        let mac = self.key.key.algorithm().digest_algorithm().output_len();
        self.key.name.as_name().as_wire().len() + 10 + self.key.algorithm.len() + 16 + mac + 6
    }

    /// Signs the message in the first `length` octets of `out`; its length then, unless there is no room.
    pub(crate) fn sign(&mut self, out: &mut [u8], length: usize, now: u64) -> Option<usize> {
        self.sign_with(out, length, now, 0, &[])
    }

    fn sign_with(
        &mut self,
        out: &mut [u8],
        length: usize,
        now: u64,
        error: u16,
        other: &[u8],
    ) -> Option<usize> {
        let message = out.get(..length)?;
        let mut signed = (self.before.len() as u16).to_be_bytes().to_vec();
        signed.extend(&self.before);
        signed.extend(message);
        if self.has_begun {
            // Section 5.3.1: of further messages only the times.
            put_times(&mut signed, (now, FUDGE));
        } else {
            put_variables(&mut signed, &self.key, (now, FUDGE), error, other);
        }
        let mac = hmac::sign(&self.key.key, &signed);
        self.before = mac.as_ref().to_vec();
        self.has_begun = true;
        let head = (self.key.name.as_name(), self.key.algorithm);
        append(out, length, head, (now, mac.as_ref(), self.id, error, other))
    }
}

impl Refusal {
    /// Makes the reply in the first `length` octets of `out` say what is wrong with the signature.
    pub(crate) fn sign(self, out: &mut [u8], length: usize, now: u64) -> Option<usize> {
        let id = u16::from_be_bytes(*out.first_chunk()?);
        match self.session {
            // Section 5.2.3: whoever has the key learns our time.
            Some(mut session) if self.error == BADTIME => {
                let [_, _, other @ ..] = now.to_be_bytes();
                session.sign_with(out, length, self.time, self.error, &other)
            }
            Some(mut session) => session.sign_with(out, length, now, self.error, &[]),
            // Section 5.3.2: nothing signs what no key fits.
            None => {
                let head = (self.name.as_name(), &*self.algorithm);
                append(out, length, head, (self.time, &[], id, self.error, &[]))
            }
        }
    }
}

/// A TSIG record.
struct Record<'a> {
    name: NameBuf,
    algorithm: &'a [u8],
    time: u64,
    fudge: u16,
    mac: &'a [u8],
    id: u16,
    error: u16,
    other: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record at octet `at`, which is the last. Names are whole (section 4.2).
    fn read(message: &'a [u8], at: usize) -> Option<Self> {
        let (name, rest) = name(message.get(at..)?)?;
        let (head, rdata) = rest.split_first_chunk::<10>()?;
        // Type and class ANY, TTL 0; and it takes all that is left.
        if head[..8] != [0, 250, 0, 255, 0, 0, 0, 0]
            || rdata.len() != usize::from(u16::from_be_bytes([head[8], head[9]]))
        {
            return None;
        }
        let (algorithm, rest) = name_octets(rdata)?;
        let (numbers, rest) = rest.split_first_chunk::<10>()?;
        let [a, b, c, d, e, f, fudge_high, fudge_low, high, low] = *numbers;
        let (mac, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        let (numbers, other) = rest.split_first_chunk::<6>()?;
        let [id_high, id_low, error_high, error_low, high, low] = *numbers;
        if other.len() != usize::from(u16::from_be_bytes([high, low])) {
            return None;
        }
        Some(Self {
            name,
            algorithm,
            time: u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            fudge: u16::from_be_bytes([fudge_high, fudge_low]),
            mac,
            id: u16::from_be_bytes([id_high, id_low]),
            error: u16::from_be_bytes([error_high, error_low]),
            other,
        })
    }
}

/// The octets of the name that begins here, and what follows.
fn name_octets(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        let length = usize::from(*octets.get(at)?);
        if length > 63 {
            return None;
        }
        at += 1 + length;
        if length == 0 {
            return octets.split_at_checked(at);
        }
    }
}

fn name(octets: &[u8]) -> Option<(NameBuf, &[u8])> {
    let (name, rest) = name_octets(octets)?;
    Some((Name::from_wire(name).ok()?.to_buf(), rest))
}

/// The message without what begins at octet `at`, its last record, and with its first identifier.
fn strip(message: &[u8], at: usize, id: u16) -> Option<Vec<u8>> {
    let mut stripped = message.get(..at)?.to_vec();
    stripped.get_mut(..2)?.copy_from_slice(&id.to_be_bytes());
    let count = u16::from_be_bytes(*stripped.get(10..)?.first_chunk()?).checked_sub(1)?;
    stripped.get_mut(10..12)?.copy_from_slice(&count.to_be_bytes());
    Some(stripped)
}

/// Appends what of the record is signed (section 4.3.3).
fn put_variables(to: &mut Vec<u8>, key: &Key, times: (u64, u16), error: u16, other: &[u8]) {
    to.extend(key.name.as_name().as_wire().iter().map(u8::to_ascii_lowercase));
    to.extend([0, 255, 0, 0, 0, 0]);
    to.extend(key.algorithm);
    put_times(to, times);
    to.extend(error.to_be_bytes());
    to.extend((other.len() as u16).to_be_bytes());
    to.extend(other);
}

/// Appends the time, in 48 bits, and how far it may be off.
fn put_times(to: &mut Vec<u8>, (time, fudge): (u64, u16)) {
    to.extend(&time.to_be_bytes()[2..]);
    to.extend(fudge.to_be_bytes());
}

/// Appends the record to a message; its length then.
fn append(
    out: &mut [u8],
    length: usize,
    (name, algorithm): (Name<'_>, &[u8]),
    (time, mac, id, error, other): (u64, &[u8], u16, u16, &[u8]),
) -> Option<usize> {
    let mut record = name.as_wire().to_vec();
    record.extend([0, 250, 0, 255, 0, 0, 0, 0]);
    let mut rdata = algorithm.to_vec();
    put_times(&mut rdata, (time, FUDGE));
    rdata.extend((mac.len() as u16).to_be_bytes());
    rdata.extend(mac);
    rdata.extend(id.to_be_bytes());
    rdata.extend(error.to_be_bytes());
    rdata.extend((other.len() as u16).to_be_bytes());
    rdata.extend(other);
    record.extend((rdata.len() as u16).to_be_bytes());
    record.extend(rdata);
    let end = length + record.len();
    out.get_mut(length..end)?.copy_from_slice(&record);
    let count = u16::from_be_bytes(*out.get(10..)?.first_chunk()?).checked_add(1)?;
    out.get_mut(10..12)?.copy_from_slice(&count.to_be_bytes());
    Some(end)
}
