//! `$ORIGIN`, `$TTL`, `$INCLUDE` and `$GENERATE`.

use super::reader::{Reader, Source};
use crate::rdata::{self, RdataFault, Word, Words, quoted};

impl Reader<'_> {
    /// Obeys the directive that `word` names.
    pub(super) fn directive(
        &mut self,
        word: Word<'_>,
        words: &mut Words<'_>,
        source: Source,
    ) -> Result<(), RdataFault> {
        if word.is("$ORIGIN") {
            let name = words.need_plain("the new origin")?;
            let origin = rdata::text_name(&name, Some(self.origin()))?;
            end(words)?;
            self.origin = origin;
            return Ok(());
        }
        if word.is("$TTL") {
            let period = words.need_plain("the TTL")?;
            let seconds = rdata::period(&period)?;
            end(words)?;
            self.ttl.default = Some(self.limit(seconds, &period, words, source));
            return Ok(());
        }
        if word.is("$INCLUDE") {
            return self.include(words, source);
        }
        if word.is("$GENERATE") {
            return self.generate(word.at, words, source);
        }
        let message = format!("{} is no directive", quoted(word.text));
        Err(RdataFault::new("unknown-directive", word.at, message).help(
            "the directives are $ORIGIN, $TTL, $INCLUDE and $GENERATE; write `\\$` where the \
             owner starts with a dollar sign",
        ))
    }
}

/// A directive ends here.
pub(super) fn end(words: &mut Words<'_>) -> Result<(), RdataFault> {
    match words.next()? {
        None => Ok(()),
        Some(extra) => {
            let message = format!("{} is more than the directive takes", quoted(extra.text));
            Err(RdataFault::new("extra-data", extra.at, message))
        }
    }
}
