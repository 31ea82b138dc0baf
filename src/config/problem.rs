//! What is wrong with the configuration, and where: printed as a compiler prints it.

use std::fmt;
use std::ops::Range;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One sentence.
    pub message: String,
    /// What to do about it, most likely first.
    pub help: Vec<String>,
    /// Where it is; `None` if it concerns the file as a whole.
    pub place: Option<Place>,
}

/// A place in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The line; of a very long one, what stands around the place.
    pub text: String,
    /// How many characters of `text` stand before the place.
    pub indent: usize,
    /// Characters from `column` on that are meant.
    pub width: usize,
    /// The file, where it is another one than that of all the others.
    pub file: Option<String>,
}

/// Characters of a line that are shown.
const LONGEST: usize = 160;

/// All problems of one file, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The file, as it was named.
    pub file: String,
    /// At least one.
    pub list: Vec<Problem>,
    /// What is good, and may not be meant or not go well for long.
    pub warnings: Vec<Problem>,
}

impl Place {
    /// The place of `span` in `text`.
    pub fn of(text: &str, span: &Range<usize>) -> Self {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let (before, after) = text.split_at(start);
        let begun = before.rfind('\n').map_or(0, |newline| newline + 1);
        let head = before.split_at(begun).1;
        let tail = after.split('\n').next().unwrap_or("").trim_end_matches('\r');
        let inside = tail.char_indices().take_while(|(at, _)| start + at < span.end).count();
        let column = head.chars().count() + 1;
        let (line, shown) = match is_inside_a_secret(before.split_at(begun).0) {
            true => ("***".to_owned(), 0),
            false => without_secrets(&format!("{head}{tail}"), column - 1),
        };
        // A certificate in one line would fill the screen.
        let cut = (shown + 1).saturating_sub(LONGEST / 2);
        let text: String = line.chars().skip(cut).take(LONGEST).collect();
        let indent = shown.saturating_sub(cut);
        let rest = text.chars().count().saturating_sub(indent);
        let width = inside.clamp(1, rest.max(1)).min((LONGEST - indent).max(1));
        Self { line: before.matches('\n').count() + 1, column, text, indent, width, file: None }
    }
}

/// Ends of the keys whose values nobody must see, whatever is wrong with them.
const SECRET: [&str; 5] = ["password", "secret", "secrets", "token", "webhook"];

/// Whether what follows belongs to a secret that has begun in an earlier line: in a list, or in a text of several lines.
fn is_inside_a_secret(before: &str) -> bool {
    // The mark that ends the text, and how many lists are open; and whether it is a secret.
    let (mut text, mut open, mut is_secret) = (None, 0, false);
    for line in before.lines() {
        if let Some(mark) = text {
            text = Some(mark).filter(|mark: &&str| !line.contains(*mark));
        } else if open > 0 {
            open += depth(line);
        } else if let Some((key, value)) = line.split_once('=') {
            let key = key.trim().trim_matches(['"', '\'']).to_lowercase();
            is_secret = SECRET.iter().any(|secret| key.ends_with(secret));
            let begins = |mark: &&str| value.trim().starts_with(*mark) && value.matches(*mark).count() == 1;
            text = ["\"\"\"", "'''"].into_iter().find(begins);
            open = if text.is_none() && value.trim().starts_with('[') { depth(value) } else { 0 };
        }
    }
    is_secret && (text.is_some() || open > 0)
}

/// How many more lists a line opens than it closes.
fn depth(line: &str) -> i32 {
    let (mut quote, mut depth) = (None, 0);
    for c in line.chars() {
        match (quote, c) {
            (Some(own), c) if own == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    depth
}

/// The line with `***` in the place of each secret, and where the character that was at `at` is by then.
fn without_secrets(line: &str, at: usize) -> (String, usize) {
    let chars: Vec<char> = line.chars().collect();
    let (mut out, mut shown, mut from) = (String::new(), None, 0);
    let mut show = |out: &mut String, range: Range<usize>, hidden: bool| {
        if shown.is_none() && range.contains(&at) {
            shown = Some(out.chars().count() + if hidden { 0 } else { at - range.start });
        }
        match hidden {
            true => out.push_str("***"),
            false => out.extend(chars.get(range).unwrap_or_default()),
        }
    };
    while let Some(hidden) = next_secret(&chars, from) {
        show(&mut out, from..hidden.start, false);
        show(&mut out, hidden.clone(), true);
        from = hidden.end;
    }
    show(&mut out, from..chars.len(), false);
    let end = out.chars().count();
    (out, shown.unwrap_or(end))
}

/// The next value after `from` that is a secret, without its quotes.
fn next_secret(chars: &[char], from: usize) -> Option<Range<usize>> {
    let at = |index: usize| chars.get(index).copied();
    let skip = |mut index: usize, is: &dyn Fn(char) -> bool| {
        while at(index).is_some_and(is) {
            index += 1;
        }
        index
    };
    let is_space = |c: char| c == ' ' || c == '\t';
    for equals in (from..chars.len()).filter(|index| at(*index) == Some('=')) {
        let key: String = chars.get(from..equals).unwrap_or_default().iter().collect::<String>().to_ascii_lowercase();
        let key = key.trim_end_matches([' ', '\t', '"', '\'']);
        if !SECRET.iter().any(|secret| key.ends_with(secret)) {
            continue;
        }
        let begin = skip(equals + 1, &is_space);
        // What a reference names is no secret.
        if at(begin) == Some('{') {
            continue;
        }
        let range = match at(begin) {
            Some(quote @ ('"' | '\'')) => {
                // Three of them begin a text of several lines; two are an empty one.
                let quotes = skip(begin, &|c| c == quote) - begin;
                if quotes == 2 {
                    continue;
                }
                let begin = begin + if quotes >= 3 { 3 } else { 1 };
                let mut end = begin;
                while let Some(c) = at(end).filter(|c| *c != quote) {
                    end += if c == '\\' && quote == '"' { 2 } else { 1 };
                }
                begin..end.min(chars.len())
            }
            Some('[') => begin + 1..skip(begin + 1, &|c| c != ']'),
            _ => begin..skip(begin, &|c| !is_space(c) && !matches!(c, ',' | '}' | ']')),
        };
        if !range.is_empty() {
            return Some(range);
        }
    }
    None
}

impl Problems {
    /// The problems as text, in colours if `colours`.
    pub fn render(&self, colours: bool) -> String {
        let paint = Paint::new(colours);
        let mut out = String::new();
        for problem in &self.list {
            problem.render(&self.file, ("error", paint.red), &paint, &mut out);
        }
        out.push_str(&warnings_as_text(&self.file, &self.warnings, colours));
        let Paint { red, end, .. } = paint;
        let count = match self.list.len() {
            1 => "1 problem".to_owned(),
            more => format!("{more} problems"),
        };
        out.push_str(&format!("{red}error{end}: {count} in {}\n", self.file));
        out
    }
}

/// Warnings about `file` as text, in colours if `colours`.
pub fn warnings_as_text(file: &str, warnings: &[Problem], colours: bool) -> String {
    let (paint, mut out) = (Paint::new(colours), String::new());
    for warning in warnings {
        warning.render(file, ("warning", paint.yellow), &paint, &mut out);
    }
    out
}

struct Paint {
    red: &'static str,
    yellow: &'static str,
    blue: &'static str,
    end: &'static str,
}

impl Paint {
    fn new(colours: bool) -> Self {
        match colours {
            true => Self { red: "\x1b[1;31m", yellow: "\x1b[1;33m", blue: "\x1b[1;34m", end: "\x1b[0m" },
            false => Self { red: "", yellow: "", blue: "", end: "" },
        }
    }
}

impl Problem {
    /// The file that it is in, where `file` is the one that was named.
    pub fn file<'p>(&'p self, file: &'p str) -> &'p str {
        self.place.as_ref().and_then(|place| place.file.as_deref()).unwrap_or(file)
    }

    fn render(&self, file: &str, (kind, colour): (&str, &str), paint: &Paint, out: &mut String) {
        let Paint { blue, end, .. } = paint;
        out.push_str(&format!("{colour}{kind}{end}: {}\n", self.message));
        let mut margin = String::from(" ");
        match &self.place {
            None => out.push_str(&format!(" {blue}-->{end} {file}\n")),
            Some(Place { line, column, text, indent, width, .. }) => {
                let file = self.file(file);
                let number = line.to_string();
                margin = " ".repeat(number.len());
                // Tabs stay tabs, so that the marks stand below what they mean.
                let indent: String = text.chars().take(*indent).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
                out.push_str(&format!("{margin}{blue}-->{end} {file}:{line}:{column}\n"));
                out.push_str(&format!("{margin} {blue}|{end}\n"));
                out.push_str(&format!("{blue}{number} |{end} {text}\n"));
                out.push_str(&format!("{margin} {blue}|{end} {indent}{colour}{}{end}\n", "^".repeat(*width)));
            }
        }
        for help in &self.help {
            out.push_str(&format!("{margin} {blue}={end} help: {help}\n"));
        }
        out.push('\n');
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_and_ends_with_its_line() {
        let text = "a = 1\n\tü = \"x\"\nlast";
        for (span, line, column, width, whole) in [
            (0..1, 1, 1, 1, "a = 1"),
            (12..15, 2, 6, 3, "\tü = \"x\""),
            (7..19, 2, 2, 7, "\tü = \"x\""),
            (99..99, 3, 5, 1, "last"),
            (16..16, 3, 1, 1, "last"),
        ] {
            let place = Place::of(text, &span);
            assert_eq!((place.line, place.column, place.width, place.text.as_str()), (line, column, width, whole));
        }
        assert_eq!(Place::of("", &(0..0)).line, 1);
        let long = format!("a = \"{}b{}\"", "x".repeat(500), "y".repeat(500));
        let place = Place::of(&long, &(505..900));
        assert_eq!(
            (place.column, place.text.chars().count(), place.text.chars().nth(place.indent)),
            (506, 160, Some('b'))
        );
        assert!(place.indent + place.width <= 160);
    }

    #[test]
    fn no_line_that_is_shown_has_a_secret_in_it() {
        for (line, at, shown, place) in [
            ("password = \"hunter2\"", 11, "password = \"***\"", 11),
            ("password = 'hun\"ter2'", 15, "password = '***'", 12),
            (
                "  override = { password = 'hunter2', for = '1x' }",
                43,
                "  override = { password = '***', for = '1x' }",
                39,
            ),
            ("client_secret=\"a\\\"b\" # x = 1", 0, "client_secret=\"***\" # x = 1", 0),
            ("token = hunter2", 8, "token = ***", 8),
            ("password = 12345678, x", 21, "password = ***, x", 16),
            ("other_secrets = [\"one\", \"two\"] # x", 2, "other_secrets = [***] # x", 2),
            ("secret = { file = \"x\" }", 9, "secret = { file = \"x\" }", 9),
            ("password = \"hunter2", 11, "password = \"***", 11),
            ("review = { webhook = \"\", token = \"s3cret\" }", 0, "review = { webhook = \"\", token = \"***\" }", 0),
            ("name = \"the password\"", 7, "name = \"the password\"", 7),
        ] {
            assert_eq!(without_secrets(line, at), (shown.to_owned(), place), "{line}");
        }
    }

    #[test]
    fn nor_has_a_line_inside_a_secret_of_several_lines() {
        let text =
            "other_secrets = [\n  \"one]\",\n  7,\n]\ntoken = \"\"\"\nab=c\n\"\"\"\nnames = [\n  \"shown\",\n]\n";
        for (part, shown) in
            [("one]", "***"), ("7,", "***"), ("ab=c", "***"), ("shown", "  \"shown\","), ("names", "names = [")]
        {
            let at = text.find(part).unwrap();
            assert_eq!(Place::of(text, &(at..at + 1)).text, shown, "{part}");
        }
    }

    #[test]
    fn problems_are_printed_as_a_compiler_prints_them() {
        let text = "[portal]\n\tlisen = 1\n";
        let problems = Problems {
            file: "a.toml".into(),
            list: vec![
                Problem {
                    message: "unknown key `lisen`".into(),
                    help: vec!["did you mean `listen`?".into()],
                    place: Some(Place::of(text, &(10..15))),
                },
                Problem { message: "`[[listener]]` is missing".into(), help: vec![], place: None },
            ],
            warnings: vec![Problem { message: "it is late".into(), help: vec![], place: None }],
        };
        let wanted = "\
error: unknown key `lisen`
 --> a.toml:2:2
  |
2 | \tlisen = 1
  | \t^^^^^
  = help: did you mean `listen`?

error: `[[listener]]` is missing
 --> a.toml

warning: it is late
 --> a.toml

error: 2 problems in a.toml
";
        assert_eq!(problems.to_string(), wanted);
        assert!(problems.render(true).contains("\x1b[1;31merror\x1b[0m: unknown"));
    }
}
