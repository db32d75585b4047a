//! Octets as a zone file: every record that is read is whole, and every fault has its place.
#![no_main]

use std::path::Path;

use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::{Entry, Fault, Files, ReadOptions, Sink, rdata, read_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let origin: NameBuf = "example.".parse().expect("a name");
    let lines = 1 + text.iter().filter(|&&octet| octet == b'\n').count();
    for insert_whitespace in [false, true] {
        let options = ReadOptions { insert_whitespace, ..ReadOptions::new(origin) };
        let mut check = Check { lines };
        read_text(text, Path::new("fuzz.zone"), &options, &mut Files::default(), &mut check);
    }
});

struct Check {
    lines: usize,
}

impl Sink for Check {
    fn entry(&mut self, entry: &Entry<'_>) {
        assert!(Name::from_wire(entry.owner.as_wire()).is_ok());
        assert!(entry.ttl <= i32::MAX as u32 && !entry.rtype.is_meta());
        rdata::validate(entry.rtype, entry.rdata).expect("what text means is right");
        assert!((1..=self.lines).contains(&(entry.place.line as usize)));
        assert_eq!(entry.program.is_some(), entry.rtype == Type::LUA);
        if let Some(program) = entry.program {
            for span in &program.spans {
                let place = program.place(span.at as usize);
                assert!((1..=self.lines).contains(&(place.line as usize)));
            }
        }
    }

    fn fault(&mut self, fault: Fault) {
        assert!((1..=self.lines).contains(&(fault.place.line as usize)), "{fault:?}");
        assert!(fault.place.column > 0 && !fault.message.is_empty());
    }
}
