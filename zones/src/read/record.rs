//! One record: owner, TTL and class in either order or not at all, type, data.

use halfmoon_wire::{Class, Name, Type};

use super::reader::{Reader, Source};
use super::{Entry, MAX_TTL, program};
use crate::rdata::{self, Context, RdataFault, Word, Words, quoted};
use crate::{Place, ProgramSource};

/// The TTL where nothing says any, as NSD and Knot have it.
const FALLBACK_TTL: u32 = 3_600;

/// What stands between owner and data.
struct Head {
    ttl: Option<u32>,
    rtype: Type,
    /// Where the type stands.
    at: usize,
}

impl Reader<'_> {
    /// Takes the owner of a record.
    pub(super) fn read_owner(&mut self, word: &Word<'_>) -> Result<(), RdataFault> {
        let mut owner = std::mem::take(&mut self.owner);
        owner.clear();
        let done = rdata::push_name(word, Some(self.origin()), &mut owner);
        // A faulty owner is nobody's: records below it that leave theirs out must not go to
        // the one before.
        if done.is_err() {
            owner.clear();
        }
        self.owner = owner;
        done
    }

    /// Reads a record behind its owner; `start` is where it begins.
    pub(super) fn record(
        &mut self,
        start: usize,
        words: &mut Words<'_>,
        source: Source,
    ) -> Result<(), RdataFault> {
        let head = self.head(words, source)?;
        self.rdata.clear();
        self.warnings.clear();
        let mut program = None;
        if head.rtype == Type::LUA {
            program = self.program(words, source)?;
        } else {
            let mut cx = Context {
                origin: Some(self.origin.as_name()),
                out: &mut self.rdata,
                warnings: &mut self.warnings,
            };
            rdata::read(head.rtype, words, &mut cx)?;
            if let Some(at) = words.string_over_lines() {
                let message = "a quoted string runs over several lines";
                self.warnings.push(
                    RdataFault::new("string-over-lines", at, message)
                        .help("if that is not meant, a closing `\"` is missing"),
                );
            }
        }
        if head.rtype == Type::RRSIG {
            self.check_signer(head.at)?;
        }
        let ttl = self.ttl(&head);
        for warning in std::mem::take(&mut self.warnings) {
            self.warn(warning, words, source);
        }
        let Ok(owner) = Name::from_wire(&self.owner) else {
            return Ok(());
        };
        let place = match source {
            Source::File(file) => {
                let (line, column) = words.line_and_column(start);
                Place { file, line, column }
            }
            Source::Generated(place, _) => place,
        };
        self.sink.entry(&Entry {
            owner,
            ttl,
            class: Class::IN,
            rtype: head.rtype,
            rdata: &self.rdata,
            place,
            program: program.as_ref(),
        });
        Ok(())
    }

    /// Reads TTL, class and type.
    fn head(&mut self, words: &mut Words<'_>, source: Source) -> Result<Head, RdataFault> {
        let (mut ttl, mut class) = (None, None);
        loop {
            let word = words.need_plain("the record type")?;
            if word.text.first().is_some_and(u8::is_ascii_digit) {
                if ttl.is_some() {
                    let message = format!("{} stands where the type belongs", quoted(word.text));
                    return Err(missing_type(&word, message));
                }
                let seconds = rdata::period(&word).map_err(|fault| match fault.rule {
                    "bad-period" => missing_type(
                        &word,
                        format!("{} is neither a TTL nor a type", quoted(word.text)),
                    ),
                    _ => fault,
                })?;
                ttl = Some(self.limit(seconds, &word, words, source));
                continue;
            }
            if let Some(rtype) = common_type(word.text) {
                return Ok(Head { ttl, rtype, at: word.at });
            }
            let text = std::str::from_utf8(word.text).unwrap_or("");
            if let Ok(found) = text.parse::<Class>() {
                if class.is_some() {
                    return Err(RdataFault::new("class-twice", word.at, "a second class"));
                }
                if found != Class::IN {
                    let message = format!("class {found} is not served");
                    return Err(RdataFault::new("class-not-in", word.at, message)
                        .help("write IN, or leave the class out"));
                }
                class = Some(found);
                continue;
            }
            let Ok(rtype) = text.parse::<Type>() else {
                return Err(unknown_type(&word));
            };
            if rtype.is_meta() {
                let message = format!("{rtype} is a type of questions, which no zone holds");
                return Err(RdataFault::new("meta-type", word.at, message));
            }
            return Ok(Head { ttl, rtype, at: word.at });
        }
    }

    /// A TTL of more than 31 bits means 0 (RFC 2181 section 8), here as in BIND.
    pub(super) fn limit(
        &mut self,
        seconds: u32,
        word: &Word<'_>,
        words: &Words<'_>,
        source: Source,
    ) -> u32 {
        if seconds <= MAX_TTL {
            return seconds;
        }
        let message = format!("a TTL of {seconds} seconds counts as 0");
        let warning = RdataFault::new("ttl-too-large", word.at, message)
            .help(format!("the largest TTL is {MAX_TTL}"));
        self.warn(warning, words, source);
        0
    }

    /// The record's TTL.
    ///
    /// Where neither the record nor `$TTL` says one, RFC 1035 section 5.1 takes that of the
    /// record before. BIND does so with a warning, and takes the SOA's minimum before there is
    /// any; NSD and Knot fall back to 3600.
    fn ttl(&mut self, head: &Head) -> u32 {
        if head.rtype == Type::SOA && self.ttl.minimum.is_none() {
            let minimum = self.rdata.last_chunk().copied().map(u32::from_be_bytes);
            self.ttl.minimum = minimum.map(|minimum| minimum.min(MAX_TTL));
        }
        if let Some(ttl) = head.ttl {
            self.ttl.last = Some(ttl);
            return ttl;
        }
        if let Some(default) = self.ttl.default {
            return default;
        }
        let (ttl, from) = match (self.ttl.last, self.ttl.minimum) {
            (Some(last), _) => (last, "that of the record before"),
            (None, Some(minimum)) => (minimum, "the SOA's minimum"),
            (None, None) => (FALLBACK_TTL, "3600"),
        };
        if !self.ttl.warned {
            self.ttl.warned = true;
            let message = format!("no TTL here and no $TTL before; it takes {from}");
            let warning = RdataFault::new("no-ttl", head.at, message);
            self.warnings.push(warning.help("write `$TTL 3600` at the top of the file"));
        }
        ttl
    }

    /// A signature is made by the zone that the owner is in (RFC 4034 section 3.1.7).
    fn check_signer(&self, at: usize) -> Result<(), RdataFault> {
        const BEFORE: usize = 18;
        let signer = Name::from_wire(self.rdata.get(BEFORE..).unwrap_or(&[]));
        if let (Ok(owner), Ok(signer)) = (Name::from_wire(&self.owner), signer)
            && !owner.is_at_or_below(signer)
        {
            let message = format!("the signer {signer} is not the owner's zone");
            return Err(RdataFault::new("foreign-signer", at, message));
        }
        Ok(())
    }

    fn program(
        &mut self,
        words: &mut Words<'_>,
        source: Source,
    ) -> Result<Option<ProgramSource>, RdataFault> {
        let join = if self.options.insert_whitespace {
            program::Join::Spaced
        } else {
            program::Join::Plain
        };
        program::read(words, source, join, &mut self.rdata).map(Some)
    }
}

/// The types that make up most zones, without a walk over all mnemonics.
fn common_type(text: &[u8]) -> Option<Type> {
    Some(match text {
        b"A" | b"a" => Type::A,
        b"AAAA" | b"aaaa" => Type::AAAA,
        b"NS" | b"ns" => Type::NS,
        b"CNAME" | b"cname" => Type::CNAME,
        b"TXT" | b"txt" => Type::TXT,
        b"MX" | b"mx" => Type::MX,
        b"DS" | b"ds" => Type::DS,
        b"RRSIG" => Type::RRSIG,
        b"NSEC" => Type::NSEC,
        b"PTR" | b"ptr" => Type::PTR,
        _ => return None,
    })
}

fn missing_type(word: &Word<'_>, message: String) -> RdataFault {
    let fault = RdataFault::new("missing-type", word.at, message);
    if word.text.contains(&b'.') {
        return fault.help("an address needs its type before it: A 192.0.2.1");
    }
    fault.help("a TTL is seconds, or 1w2d3h4m5s; behind it and the class stands the type")
}

fn unknown_type(word: &Word<'_>) -> RdataFault {
    let shown = quoted(word.text);
    if word.text.starts_with(b"$") {
        return RdataFault::new("unknown-type", word.at, format!("{shown} is no record type"))
            .help("a directive starts in the first column");
    }
    if word.text.contains(&b':') || word.text.contains(&b'.') {
        let message = format!("{shown} stands where the type belongs");
        return missing_type(word, message);
    }
    RdataFault::new("unknown-type", word.at, format!("{shown} is no record type"))
        .help("a type without a mnemonic is written TYPE and its number")
}
