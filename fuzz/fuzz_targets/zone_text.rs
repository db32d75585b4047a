//! Octets as a zone file: every record that is read is whole, every fault has its place, and what is
//! made of it is a zone in which every name is found.
#![no_main]

use std::path::Path;

use halfmoon_wire::{Name, NameBuf, SuffixHashes, Type};
use halfmoon_zones::{
    Builder, Entry, Fault, Files, Position, ReadOptions, Sink, Zone, rdata, read_text,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let origin: NameBuf = "example.".parse().expect("a name");
    let lines = 1 + text.iter().filter(|&&octet| octet == b'\n').count();
    for insert_whitespace in [false, true] {
        let options = ReadOptions { insert_whitespace, ..ReadOptions::new(origin) };
        let mut check = Check { lines, builder: Builder::new() };
        let (path, mut files) = (Path::new("fuzz.zone"), Files::default());
        read_text(text, path, &options, &mut files, &mut check);
        let built = check.builder.build(origin.as_name(), path, files);
        assert!(built.zone.is_some() || built.is_refused());
        if let Some(zone) = built.zone.as_ref().filter(|_| !built.is_refused()) {
            look_up(zone);
        }
    }
});

/// Every name of a zone is where it says, and one below each is somewhere.
fn look_up(zone: &Zone) {
    let (soa_ttl, soa) = zone.denial();
    assert!(soa.rtype() == Type::SOA && soa_ttl <= soa.ttl());
    let mut hashes = SuffixHashes::default();
    for node in zone.nodes() {
        let owner = node.owner();
        hashes.compute(owner);
        match zone.find(owner, &hashes) {
            Position::Exact(found) => assert_eq!(found, node),
            Position::Cut { cut, at } => {
                assert_eq!(at, cut == node);
                assert!(node.is_cut() || node.is_occluded());
            }
            Position::Below(above) => assert!(above.set(Type::DNAME).is_some()),
            Position::Wildcard(_) | Position::Missing(_) => panic!("{owner} is not found"),
        }
        if let Ok(below) = NameBuf::from_text(b"q", Some(owner)) {
            hashes.compute(below.as_name());
            let _ = zone.find(below.as_name(), &hashes);
        }
        for set in node.sets() {
            let count = set.rdatas().count();
            assert_eq!(count, usize::from(set.count()));
            assert!(count > 0 && set.ttl() <= i32::MAX as u32);
        }
    }
}

struct Check {
    lines: usize,
    builder: Builder,
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
        self.builder.entry(entry);
    }

    fn fault(&mut self, fault: Fault) {
        assert!((1..=self.lines).contains(&(fault.place.line as usize)), "{fault:?}");
        assert!(fault.place.column > 0 && !fault.message.is_empty());
        self.builder.fault(fault);
    }
}
