//! Names that are looked up ahead are where a look-up by itself finds them, or are not seen at all.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use halfmoon_wire::{NameBuf, SuffixHashes, Type};
use halfmoon_zones::{Builder, Catalog, Files, Hosted, Position, ReadOptions, Sights, read_text};

const PARENT: &str = "\
$TTL 60
@ SOA ns host 1 2 3 4 5
@ NS ns
ns A 192.0.2.1
www A 192.0.2.2
WWW TXT spelled
alias CNAME www
a.b.c A 192.0.2.3
*.wild A 192.0.2.4
below DNAME other.test.
x.below TXT hidden
cut NS ns.cut
cut DS 1 13 2 00
ns.cut A 192.0.2.5
deep.ns.cut A 192.0.2.6
child NS ns.child
ns.child A 192.0.2.7
2vptu5timamqttgl4luu9kg21e0aor3s NSEC3 1 0 0 - 2VPTU5TIMAMQTTGL4LUU9KG21E0AOR3T A
";
const CHILD: &str = "\
$TTL 60
@ SOA ns host 1 2 3 4 5
@ NS ns
ns A 192.0.2.7
";

/// How a position is told from others, and how many names may be where it is.
const NAMES: &[(&str, bool)] = &[
    ("example.", true),
    ("www.example.", true),
    ("WwW.eXample.", true),
    ("alias.example.", true),
    ("c.example.", true),
    ("*.wild.example.", true),
    ("x.wild.example.", false),
    ("nowhere.example.", false),
    ("below.example.", true),
    ("x.below.example.", true),
    ("y.below.example.", false),
    ("cut.example.", true),
    ("ns.cut.example.", true),
    ("deep.ns.cut.example.", true),
    ("x.cut.example.", false),
    ("child.example.", true),
    ("ns.child.example.", true),
    ("2vptu5timamqttgl4luu9kg21e0aor3s.example.", false),
    ("host4999.example.", true),
    ("host5000.example.", false),
    ("other.", false),
    (".", false),
];

fn hosted(origin: &str, text: &str) -> Arc<Hosted<()>> {
    let origin: NameBuf = origin.parse().unwrap();
    let (mut files, mut builder) = (Files::default(), Builder::new());
    let path = Path::new("a.zone");
    read_text(text.as_bytes(), path, &ReadOptions::new(origin), &mut files, &mut builder);
    let built = builder.build(origin.as_name(), path, files);
    Arc::new(Hosted {
        zone: built.zone.unwrap_or_else(|| panic!("{:?}", built.faults)),
        beside: (),
    })
}

/// A catalog of two zones; `more` names stand in the first.
fn catalog(more: usize) -> Catalog<()> {
    let mut parent = PARENT.to_owned();
    (0..more).for_each(|number| writeln!(parent, "host{number} A 192.0.2.9").unwrap());
    Catalog::new(vec![hosted("example.", &parent), hosted("child.example.", CHILD)])
}

fn found<'c>(
    catalog: &'c Catalog<()>,
    name: &NameBuf,
    hashes: &mut SuffixHashes,
) -> Option<(NameBuf, Position<'c>)> {
    hashes.compute(name.as_name());
    let hosted = catalog.find(name.as_name(), hashes, Type::A)?;
    Some((hosted.zone.apex().to_buf(), hosted.zone.find(name.as_name(), hashes)))
}

#[test]
fn what_is_seen_is_what_is_found() {
    let (catalog, mut hashes, mut sights) =
        (catalog(5000), SuffixHashes::default(), Sights::default());
    let names: Vec<NameBuf> = NAMES.iter().map(|(name, _)| name.parse().unwrap()).collect();
    let is_far = catalog.look_ahead(names.iter().map(NameBuf::as_name), &mut hashes, &mut sights);
    assert!(is_far);
    assert_eq!(sights.count(), names.len());
    for (name, (text, is_seen)) in names.iter().zip(NAMES) {
        let sight = sights.take();
        let seen = catalog.seen(name.as_name(), sight);
        assert_eq!(seen.is_some(), *is_seen, "{text}");
        if let Some((hosted, position)) = seen {
            let seen = (hosted.zone.apex().to_buf(), position);
            assert_eq!(Some(seen), found(&catalog, name, &mut hashes), "{text}");
        }
        // Where another name is, no name is seen.
        for other in names.iter().filter(|other| other.as_name() != name.as_name()) {
            assert!(catalog.seen(other.as_name(), sight).is_none(), "{other} for {text}");
        }
    }
    assert!(catalog.seen(names[0].as_name(), sights.take()).is_none(), "behind the last");
}

#[test]
fn few_records_are_not_looked_up_and_no_more_than_a_batch_is() {
    let (mut hashes, mut sights) = (SuffixHashes::default(), Sights::default());
    let name: NameBuf = "www.example.".parse().unwrap();
    assert!(!catalog(0).look_ahead([name.as_name()].into_iter(), &mut hashes, &mut sights));
    assert_eq!(sights.count(), 0);
    let catalog = catalog(5000);
    let many = std::iter::repeat_n(name.as_name(), 1000);
    assert!(catalog.look_ahead(many, &mut hashes, &mut sights));
    assert_eq!(sights.count(), 32);
    assert_eq!(
        (0..1000).filter(|_| catalog.seen(name.as_name(), sights.take()).is_some()).count(),
        32
    );
    sights.clear();
    assert!(catalog.seen(name.as_name(), sights.take()).is_none());
}
