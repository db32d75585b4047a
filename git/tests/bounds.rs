//! What a repository may make us hold, whoever fills it: files, what they are stored as differences from, folders in
//! folders.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use halfmoon_git::{CommitId, Copy, GitError, MOST_OCTETS, Source};
use tempfile::TempDir;

/// What an object may take to unpack in any case.
const LEAST: usize = 16 << 20;

/// A repository, and a copy of it elsewhere.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        fs::create_dir(site.path("from")).unwrap();
        site.git(&["init", "--quiet", "--initial-branch", "main"], "");
        site
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    #[track_caller]
    fn git(&self, args: &[&str], input: &str) -> String {
        let mut running = Command::new("git")
            .args(["-c", "user.name=T", "-c", "user.email=t@example.test"])
            .args(["-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"])
            .args(args)
            .current_dir(self.path("from"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("git has to be installed");
        running.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let said = running.wait_with_output().unwrap();
        assert!(said.status.success(), "{args:?}");
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, name: &str, octets: &[u8]) -> CommitId {
        fs::write(self.path("from").join(name), octets).unwrap();
        self.git(&["add", "--all"], "");
        self.git(&["commit", "--quiet", "-m", "a commit"], "");
        self.git(&["rev-parse", "HEAD"], "").parse().unwrap()
    }

    fn fetch(&self, most: u64) -> Result<(Copy, CommitId), GitError> {
        let copy = Copy::open(&self.path("copy"), most)?;
        let source = Source::new(self.path("from").to_str().unwrap(), "main").unwrap();
        let commit = copy.fetch(&source, &AtomicBool::new(false))?;
        Ok((copy, commit))
    }
}

/// A text that cannot be made smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn no_more_of_a_file_is_read_than_is_wanted() {
    let site = Site::new();
    site.commit("a", b"1234");
    let (copy, commit) = site.fetch(MOST_OCTETS).unwrap();
    let files = copy.files(commit);
    assert_eq!(files.read(Path::new("a"), 4).unwrap(), b"1234");
    let error = files.read(Path::new("a"), 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    assert_eq!(error.to_string(), "it has more than 3 octets");
    assert_eq!(files.read(Path::new("b"), 3).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn what_is_too_large_to_unpack_is_not_fetched() {
    let site = Site::new();
    site.commit("a", &vec![b' '; LEAST + 1]);
    for (most, is_fetched) in [(1, false), (LEAST as u64 / 4, false), (LEAST as u64, true)] {
        match site.fetch(most) {
            Ok((copy, commit)) => {
                assert!(is_fetched, "{most}");
                let read = copy.files(commit).read(Path::new("a"), MOST_OCTETS);
                assert_eq!(read.unwrap().len(), LEAST + 1);
            }
            Err(GitError::Large(_)) => assert!(!is_fetched, "{most}"),
            Err(error) => panic!("{most}: {error}"),
        }
    }
}

#[test]
fn a_small_file_that_is_made_of_a_large_one_is_not_made() {
    let site = Site::new();
    let large = noise(LEAST + (LEAST / 2));
    site.commit("a", &large);
    let small = LEAST / 16;
    let commit = site.commit("a", &large[..small]);
    site.git(&["repack", "-q", "-a", "-d", "-f", "--depth=1"], "");
    let index = fs::read_dir(site.path("from/.git/objects/pack")).unwrap();
    let index =
        index.map(|entry| entry.unwrap().path()).find(|path| path.extension().unwrap() == "idx");
    let listed = site.git(&["verify-pack", "-v", index.unwrap().to_str().unwrap()], "");
    let blob = site.git(&["rev-parse", "HEAD:a"], "");
    let base = site.git(&["rev-parse", "HEAD~1:a"], "");
    let line = listed.lines().find(|line| line.starts_with(&blob)).unwrap();
    assert!(line.ends_with(&format!("1 {base}")), "it is no difference from the other: {line}");
    // As if it had been fetched: what is in a pack is not unpacked on the way, if nothing is made of it.
    let read = |most| {
        let copy = Copy::open(&site.path("from/.git"), most).unwrap();
        copy.files(commit).read(Path::new("a"), small as u64).map(|octets| octets.len())
    };
    let error = read(small as u64).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileTooLarge, "{error}");
    assert!(error.to_string().contains("too large to be unpacked"), "{error}");
    assert_eq!(read(MOST_OCTETS).unwrap(), small);
}

#[test]
fn folders_that_are_in_folders_over_and_over_come_to_an_end() {
    let site = Site::new();
    let file = site.git(&["hash-object", "-w", "--stdin"], "x");
    let mut entry = format!("100644 blob {file}");
    for _ in 0..12 {
        let names: String = (0..16).map(|n| format!("{entry}\tn{n:x}\n")).collect();
        entry = format!("040000 tree {}", site.git(&["mktree"], &names));
    }
    let tree = entry.rsplit(' ').next().unwrap().to_owned();
    let commit = site.git(&["commit-tree", &tree, "-m", "many"], "");
    site.git(&["update-ref", "refs/heads/main", &commit], "");
    let (copy, commit) = site.fetch(1).unwrap();
    let said = copy.changes(None, commit, Path::new("")).unwrap_err();
    assert!(matches!(said, GitError::Many), "{said}");
    // As it is in one of them.
    let deep: std::path::PathBuf = (0..11).map(|_| "n0").collect();
    assert_eq!(copy.changes(None, commit, &deep).unwrap().len(), 16);
}
