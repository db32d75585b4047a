//! Opens files that somebody else may swap for something else meanwhile.
//!
//! What a path leads to is decided when it is opened, and all that is asked of a file is asked of the one
//! that was opened: a link that is put in its place between the one and the other leads nowhere, and a pipe
//! keeps nobody waiting.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;

/// How a file is opened. What has no end to read, or waits for one to write, does not wait.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
/// How a folder is opened to go on from.
#[cfg(target_os = "linux")]
const PASS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);
#[cfg(not(target_os = "linux"))]
const PASS: OFlags = LIST;
/// How a folder is opened to be listed.
const LIST: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// Something that was opened, which may be no file.
#[derive(Debug)]
pub(crate) struct Opened {
    file: File,
    /// What is known of it from before it is read.
    pub(crate) meta: Metadata,
}

/// A folder, which stays the one that it was when it was opened.
#[derive(Debug)]
pub(crate) struct Folder<'a> {
    path: &'a Path,
    opened: Result<OwnedFd, Errno>,
}

impl<'a> Folder<'a> {
    /// Opens a folder, if that can be done: why not is said whenever something in it is opened.
    pub(crate) fn of(path: &'a Path) -> Self {
        let opened = openat(CWD, named(path), PASS | OFlags::CLOEXEC, Mode::empty());
        Self { path, opened }
    }

    /// Opens a file in or below it. Links are followed as long as they do not lead out of it.
    ///
    /// # Errors
    /// It cannot be opened, or lies elsewhere.
    pub(crate) fn open(&self, path: &Path) -> io::Result<Opened> {
        let direct = path.strip_prefix(self.path).map_err(|_| Errno::LOOP).and_then(|rest| {
            // Without links, as it mostly is.
            step_down(self.opened.as_ref().map_err(|error| *error)?.as_fd(), rest, READ)
        });
        let file = match direct {
            Err(Errno::LOOP | Errno::NOTDIR) => {
                let (root, real) = (self.path.canonicalize()?, path.canonicalize()?);
                let outside = |_| io::Error::other("it lies outside of the zone folder");
                descend(&root, real.strip_prefix(&root).map_err(outside)?, READ)
            }
            direct => direct,
        };
        Opened::of(file?)
    }
}

/// Opens a file, wherever it is; where a folder is named, [as in it](Folder::open).
///
/// # Errors
/// It cannot be opened, or lies elsewhere.
pub(crate) fn open(within: Option<&Path>, path: &Path) -> io::Result<Opened> {
    match within {
        Some(folder) => Folder::of(folder).open(path),
        None => Opened::of(openat(CWD, path, READ | OFlags::CLOEXEC, Mode::empty())?),
    }
}

/// The octets of such a file, of which there may be so many.
///
/// # Errors
/// As with [`open`], and [`Opened::read`].
pub(crate) fn read(within: Option<&Path>, path: &Path, most: u64) -> io::Result<Vec<u8>> {
    open(within, path)?.read(most)
}

/// What is in a folder, which is another one or lies in or below it, and of what kind each is. `None`: it is
/// a link now, or no folder.
///
/// # Errors
/// It cannot be listed.
pub(crate) fn list(root: &Path, folder: &Path) -> io::Result<Option<Vec<(OsString, FileType)>>> {
    let rest = folder.strip_prefix(root).map_err(io::Error::other)?;
    let opened = match descend(root, rest, LIST) {
        Err(Errno::LOOP | Errno::NOTDIR) if rest != Path::new("") => return Ok(None),
        opened => opened?,
    };
    let mut found = Vec::new();
    let mut entries = Dir::new(opened)?;
    while let Some(entry) = entries.read() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            // Some file systems say so only if they are asked.
            FileType::Unknown => match statat(entries.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            },
            kind => kind,
        };
        found.push((OsString::from_vec(name.to_bytes().to_vec()), kind));
    }
    Ok(Some(found))
}

/// Opens a folder, or what lies below it. Only the folder may be reached by links.
fn descend(root: &Path, rest: &Path, how: OFlags) -> Result<OwnedFd, Errno> {
    let is_root = rest == Path::new("");
    let first = if is_root { how } else { PASS };
    let root = openat(CWD, named(root), first | OFlags::CLOEXEC, Mode::empty())?;
    if is_root { Ok(root) } else { step_down(root.as_fd(), rest, how) }
}

/// Opens what lies below a folder, one step after the other, none of them a link.
fn step_down(folder: BorrowedFd<'_>, rest: &Path, how: OFlags) -> Result<OwnedFd, Errno> {
    let mut steps = rest.components().peekable();
    let mut at: Option<OwnedFd> = None;
    while let Some(step) = steps.next() {
        let Component::Normal(name) = step else {
            return Err(Errno::LOOP);
        };
        let how = if steps.peek().is_none() { how } else { PASS };
        let from = at.as_ref().map_or(folder, AsFd::as_fd);
        at = Some(openat(from, name, how | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?);
    }
    at.ok_or(Errno::ISDIR)
}

/// A folder as the system names it.
fn named(folder: &Path) -> &Path {
    if folder == Path::new("") { Path::new(".") } else { folder }
}

impl Opened {
    fn of(file: OwnedFd) -> io::Result<Self> {
        let file = File::from(file);
        let meta = file.metadata()?;
        Ok(Self { file, meta })
    }

    /// Its octets, of which there may be so many.
    ///
    /// # Errors
    /// It cannot be read, is no file, or has more.
    pub(crate) fn read(self, most: u64) -> io::Result<Vec<u8>> {
        let Self { file, meta } = self;
        if !meta.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        // Nothing is reserved for what is not read.
        if meta.len() > most {
            return Err(too_large(most));
        }
        let length = usize::try_from(meta.len()).unwrap_or(usize::MAX);
        let mut octets = Vec::new();
        octets.try_reserve_exact(length.saturating_add(1))?;
        // It may grow while it is read.
        file.take(most.saturating_add(1)).read_to_end(&mut octets)?;
        if octets.len() as u64 > most {
            return Err(too_large(most));
        }
        Ok(octets)
    }
}

pub(crate) fn too_large(most: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} octets"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_no_file_keeps_nobody_waiting_and_nothing_leads_out() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("zones");
        fs::create_dir_all(root.join("below")).unwrap();
        fs::write(root.join("a"), "1234").unwrap();
        fs::write(root.join("below/b"), "b").unwrap();
        fs::write(top.path().join("secret"), "secret").unwrap();
        let made = std::process::Command::new("mkfifo").arg(root.join("pipe")).status().unwrap();
        assert!(made.success());
        for (link, to) in [
            ("in", "below/b"),
            ("out", "../secret"),
            ("folder-in", "below"),
            ("folder-out", ".."),
            ("to-pipe", "pipe"),
            ("round", "round"),
        ] {
            symlink(to, root.join(link)).unwrap();
        }
        symlink(root.join("a"), root.join("absolute")).unwrap();
        // More than there is memory, and so is what one may read of it.
        File::create(root.join("huge")).unwrap().set_len(1 << 43).unwrap();
        for (path, most, expected) in [
            ("a", 4, Ok("1234")),
            ("a", 3, Err("it has more than 3 octets")),
            ("huge", 1 << 42, Err("it has more than 4398046511104 octets")),
            ("below/b", 9, Ok("b")),
            ("in", 9, Ok("b")),
            ("absolute", 9, Ok("1234")),
            ("folder-in/b", 9, Ok("b")),
            ("below/../a", 9, Ok("1234")),
            ("out", 9, Err("it lies outside of the zone folder")),
            ("../secret", 9, Err("it lies outside of the zone folder")),
            ("folder-out/secret", 9, Err("it lies outside of the zone folder")),
            ("pipe", 9, Err("it is no file")),
            ("to-pipe", 9, Err("it is no file")),
            ("below", 9, Err("it is no file")),
            ("round", 9, Err("Too many levels of symbolic links")),
            ("nothing", 9, Err("No such file or directory")),
        ] {
            let found = read(Some(&root), &root.join(path), most);
            match (found, expected) {
                (Ok(octets), Ok(expected)) => assert_eq!(octets, expected.as_bytes(), "{path}"),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().starts_with(expected), "{path}: {error}");
                }
                (found, _) => panic!("{path}: {found:?}"),
            }
        }
        let freely = read(None, &root.join("out"), 9).unwrap();
        assert_eq!(freely, b"secret", "whoever names a file himself may link it anywhere");
        assert_eq!(read(None, &root.join("pipe"), 9).unwrap_err().to_string(), "it is no file");

        let names = |folder: &str| {
            let found = list(&root, &root.join(folder)).unwrap()?;
            Some(found.into_iter().map(|(name, _)| name.into_string().unwrap()).collect::<Vec<_>>())
        };
        assert_eq!(names("below"), Some(vec!["b".to_owned()]));
        assert_eq!(names("").unwrap().len(), 11);
        assert_eq!((names("folder-in"), names("folder-out"), names("a")), (None, None, None));
    }
}
