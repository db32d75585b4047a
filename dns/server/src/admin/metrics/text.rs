//! The text format of Prometheus, version 0.0.4.
//!
//! It is three kinds of lines, and what is written is counted elsewhere, by threads that must not
//! know of metrics: a library would bring counters of its own and be used for these lines alone.

use std::fmt::{Display, Write as _};

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows; its name gets `_total`.
    Counter,
    /// Comes and goes.
    Gauge,
    /// How many were how large.
    Histogram,
}

/// A page of metrics.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// The lines of one metric.
#[derive(Debug)]
pub(super) struct Family<'t> {
    text: &'t mut String,
    name: String,
}

impl Text {
    /// Begins a metric, which is not there yet.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) -> Family<'_> {
        let (kind, ending) = match kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
            Kind::Histogram => ("histogram", ""),
        };
        let name = format!("{name}{ending}");
        let text = &mut self.0;
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { text, name }
    }

    /// The page.
    pub(super) fn end(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// Writes a number.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.line("", labels, None, value);
        self
    }

    /// Writes a histogram: bounds with the numbers of those up to them, and count and sum of all.
    pub(super) fn histogram(
        &mut self,
        labels: &[(&str, &str)],
        steps: &[(f64, u64)],
        (count, sum): (u64, f64),
    ) {
        for (bound, up_to) in steps {
            self.line("_bucket", labels, Some(("le", &bound.to_string())), up_to);
        }
        self.line("_bucket", labels, Some(("le", "+Inf")), count);
        self.line("_sum", labels, None, sum);
        self.line("_count", labels, None, count);
    }

    fn line(
        &mut self,
        ending: &str,
        labels: &[(&str, &str)],
        extra: Option<(&str, &str)>,
        value: impl Display,
    ) {
        let text = &mut *self.text;
        let _ = write!(text, "{}{ending}", self.name);
        let mut opening = '{';
        for (name, value) in labels.iter().copied().chain(extra) {
            let _ = write!(text, "{opening}{name}=\"");
            escape(value, text);
            text.push('"');
            opening = ',';
        }
        if opening == ',' {
            text.push('}');
        }
        let _ = writeln!(text, " {value}");
    }
}

fn escape(value: &str, out: &mut String) {
    for letter in value.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_as_the_format_has_it() {
        let mut text = Text::default();
        text.family("a", Kind::Counter, "Help.")
            .sample(&[], 1)
            .sample(&[("x", "a\"b\\c\nd"), ("y", "z")], 2.5);
        text.family("h", Kind::Histogram, "Help.").histogram(
            &[("r", "s")],
            &[(0.5, 1), (2.0, 3)],
            (4, 9.25),
        );
        let expected = "\
# HELP a_total Help.
# TYPE a_total counter
a_total 1
a_total{x=\"a\\\"b\\\\c\\nd\",y=\"z\"} 2.5
# HELP h Help.
# TYPE h histogram
h_bucket{r=\"s\",le=\"0.5\"} 1
h_bucket{r=\"s\",le=\"2\"} 3
h_bucket{r=\"s\",le=\"+Inf\"} 4
h_sum{r=\"s\"} 9.25
h_count{r=\"s\"} 4
";
        assert_eq!(text.end(), expected);
    }
}
