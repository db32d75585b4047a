//! Record data: from presentation format to wire format, and whether wire format is right.
//!
//! Each type is a list of fields (`schema`), and each kind of field knows how
//! to read its text and how to check its octets. The parsers of hickory-proto
//! and `domain` are not used: faults need their place inside the data, what is
//! accepted has to be exactly what other servers accept, and a zone of a
//! million records is read without allocating for each.

mod apl;
mod bitmap;
mod canonical;
mod encoding;
mod fault;
mod field;
mod gateway;
mod generic;
mod loc;
mod mnemonic;
mod number;
mod schema;
mod show;
mod string;
mod svcb;
mod warning;
mod words;

use halfmoon_wire::{Name, Type};

pub(crate) use canonical::has_canonical_form;
pub use canonical::put_canonical;
pub use fault::RdataFault;
pub(crate) use fault::quoted;
pub(crate) use mnemonic::rtype as type_word;
pub(crate) use number::period;
pub use show::{show, text};
pub(crate) use string::{push_name, push_split, push_text, text_name};
pub(crate) use words::{Mark, Word, Words};

/// The longest record data.
const MAX_RDATA: usize = 65_535;

/// What reading one record's data needs, and what it gives back beside the fault.
#[derive(Debug)]
pub(crate) struct Context<'c> {
    /// Completes relative names.
    pub(crate) origin: Option<Name<'c>>,
    /// Takes the wire form.
    pub(crate) out: &'c mut Vec<u8>,
    /// Takes what looks wrong and is served all the same.
    pub(crate) warnings: &'c mut Vec<RdataFault>,
}

/// Reads the data of one record of type `rtype` and appends its wire form to `out`. Names
/// without a trailing dot are completed with `origin`. The generic form of RFC 3597
/// (`\# 4 0a000001`) is read for every type. A long string of a TXT record is cut into several,
/// which programs that return long texts rely on.
///
/// # Errors
/// Text that is no data of this type; `out` is then as it was before.
pub fn parse(
    rtype: Type,
    text: &[u8],
    origin: Option<Name<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), RdataFault> {
    let begin = out.len();
    let mut warnings = Vec::new();
    let mut words = Words::of_data(text);
    let mut cx = Context { origin, out, warnings: &mut warnings };
    let done = read(rtype, &mut words, &mut cx).and_then(|()| {
        if words.offset() < text.len() {
            let message = "the data ends before the text does";
            return Err(RdataFault::new("extra-data", words.offset(), message)
                .help("one record has one line; write `\\010` for a newline"));
        }
        Ok(())
    });
    if done.is_err() {
        out.truncate(begin);
    }
    done
}

/// Whether `rdata` is well-formed data of type `rtype`: fields complete, names plain, nothing
/// left over. Data of unknown types always is.
///
/// # Errors
/// The first field that is not right, with its offset in `rdata`.
pub fn validate(rtype: Type, rdata: &[u8]) -> Result<(), RdataFault> {
    if rdata.len() > MAX_RDATA {
        return Err(too_long(0));
    }
    schema::check(rtype, rdata)
}

/// Reads the data of the record that `words` stands in, up to its end.
pub(crate) fn read(
    rtype: Type,
    words: &mut Words<'_>,
    cx: &mut Context<'_>,
) -> Result<(), RdataFault> {
    let begin = cx.out.len();
    let mut start = words.offset();
    if let Some(first) = words.next()? {
        start = first.at;
        if generic::is_marker(&first) {
            return generic::read(rtype, start, words, cx.out);
        }
        words.put_back(first);
    }
    let Some(fields) = schema::fields(rtype) else {
        let message = format!("data of {rtype} cannot be written as text");
        return Err(RdataFault::new("no-text-form", start, message)
            .help("write `\\#`, the number of octets, and the octets in hexadecimal (RFC 3597)"));
    };
    for field in fields {
        field.read(words, cx)?;
    }
    if let Some(extra) = words.next()? {
        return Err(RdataFault::new(
            "extra-data",
            extra.at,
            format!("{} is more than {rtype} data has", quoted(extra.text)),
        ));
    }
    if cx.out.len() - begin > MAX_RDATA {
        return Err(too_long(start));
    }
    schema::digest_is_long_enough(rtype, &cx.out[begin..], start)?;
    warning::look(rtype, &cx.out[begin..], start, cx.warnings);
    Ok(())
}

fn too_long(offset: usize) -> RdataFault {
    RdataFault::new("rdata-too-long", offset, "record data is longer than 65535 octets")
}
