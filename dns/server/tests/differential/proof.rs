//! Whether the denial records of an answer prove what it says, as a validator finds out (RFC 4035
//! section 5.4, RFC 5155 section 8), and whether it has more of them than that takes.

use std::collections::{BTreeSet, HashMap};

use data_encoding::{BASE32HEX_NOPAD, HEXLOWER_PERMISSIVE};
use hickory_proto::dnssec::Nsec3HashAlgorithm;
use hickory_proto::rr::Name;

use super::answer::{Answer, of_type};

/// What a set of records proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Not all that the answer says.
    Incomplete,
    /// It, and nothing could be left out.
    Exact,
    /// It, as far as an opt-out lets it: validators take it for neither secure nor bogus.
    Open,
    /// It, and some of the records are not needed.
    More,
}

/// A denial record.
struct Link {
    /// The zone whose key signed it.
    zone: String,
    types: BTreeSet<String>,
    /// Whose hash or name begins and ends what is covered.
    owner: Key,
    next: Key,
    hashed: Option<Hashed>,
}

/// A place in the order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Name(Name),
    Hash(Vec<u8>),
}

#[derive(Clone, PartialEq, Eq)]
struct Hashed {
    opts_out: bool,
    iterations: u16,
    salt: Vec<u8>,
}

/// The name in a text in which octets beyond ASCII are `\` and three digits of this radix: zone files have
/// decimal ones, the library octal ones.
pub(crate) fn read_name(text: &str, radix: u32) -> Option<Name> {
    let (mut labels, mut label) = (Vec::new(), Vec::new());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'.' => labels.extend(Some(std::mem::take(&mut label)).filter(|l| !l.is_empty())),
            b'\\' => match octets.next()? {
                digit @ b'0'..=b'9' => {
                    let digits = [digit, octets.next()?, octets.next()?];
                    let digits = std::str::from_utf8(&digits).ok()?;
                    label.push(u8::from_str_radix(digits, radix).ok()?);
                }
                other => label.push(other),
            },
            other => label.push(other),
        }
    }
    Name::from_labels(labels.iter().map(Vec::as_slice)).ok()
}

impl Link {
    fn read(record: &str, answer: &Answer) -> Option<Self> {
        let words: Vec<&str> = record.split(' ').filter(|word| !word.is_empty()).collect();
        let name = |text: &str| read_name(text, 8);
        let types = |at: usize| words[at..].iter().map(|&word| word.to_owned()).collect();
        let hash =
            |text: &str| BASE32HEX_NOPAD.decode(text.to_uppercase().as_bytes()).ok().map(Key::Hash);
        match of_type(record) {
            "nsec" => Some(Self {
                zone: signer_of(record, answer)?,
                types: types(5),
                owner: Key::Name(name(words[0])?),
                next: Key::Name(name(words[4])?),
                hashed: None,
            }),
            "nsec3" => Some(Self {
                zone: signer_of(record, answer)?,
                types: types(9),
                owner: hash(words[0].split('.').next()?)?,
                next: hash(words[8])?,
                hashed: Some(Hashed {
                    opts_out: words[5] == "1",
                    iterations: words[6].parse().ok()?,
                    salt: match words[7] {
                        "-" => Vec::new(),
                        salt => HEXLOWER_PERMISSIVE.decode(salt.as_bytes()).ok()?,
                    },
                }),
            }),
            _ => None,
        }
    }

    /// Where a name is in the order of this record.
    fn key(&self, name: &Name) -> Key {
        match &self.hashed {
            None => Key::Name(name.clone()),
            Some(Hashed { iterations, salt, .. }) => {
                let hash = Nsec3HashAlgorithm::SHA1.hash(salt, name, *iterations).unwrap();
                Key::Hash(hash.as_ref().to_vec())
            }
        }
    }

    fn opts_out(&self) -> bool {
        self.hashed.as_ref().is_some_and(|hashed| hashed.opts_out)
    }

    fn is_of(&self, name: &Name) -> bool {
        self.owner == self.key(name)
    }

    fn covers(&self, name: &Name) -> bool {
        let key = self.key(name);
        let (is_behind, is_before) = (self.owner < key, key < self.next);
        // The last leads back to the first.
        if self.owner < self.next { is_behind && is_before } else { is_behind || is_before }
    }
}

/// The denial records of one zone in an answer.
#[derive(Clone, Copy)]
struct Links<'a> {
    links: &'a [Link],
    zone: &'a str,
    /// Whether it is enough that an opt-out leaves it open.
    may_be_open: bool,
}

impl Links<'_> {
    fn iter(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(|link| link.zone == self.zone)
    }

    fn of(&self, name: &Name) -> Option<&Link> {
        self.iter().find(|link| link.is_of(name))
    }

    fn covering(&self, name: &Name) -> Option<&Link> {
        self.iter().find(|link| link.covers(name))
    }

    fn are_hashed(&self) -> bool {
        self.iter().any(|link| link.hashed.is_some())
    }

    /// The closest encloser that is proven of a name that is not there itself, and the name one label longer.
    fn encloser(&self, name: &Name) -> Option<(Name, Name)> {
        let suffix = |labels| name.trim_to(labels);
        let most = name.iter().count();
        let labels = if self.are_hashed() {
            (0..most).rev().find(|labels| self.of(&suffix(*labels)).is_some())?
        } else {
            // The longest that the two ends of what covers the name have in common with it.
            let link = self.covering(name)?;
            let common = |key: &Key| match key {
                Key::Name(end) => (0..=most).rev().find(|n| suffix(*n).zone_of(end)),
                Key::Hash(_) => None,
            };
            common(&link.owner).max(common(&link.next))?
        };
        (labels < most).then(|| (suffix(labels), suffix(labels + 1)))
    }

    /// That a name is not there, and no wildcard that makes it.
    fn deny_name(&self, name: &Name) -> bool {
        let Some((encloser, closer)) = self.encloser(name) else { return false };
        let wildcard = wildcard_below(&encloser);
        let Some(covering) = self.covering(&closer) else { return false };
        // An empty non-terminal that is there for delegations alone may have been left out, so that what
        // is proven is the encloser above, which may have a wildcard.
        let is_next = |link: &Link| link.next == link.key(&wildcard);
        self.covering(&wildcard).is_some()
            || self.may_be_open && covering.opts_out() && self.iter().any(is_next)
    }

    /// That a name has nothing of a type.
    fn deny_type(&self, name: &Name, rtype: &str) -> bool {
        if self.lacks(name, rtype) {
            return true;
        }
        let Some((encloser, closer)) = self.encloser(name) else { return false };
        let Some(covering) = self.covering(&closer) else { return false };
        // RFC 5155 sections 8.6 and 9.2: where an opt-out covers the name, there may be a delegation
        // that is not secure, or a name that is there for such ones alone.
        let may_be_there = self.may_be_open && covering.opts_out();
        may_be_there || self.lacks(&wildcard_below(&encloser), rtype)
    }

    /// That a name that is there lacks a type.
    fn lacks(&self, name: &Name, rtype: &str) -> bool {
        let rtype = rtype.to_lowercase();
        if let Some(link) = self.of(name) {
            return !link.types.contains(&rtype) && !link.types.contains("cname");
        }
        // An empty non-terminal has no NSEC record, but is above the next name of what covers it.
        let leads_below = |link: &&Link| match &link.next {
            Key::Name(next) => link.covers(name) && name.zone_of(next),
            Key::Hash(_) => false,
        };
        self.iter().any(|link| leads_below(&link))
    }

    /// That nothing is closer to a name than the wildcard below its suffix of so many labels.
    fn deny_closer(&self, name: &Name, labels: usize) -> bool {
        let closer = if self.are_hashed() { name.trim_to(labels + 1) } else { name.clone() };
        self.covering(&closer).is_some()
    }
}

fn wildcard_below(name: &Name) -> Name {
    let mut wildcard = name.prepend_label("*").unwrap();
    wildcard.set_fqdn(true);
    wildcard
}

/// What the denial records prove of an answer to a question for this name and type.
pub(crate) fn judge(answer: &Answer, name: &str, rtype: &str) -> Proof {
    let records = answer.authority.iter().filter_map(|record| Link::read(record, answer));
    let mut links: Vec<Link> = records.collect();
    let mut may_be_open = false;
    if !is_proven(&links, may_be_open, answer, (name, rtype)) {
        may_be_open = true;
        if !is_proven(&links, may_be_open, answer, (name, rtype)) {
            return Proof::Incomplete;
        }
    }
    for at in 0..links.len() {
        let without = links.remove(at);
        let is_enough = is_proven(&links, may_be_open, answer, (name, rtype));
        links.insert(at, without);
        if is_enough {
            return Proof::More;
        }
    }
    if may_be_open { Proof::Open } else { Proof::Exact }
}

fn word(record: &str, at: usize) -> &str {
    record.split(' ').nth(at).unwrap_or_default()
}

/// Who signed, as an RRSIG record says: the only name in its data.
fn signer(rrsig: &str) -> Option<&str> {
    rrsig.split(' ').skip(8).find(|word| word.ends_with('.'))
}

/// Who signed a record of an authority section.
fn signer_of(record: &str, answer: &Answer) -> Option<String> {
    let is_its = |other: &&String| {
        of_type(other) == "rrsig"
            && (word(other, 0), word(other, 4)) == (word(record, 0), of_type(record))
    };
    signer(answer.authority.iter().find(is_its)?).map(ToOwned::to_owned)
}

fn is_proven(
    links: &[Link],
    may_be_open: bool,
    answer: &Answer,
    (name, rtype): (&str, &str),
) -> bool {
    fn of<'r>(records: &'r BTreeSet<String>, rtype: &str) -> Vec<&'r str> {
        records.iter().map(String::as_str).filter(|record| of_type(record) == rtype).collect()
    }
    fn of_zone<'a>((links, may_be_open): (&'a [Link], bool), zone: &'a str) -> Links<'a> {
        Links { links, zone, may_be_open }
    }
    let all = (links, may_be_open);
    let cnames = of(&answer.answer, "cname");
    let aliases: HashMap<&str, &str> = cnames.iter().map(|r| (word(r, 0), word(r, 4))).collect();
    let mut last = name;
    for _ in 0..aliases.len() {
        match aliases.get(last) {
            Some(target) if rtype != "CNAME" => last = target,
            _ => break,
        }
    }
    let last = read_name(last, 8).unwrap();
    let denial = of(&answer.authority, "soa").first().map(|soa| {
        let links = of_zone(all, word(soa, 0));
        if answer.rcode == 3 { links.deny_name(&last) } else { links.deny_type(&last, rtype) }
    });
    // A delegation, whose NS records are not signed, without DS: that it has none.
    let is_signed = of(&answer.authority, "rrsig").iter().any(|r| word(r, 4) == "ns");
    let is_insecure = denial.is_none() && !is_signed && of(&answer.authority, "ds").is_empty();
    let cuts = of(&answer.authority, "ns");
    let referral = cuts.first().filter(|_| is_insecure).is_none_or(|record| {
        let cut = read_name(word(record, 0), 8).unwrap();
        links.iter().any(|link| of_zone(all, &link.zone).deny_type(&cut, "DS"))
    });
    // `OWNER TTL IN RRSIG TYPE ALGORITHM LABELS`: fewer labels than the owner has were made by a wildcard.
    let expanded = of(&answer.answer, "rrsig").iter().all(|record| {
        let owner = read_name(word(record, 0), 8).unwrap();
        let labels: usize = word(record, 6).parse().unwrap();
        let is_made = labels < owner.num_labels().into();
        !is_made
            || signer(record).is_some_and(|zone| of_zone(all, zone).deny_closer(&owner, labels))
    });
    denial.unwrap_or(true) && referral && expanded
}
