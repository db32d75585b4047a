//! Two octets of type and the rest as data, in wire form and as text: what is right stays the same
//! by way of the generic form.
#![no_main]

use std::fmt::Write as _;

use halfmoon_wire::{Name, Type};
use halfmoon_zones::rdata;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Some((rtype, data)) = octets.split_first_chunk() else {
        return;
    };
    let rtype = Type(u16::from_be_bytes(*rtype));
    let mut out = Vec::new();
    if rdata::validate(rtype, data).is_ok() {
        let mut text = format!("\\# {} ", data.len());
        for octet in data {
            write!(text, "{octet:02x}").expect("a string takes all");
        }
        rdata::parse(rtype, text.as_bytes(), None, &mut out).expect("right octets are read");
        assert_eq!(out, data);
    }
    out.clear();
    match rdata::parse(rtype, data, Some(Name::ROOT), &mut out) {
        Ok(()) => rdata::validate(rtype, &out).expect("what text means is right"),
        Err(fault) => {
            assert!(out.is_empty(), "a fault leaves nothing behind");
            assert!(fault.offset <= data.len());
        }
    }
});
