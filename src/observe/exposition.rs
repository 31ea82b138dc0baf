//! Writes the text that Prometheus reads (its exposition format, version 0.0.4).

use std::fmt::{Display, Write as _};

/// The value of `Content-Type` for it.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The type of a family of metrics.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A number that only grows.
    Counter,
    /// A number that grows and shrinks.
    Gauge,
    /// Observations, counted by size.
    Histogram,
}

/// Families of samples, in the order in which they are given.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// Begins a family, to which the samples that follow belong.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.family = name;
        // Writing into a string does not fail.
        writeln!(self.text, "# HELP {name} {}\n# TYPE {name} {kind}", escaped(help, false)).ok();
    }

    /// Writes one sample, under the family's name with `suffix`.
    pub fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.family);
        self.text.push_str(suffix);
        for (at, (name, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            write!(self.text, "{before}{name}=\"{}\"", escaped(value, true)).ok();
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        writeln!(self.text, " {value}").ok();
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }
}

fn escaped(text: &str, in_quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if in_quotes { text.replace('"', "\\\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stand_under_their_family_with_what_labels_say_escaped() {
        let mut exposition = Exposition::default();
        exposition.family("a_total", Kind::Counter, "What \\ is\ncounted.");
        exposition.sample("", &[], 1);
        exposition.sample("_x", &[("realm", "a\"b\\c\nd"), ("outcome", "é")], 2.5);
        let text = "# HELP a_total What \\\\ is\\ncounted.\n# TYPE a_total counter\na_total 1\n\
                    a_total_x{realm=\"a\\\"b\\\\c\\nd\",outcome=\"é\"} 2.5\n";
        assert_eq!(exposition.into_text(), text);
    }
}
