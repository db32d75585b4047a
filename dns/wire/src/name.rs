//! Domain names in wire form (RFC 1035 section 3.1), without compression.
//!
//! A [`Name`] borrows; a [`NameBuf`] owns its octets inline, so neither needs
//! the heap. Comparison ignores the case of ASCII letters (RFC 4343).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// The longest name in wire form, the root's zero octet included.
const MAX_NAME: usize = 255;
/// The longest label.
const MAX_LABEL: usize = 63;

/// Why some octets or some text are not a domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The octets end before the root label.
    #[error("name ends before its root label")]
    Truncated,
    /// A compression pointer or an extended label where a plain name is required.
    #[error("name contains a compression pointer or an unknown label type")]
    NotPlain,
    /// More than 255 octets in wire form.
    #[error("name is longer than 255 octets")]
    TooLong,
    /// More than 63 octets in one label.
    #[error("label is longer than 63 octets")]
    LabelTooLong,
    /// Two dots in a row, or a dot at the start.
    #[error("name contains an empty label")]
    EmptyLabel,
    /// A backslash that is followed by neither a character nor three digits up to 255.
    #[error("bad escape; write \\DDD with three digits up to 255, or \\ and the character")]
    BadEscape,
    /// Text without a trailing dot where there is no origin to complete it.
    #[error("name is relative and there is no origin to complete it")]
    NoOrigin,
    /// No text at all.
    #[error("name is empty")]
    Empty,
}

/// A domain name in uncompressed wire form, borrowed.
///
/// Always valid: at most 255 octets, labels of 1 to 63 octets, and the root
/// label exactly once, at the end.
#[derive(Clone, Copy)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// The root, `.`.
    pub const ROOT: Name<'static> = Name(&[0]);

    /// Reads the uncompressed name that `octets` start with; octets after it are ignored.
    ///
    /// # Errors
    /// Octets that do not start with a plain, complete name of at most 255 octets.
    pub fn from_wire(octets: &'a [u8]) -> Result<Self, NameError> {
        let mut at = 0;
        loop {
            let length = usize::from(*octets.get(at).ok_or(NameError::Truncated)?);
            if length > MAX_LABEL {
                return Err(NameError::NotPlain);
            }
            at += 1 + length;
            if at > MAX_NAME {
                return Err(NameError::TooLong);
            }
            if length == 0 {
                return Ok(Self(octets.get(..at).ok_or(NameError::Truncated)?));
            }
        }
    }

    /// Takes octets that a [`Name`] gave out before, without looking at them again. Other octets
    /// make a name that behaves badly, though never unsafely.
    #[must_use]
    pub const fn from_known_wire(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The octets, the root's zero octet included.
    #[must_use]
    pub const fn as_wire(self) -> &'a [u8] {
        self.0
    }

    /// Whether this is the root.
    #[must_use]
    pub const fn is_root(self) -> bool {
        self.0.len() == 1
    }

    /// Whether the first label is `*` (RFC 4592).
    #[must_use]
    pub fn is_wildcard(self) -> bool {
        self.0.starts_with(&[1, b'*'])
    }

    /// The labels from the left, without the root.
    #[must_use]
    pub const fn labels(self) -> Labels<'a> {
        Labels(self.0)
    }

    /// How many labels there are, the root not counted.
    #[must_use]
    pub fn label_count(self) -> usize {
        self.labels().count()
    }

    /// The name without its first label; `None` for the root.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let length = usize::from(*self.0.first()?);
        (length != 0).then(|| Name(self.0.get(1 + length..).unwrap_or(&[0])))
    }

    /// The name made of the last `labels` labels; the whole name if it has no more than that.
    #[must_use]
    pub fn suffix(self, labels: usize) -> Self {
        let mut name = self;
        for _ in labels..self.label_count() {
            let Some(parent) = name.parent() else { break };
            name = parent;
        }
        name
    }

    /// Whether this name is `ancestor` or lies below it.
    #[must_use]
    pub fn is_at_or_below(self, ancestor: Name<'_>) -> bool {
        let (mine, theirs) = (self.0.len(), ancestor.0.len());
        if mine < theirs {
            return false;
        }
        let mut name = self;
        while name.0.len() > theirs {
            let Some(parent) = name.parent() else {
                return false;
            };
            name = parent;
        }
        name == ancestor
    }

    /// Whether this name lies below `ancestor` and is not it.
    #[must_use]
    pub fn is_below(self, ancestor: Name<'_>) -> bool {
        self.0.len() > ancestor.0.len() && self.is_at_or_below(ancestor)
    }

    /// The order of names in a zone (RFC 4034 section 6.1): by label from the right, case ignored.
    #[must_use]
    pub fn canonical_cmp(self, other: Name<'_>) -> Ordering {
        let (mut mine, mut theirs) = ([0u8; 128], [0u8; 128]);
        let (a, b) = (self.label_offsets(&mut mine), other.label_offsets(&mut theirs));
        for i in 1..=a.min(b) {
            let order = label_at(self.0, mine[a - i])
                .iter()
                .map(u8::to_ascii_lowercase)
                .cmp(label_at(other.0, theirs[b - i]).iter().map(u8::to_ascii_lowercase));
            if order != Ordering::Equal {
                return order;
            }
        }
        a.cmp(&b)
    }

    /// Writes where each label starts into `offsets` and says how many there are.
    pub(crate) fn label_offsets(self, offsets: &mut [u8; 128]) -> usize {
        let (mut at, mut count) = (0usize, 0);
        while let Some(&length) = self.0.get(at) {
            if length == 0 || count == offsets.len() {
                break;
            }
            offsets[count] = at as u8;
            count += 1;
            at += 1 + usize::from(length);
        }
        count
    }

    /// An owned copy.
    #[must_use]
    pub fn to_buf(self) -> NameBuf {
        let mut buf = NameBuf { length: self.0.len() as u8, octets: [0; MAX_NAME] };
        buf.octets[..self.0.len()].copy_from_slice(self.0);
        buf
    }

    /// An owned copy with ASCII letters in lower case (RFC 4034 section 6.2).
    #[must_use]
    pub fn to_lower(self) -> NameBuf {
        let mut buf = self.to_buf();
        // Length octets are at most 63 and so never letters.
        buf.octets[..self.0.len()].make_ascii_lowercase();
        buf
    }
}

/// The label that starts at `offset`.
pub(crate) fn label_at(octets: &[u8], offset: u8) -> &[u8] {
    let start = usize::from(offset);
    let length = octets.get(start).copied().map_or(0, usize::from);
    octets.get(start + 1..start + 1 + length).unwrap_or(&[])
}

/// Eight octets with ASCII letters in lower case.
pub(crate) const fn lower(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    // The high bit of each octet says whether its lower seven are above `Z`, or `A` and above; no sum
    // carries into the next.
    let seven = word & !HIGH;
    let above = seven + (0x7f - b'Z' as u64) * EACH;
    let from = seven + (0x80 - b'A' as u64) * EACH;
    let capitals = from & !above & !word & HIGH;
    word | capitals >> 2
}

impl PartialEq<Name<'_>> for Name<'_> {
    /// Eight octets at a time: each look-up compares names, most of which are short.
    fn eq(&self, other: &Name<'_>) -> bool {
        let (mine, theirs) = (self.0, other.0);
        // Length octets are at most 63 and so never letters. Most names are asked for as they are
        // written.
        let is_same = |mine: &[u8; 8], theirs: &[u8; 8]| {
            let [mine, theirs] = [mine, theirs].map(|word| u64::from_le_bytes(*word));
            mine == theirs || lower(mine) == lower(theirs)
        };
        let (Some(last), Some(their_last)) = (mine.last_chunk(), theirs.last_chunk()) else {
            return mine.eq_ignore_ascii_case(theirs);
        };
        // The last eight reach back into the words before them.
        let mut words = mine.as_chunks().0.iter().zip(theirs.as_chunks().0);
        mine.len() == theirs.len()
            && is_same(last, their_last)
            && words.all(|(mine, theirs)| is_same(mine, theirs))
    }
}

impl Eq for Name<'_> {}

impl Hash for Name<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for octet in self.0 {
            state.write_u8(octet.to_ascii_lowercase());
        }
    }
}

impl fmt::Display for Name<'_> {
    /// Presentation format with the trailing dot and the escapes of RFC 1035 section 5.1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                        write!(f, "\\{}", char::from(octet))?;
                    }
                    0x21..=0x7e => write!(f, "{}", char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The labels of a name from the left, without the root.
#[derive(Clone, Debug)]
pub struct Labels<'a>(&'a [u8]);

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(*self.0.first()?);
        if length == 0 {
            return None;
        }
        let label = self.0.get(1..=length)?;
        self.0 = self.0.get(1 + length..)?;
        Some(label)
    }
}

/// A domain name in uncompressed wire form, owned, without the heap.
#[derive(Clone, Copy)]
pub struct NameBuf {
    length: u8,
    octets: [u8; MAX_NAME],
}

impl NameBuf {
    /// The root, `.`.
    #[must_use]
    pub const fn root() -> Self {
        Self { length: 1, octets: [0; MAX_NAME] }
    }

    /// Reads presentation format (RFC 1035 section 5.1); a name without a trailing dot is
    /// completed with `origin`, and `@` alone is the origin.
    ///
    /// # Errors
    /// Text that is no name, or is relative where `origin` is `None`.
    pub fn from_text(text: &[u8], origin: Option<Name<'_>>) -> Result<Self, NameError> {
        match text {
            b"" => return Err(NameError::Empty),
            b"." => return Ok(Self::root()),
            b"@" => return origin.map(Name::to_buf).ok_or(NameError::NoOrigin),
            _ => {}
        }
        let mut name = Self { length: 0, octets: [0; MAX_NAME] };
        // `start` is the place of the current label's length octet, `at` the next free octet.
        let (mut start, mut at) = (0usize, 1usize);
        let mut rest = text;
        let mut absolute = false;
        while let Some((&octet, tail)) = rest.split_first() {
            rest = tail;
            absolute = octet == b'.';
            if absolute {
                if at == start + 1 {
                    return Err(NameError::EmptyLabel);
                }
                name.octets[start] = (at - start - 1) as u8;
                start = at;
                at += 1;
                continue;
            }
            let value = if octet == b'\\' {
                let (value, tail) = unescape(rest).ok_or(NameError::BadEscape)?;
                rest = tail;
                value
            } else {
                octet
            };
            if at - start > MAX_LABEL {
                return Err(NameError::LabelTooLong);
            }
            // One octet has to stay free for the root.
            if at >= MAX_NAME {
                return Err(NameError::TooLong);
            }
            name.octets[at] = value;
            at += 1;
        }
        if absolute {
            if start >= MAX_NAME {
                return Err(NameError::TooLong);
            }
            name.length = (start + 1) as u8;
            return Ok(name);
        }
        name.octets[start] = (at - start - 1) as u8;
        let origin = origin.ok_or(NameError::NoOrigin)?.as_wire();
        let total = at + origin.len();
        name.octets.get_mut(at..total).ok_or(NameError::TooLong)?.copy_from_slice(origin);
        name.length = total as u8;
        Ok(name)
    }

    /// `label` put before `parent`.
    ///
    /// # Errors
    /// A label of no or more than 63 octets, or a result of more than 255.
    pub fn from_label(label: &[u8], parent: Name<'_>) -> Result<Self, NameError> {
        match label.len() {
            0 => return Err(NameError::EmptyLabel),
            1..=MAX_LABEL => {}
            _ => return Err(NameError::LabelTooLong),
        }
        let start = 1 + label.len();
        let total = start + parent.as_wire().len();
        let mut name = Self { length: total.min(MAX_NAME) as u8, octets: [0; MAX_NAME] };
        name.octets
            .get_mut(start..total)
            .ok_or(NameError::TooLong)?
            .copy_from_slice(parent.as_wire());
        name.octets[0] = label.len() as u8;
        name.octets[1..start].copy_from_slice(label);
        Ok(name)
    }

    /// `name` with its suffix `from` replaced by `to` (RFC 6672 section 2.2).
    ///
    /// # Errors
    /// [`NameError::TooLong`] when the result has more than 255 octets; [`NameError::NoOrigin`]
    /// when `name` is not below `from`.
    pub fn substitute(name: Name<'_>, from: Name<'_>, to: Name<'_>) -> Result<Self, NameError> {
        if !name.is_at_or_below(from) {
            return Err(NameError::NoOrigin);
        }
        let kept = name.as_wire().len() - from.as_wire().len();
        let total = kept + to.as_wire().len();
        let mut result = Self { length: total.min(MAX_NAME) as u8, octets: [0; MAX_NAME] };
        result.octets.get_mut(kept..total).ok_or(NameError::TooLong)?.copy_from_slice(to.as_wire());
        result.octets[..kept].copy_from_slice(&name.as_wire()[..kept]);
        Ok(result)
    }

    /// The name, borrowed.
    #[must_use]
    pub fn as_name(&self) -> Name<'_> {
        Name(&self.octets[..usize::from(self.length)])
    }

    /// Puts ASCII letters in lower case.
    pub fn make_lower(&mut self) {
        self.octets[..usize::from(self.length)].make_ascii_lowercase();
    }
}

/// What stands behind a backslash: three digits up to 255, or the character itself.
fn unescape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&first, tail) = text.split_first()?;
    if !first.is_ascii_digit() {
        return Some((first, tail));
    }
    let [a, b, c, tail @ ..] = text else {
        return None;
    };
    if !b.is_ascii_digit() || !c.is_ascii_digit() {
        return None;
    }
    let value = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
    Some((u8::try_from(value).ok()?, tail))
}

impl PartialEq for NameBuf {
    fn eq(&self, other: &Self) -> bool {
        self.as_name() == other.as_name()
    }
}

impl Eq for NameBuf {}

impl Hash for NameBuf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_name().hash(state);
    }
}

impl fmt::Display for NameBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_name().fmt(f)
    }
}

impl fmt::Debug for NameBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::str::FromStr for NameBuf {
    type Err = NameError;

    /// Reads an absolute name; a missing trailing dot is put there.
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::from_text(text.as_bytes(), Some(Name::ROOT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().unwrap()
    }

    fn refused(text: &str) -> NameError {
        text.parse::<NameBuf>().unwrap_err()
    }

    #[test]
    fn text_survives_a_round_trip() {
        for text in [".", "a.", "www.example.com.", r"a\.b.c.", r"\000\255.x.", r"a\@\;b.", "*.x."]
        {
            assert_eq!(name(text).to_string(), text);
        }
        assert_eq!(name(r"\097\b.").to_string(), "ab.");
    }

    #[test]
    fn names_are_the_same_but_for_case_whatever_their_length() {
        for length in 1..=40 {
            let one = vec![b'k'; length];
            let wire = |label: &[u8]| [&[label.len() as u8], label, &[0]].concat();
            let same = |label: &[u8]| {
                Name::from_wire(&wire(label)).unwrap() == Name::from_wire(&wire(&one)).unwrap()
            };
            assert!(same(&one));
            assert!(!same(&vec![b'k'; length + 1]));
            for at in 0..length {
                // The last two are an octet that a letter is 32 away from, and no letter.
                for (octet, is_same) in [(b'K', true), (b'x', false), (b'k' - 64, false)] {
                    let mut other = one.clone();
                    other[at] = octet;
                    assert_eq!(same(&other), is_same, "{length} {at} {octet}");
                }
            }
        }
        let odd = |octet| {
            Name::from_wire(&[8, 0, 0, 0, 0, 0, 0, 0, octet, 0]).unwrap()
                == name(r"\000\000\000\000\000\000\000[.").as_name()
        };
        assert!(odd(b'[') && !odd(b'{'), "neither is a letter");
    }

    #[test]
    fn relative_names_are_completed() {
        let origin = name("example.com.");
        let at = |text: &str| NameBuf::from_text(text.as_bytes(), Some(origin.as_name()));
        assert_eq!(at("www").unwrap(), name("www.example.com."));
        assert_eq!(at("@").unwrap(), origin);
        assert_eq!(at("www.").unwrap(), name("www."));
        assert_eq!(NameBuf::from_text(b"www", None).unwrap_err(), NameError::NoOrigin);
    }

    #[test]
    fn limits_are_exact() {
        let label = "a".repeat(63);
        // 3 × 64 + 62 + root = 255
        let longest = format!("{label}.{label}.{label}.{}.", "a".repeat(61));
        assert_eq!(name(&longest).as_name().as_wire().len(), 255);
        assert_eq!(
            refused(&format!("{label}.{label}.{label}.{}.", "a".repeat(62))),
            NameError::TooLong
        );
        assert_eq!(refused(&format!("{label}a.")), NameError::LabelTooLong);
        let relative = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert!(NameBuf::from_text(relative.as_bytes(), Some(Name::ROOT)).is_ok());
        assert_eq!(
            NameBuf::from_text(relative.as_bytes(), Some(name("b.").as_name())).unwrap_err(),
            NameError::TooLong
        );
        for text in ["a..b.", "..", ".a."] {
            assert_eq!(refused(text), NameError::EmptyLabel, "{text}");
        }
        for text in [r"a\", r"\1", r"\12", r"\256.", r"\1a2."] {
            assert_eq!(refused(text), NameError::BadEscape, "{text}");
        }
    }

    #[test]
    fn below_and_canonical_order() {
        let apex = name("Example.com.");
        assert!(name("www.eXample.COM.").as_name().is_below(apex.as_name()));
        assert!(apex.as_name().is_at_or_below(apex.as_name()));
        assert!(!apex.as_name().is_below(apex.as_name()));
        assert!(!name("wwwexample.com.").as_name().is_below(apex.as_name()));
        assert!(name("a.").as_name().is_below(Name::ROOT));
        // RFC 4034 section 6.1
        let order = [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.EXAMPLE.",
            "z.example.",
            r"\001.z.example.",
            "*.z.example.",
            r"\200.z.example.",
        ];
        for pair in order.windows(2) {
            let (a, b) = (name(pair[0]), name(pair[1]));
            assert_eq!(a.as_name().canonical_cmp(b.as_name()), Ordering::Less, "{pair:?}");
            assert_eq!(b.as_name().canonical_cmp(a.as_name()), Ordering::Greater, "{pair:?}");
        }
    }

    #[test]
    fn dname_substitution() {
        let put = |n: &str, from: &str, to: &str| {
            NameBuf::substitute(name(n).as_name(), name(from).as_name(), name(to).as_name())
        };
        assert_eq!(put("a.x.y.", "x.y.", "z.").unwrap(), name("a.z."));
        assert_eq!(put("a.x.y.", "x.y.", ".").unwrap(), name("a."));
        assert_eq!(put("a.", "b.", "c."), Err(NameError::NoOrigin));
        let long = format!("{0}.{0}.{0}.", "a".repeat(63));
        let longer = format!("{0}.x.", "b".repeat(62));
        assert_eq!(put(&longer, "x.", &long), Err(NameError::TooLong));
    }
}
