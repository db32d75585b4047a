//! Octets and text as a domain name: refused or kept, and the same after a round trip.
#![no_main]

use halfmoon_wire::{Name, NameBuf};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Ok(name) = Name::from_wire(octets) {
        assert!(octets.starts_with(name.as_wire()));
        round_trip(name);
    }
    if let Ok(name) = NameBuf::from_text(octets, Some(Name::ROOT)) {
        let whole = Name::from_wire(name.as_name().as_wire());
        assert_eq!(whole, Ok(name.as_name()), "text gives a plain name");
        round_trip(name.as_name());
    }
});

fn round_trip(name: Name<'_>) {
    let text = name.to_string();
    let read = NameBuf::from_text(text.as_bytes(), None).expect("a name's own text is a name");
    assert_eq!(read.as_name().as_wire(), name.as_wire(), "{text}");
    assert!(name.as_wire().len() <= 255);
    // Every ancestor is a name, and the name is below it.
    let mut ancestor = name;
    while let Some(parent) = ancestor.parent() {
        assert!(name.is_below(parent));
        assert_eq!(parent.label_count() + 1, ancestor.label_count());
        ancestor = parent;
    }
    assert_eq!(ancestor, Name::ROOT);
}
