//! Keys that come from other software, or go there.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::BASE64;
use halfmoon_dnssec::{Key, Role, ZoneKeys, read_private, write_private};
use halfmoon_wire::Name;

use super::say;

/// The longest file that is read as a key, in octets.
const MOST: u64 = 64 * 1024;

/// Reads the keys of a zone.
pub(super) fn import(
    zone: Name<'_>,
    files: &[PathBuf],
    told: Option<Role>,
) -> Result<ZoneKeys, String> {
    let mut texts = Vec::with_capacity(files.len());
    for path in files {
        let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let length = fs::metadata(path).map_err(|error| failed(&error))?.len();
        if length > MOST {
            return Err(failed(&"too long for a key"));
        }
        let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
        texts.push((path, text, public(path)));
    }
    // A zone with one key that is marked as an entry point has it for everything.
    let is_alone = texts.len() == 1;
    let mut keys: Vec<Arc<Key>> = Vec::new();
    for (path, text, public) in &texts {
        let role = match (told, public.as_ref().map(|public| public.flags)) {
            (Some(role), _) => role,
            (None, Some(257)) if is_alone => Role::Csk,
            (None, Some(257)) => Role::Ksk,
            (None, Some(256)) => Role::Zsk,
            (None, Some(flags)) => {
                return Err(format!("{}: its flags are {flags}, not 256 or 257", path.display()));
            }
            (None, None) if is_alone => Role::Csk,
            (None, None) => {
                return Err(format!(
                    "{}: there is no .key file beside it that says what it is for; import one file with --key",
                    path.display()
                ));
            }
        };
        let key =
            read_private(text, role).map_err(|error| format!("{}: {error}", path.display()))?;
        // The octets behind flags, protocol and algorithm are the key itself.
        let is_its = |public: &Public| key.dnskey().get(4..) == Some(&public.key[..]);
        if !public.as_ref().is_none_or(is_its) {
            return Err(format!("{}: the .key file beside it holds another key", path.display()));
        }
        if ZoneKeys::collides(&keys, &key) {
            return Err(format!("{}: another key has the tag {}, too", path.display(), key.tag()));
        }
        keys.push(Arc::new(key));
    }
    let keys = ZoneKeys::new(zone.to_buf(), keys, None);
    if keys.is_complete() {
        return Ok(keys);
    }
    Err(format!(
        "{zone} needs a key that signs keys and one that signs the rest; name the files of both, or --key csk"
    ))
}

/// The public half, in the file beside a private one.
struct Public {
    flags: u16,
    key: Vec<u8>,
}

fn public(private: &Path) -> Option<Public> {
    let text = fs::read_to_string(private.with_extension("key")).ok()?;
    let record =
        text.lines().find(|line| !line.trim_start().starts_with(';') && line.contains("DNSKEY"))?;
    let mut words = record.split_whitespace().skip_while(|word| *word != "DNSKEY").skip(1);
    let flags = words.next()?.parse().ok()?;
    let key: String = words.skip(2).take_while(|word| !word.starts_with(';')).collect();
    Some(Public { flags, key: BASE64.decode(key.as_bytes()).ok()? })
}

/// Writes keys as `dnssec-keygen` does, two files each. None that is there is written over.
pub(super) fn export(keys: &ZoneKeys, out: &Path, tag: Option<u16>) -> Result<(), String> {
    let apex = keys.apex();
    let wanted: Vec<_> =
        keys.keys().iter().filter(|key| tag.is_none_or(|tag| key.tag() == tag)).collect();
    if wanted.is_empty() {
        return Err(format!("{apex} has no key {}", tag.unwrap_or_default()));
    }
    fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    for key in wanted {
        let (tag, number) = (key.tag(), key.algorithm().number());
        // Slashes in a name would lead elsewhere.
        let zone = apex.to_string().to_ascii_lowercase().replace('/', "%2F");
        let name = format!("K{zone}+{number:03}+{tag:05}");
        let private = write_private(key).map_err(|error| format!("{name}: {error}"))?;
        let public = format!(
            "; {} key of {apex}\n{apex} IN DNSKEY {} 3 {number} {}\n",
            key.role().word(),
            key.flags(),
            BASE64.encode(key.dnskey().get(4..).unwrap_or_default()),
        );
        for (ending, text, mode) in [("private", private, 0o600), ("key", public, 0o644)] {
            let path = out.join(format!("{name}.{ending}"));
            let mut options = OpenOptions::new();
            let file = options.create_new(true).write(true).mode(mode).open(&path);
            let written = file.and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            });
            written.map_err(|error| format!("{}: {error}", path.display()))?;
            say(path.display());
        }
    }
    Ok(())
}
