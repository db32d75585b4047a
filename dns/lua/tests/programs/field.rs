//! Production zones, which the repository does not hold: skipped, loudly, where they are absent.

use std::io::{Write, stderr};
use std::path::{Path, PathBuf};

use halfmoon_lua::{Compiler, Dialect};
use halfmoon_zones::{Entry, Fault, Files, ReadOptions, Sink};

use crate::world::{World, client, name};

#[derive(Default)]
struct Programs {
    sources: Vec<(halfmoon_wire::NameBuf, halfmoon_zones::ProgramSource)>,
    faults: Vec<Fault>,
}

impl Sink for Programs {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.sources.extend(entry.program.map(|program| (entry.owner.to_buf(), program.clone())));
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
}

fn folder() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.join("../../../shared/data/zones/grapheneos");
    if !folder.is_dir() {
        // Not through `eprintln!`, which the test harness keeps to itself when a test passes.
        let _ = writeln!(stderr(), "SKIPPED: {} is absent", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn production_zones_load_and_answer() {
    let Some(folder) = folder() else { return };
    let mut ran = 0;
    for file in
        ["lua-releases", "lua-health", "lua-network", "lua-grapheneos", "geoip.grapheneos.network"]
    {
        let path = folder.join(format!("{file}.zone"));
        let mut programs = Programs::default();
        let mut files = Files::default();
        let origin = name("grapheneos.org.");
        halfmoon_zones::read_file(&path, &ReadOptions::new(origin), &mut files, &mut programs);
        assert_eq!(programs.faults, [], "{file}");
        for dialect in [Dialect::Halfmoon, Dialect::PowerDns] {
            let mut world = World::new(dialect);
            for (owner, source) in &programs.sources {
                let mut faults = Vec::new();
                let mut compiler = Compiler::new(world.settings.clone(), world.health.clone());
                let program =
                    compiler.compile(origin.as_name(), owner.as_name(), source, &mut faults);
                let shown: Vec<String> =
                    faults.iter().map(|fault| fault.display(&files).to_string()).collect();
                assert_eq!(shown, [""; 0]);
                let program = program.unwrap();
                for who in [
                    "127.0.0.1",
                    "192.0.2.1",
                    "198.51.100.1",
                    "203.0.113.1",
                    "2001:db8::1",
                    "10.0.0.1 for 203.0.113.128/25",
                ] {
                    world.client = client(who);
                    let said = world.run(&program);
                    assert_eq!(world.machine.detail(), "", "{owner} {} for {who}", program.inner());
                    assert!(!said.is_empty());
                    ran += 1;
                }
            }
        }
    }
    assert_eq!(ran, 8 * 2 * 6);
}

#[test]
fn the_closest_region_of_a_production_zone_fails_over() {
    let Some(folder) = folder() else { return };
    let mut programs = Programs::default();
    let (origin, mut files) = (name("grapheneos.org."), Files::default());
    let path = folder.join("lua-releases.zone");
    halfmoon_zones::read_file(&path, &ReadOptions::new(origin), &mut files, &mut programs);
    let mut world = World::new(Dialect::PowerDns);
    let (_, source) = &programs.sources[0];
    let mut compiler = Compiler::new(world.settings.clone(), world.health.clone());
    let program =
        compiler.compile(origin.as_name(), origin.as_name(), source, &mut Vec::new()).unwrap();
    assert_eq!(world.health.checks().len(), 7, "one for each city, from load on");
    // California: Los Angeles, then Dallas, Toronto, Miami, London, Amsterdam, Frankfurt.
    world.client = client("198.51.100.1");
    assert_eq!(world.run(&program), "104.194.8.203");
    world.observe("+104.194.8.203 +121.127.40.19");
    assert_eq!(world.run(&program), "104.194.8.203");
    world.observe("-104.194.8.203");
    assert_eq!(world.run(&program), "121.127.40.19");
    assert_eq!(world.answers.reads().to_string(), "health place client");
    assert_eq!(world.answers.scope(), 24);
}
