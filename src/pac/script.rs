//! What can be known about a PAC template without running it.
//!
//! A browser that can't use its PAC file goes direct, without a word. So a template with a slip in it must not be
//! served. This reads the text as a browser's scanner would, far enough to find the slips that people make.

use super::Error;

/// Browsers read no more than this.
const LONGEST: usize = 1 << 20;

/// Functions of the PAC environment that ask the DNS.
const LOOKUPS: &[&str] = &[
    "dnsResolve",
    "dnsResolveEx",
    "isResolvable",
    "isResolvableEx",
    "isInNet",
    "isInNetEx",
    "myIpAddress",
    "myIpAddressEx",
];

/// Finds what would make a browser ignore `text`, or (unless `lookups`) wait for the DNS.
pub(super) fn check(text: &str, lookups: bool) -> Result<(), Error> {
    if text.len() > LONGEST {
        return Err(Error::TooLong);
    }
    if let Some(line) = text.lines().position(|line| !line.is_ascii()) {
        return Err(Error::NotAscii { line: line + 1 });
    }
    let words = Scanner { rest: text, line: 1 }.words()?;
    if !lookups && let Some(word) = words.iter().find(|word| LOOKUPS.contains(&word.text)) {
        return Err(Error::Lookup { function: word.text.to_owned(), line: word.line });
    }
    let declared = |pair: &[Word<'_>]| match pair {
        [function, name] => function.text == "function" && name.text == "FindProxyForURL" && name.depth == 0,
        _ => false,
    };
    if words.windows(2).any(declared) { Ok(()) } else { Err(Error::NoFunction) }
}

/// An identifier, a number or a keyword.
struct Word<'a> {
    text: &'a str,
    line: usize,
    /// How many brackets are open around it.
    depth: usize,
}

struct Scanner<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Scanner<'a> {
    /// All words outside of comments, strings and regular expressions. Every bracket must have its partner.
    fn words(mut self) -> Result<Vec<Word<'a>>, Error> {
        let mut words = Vec::new();
        let mut open: Vec<(char, usize)> = Vec::new();
        // Whether a slash would divide: it does after a value, and begins a regular expression elsewhere.
        let mut after_value = false;
        while let Some(next) = self.rest.chars().next() {
            let line = self.line;
            match next {
                '/' if self.rest.starts_with("//") => self.skip_line(),
                '/' if self.rest.starts_with("/*") => self.skip_comment()?,
                '"' | '\'' | '`' => {
                    self.skip_quoted(next)?;
                    after_value = true;
                }
                '/' if !after_value => {
                    self.skip_regex()?;
                    after_value = true;
                }
                '(' | '[' | '{' => {
                    open.push((next, line));
                    self.advance();
                    after_value = false;
                }
                ')' | ']' | '}' => {
                    if open.pop().map(|(bracket, _)| partner(bracket)) != Some(next) {
                        return Err(Error::Unbalanced { line });
                    }
                    self.advance();
                    after_value = next != '}';
                }
                _ if is_word(next) => {
                    let text = self.word();
                    after_value = !matches!(text, "return" | "typeof" | "case" | "in" | "else" | "void" | "delete");
                    words.push(Word { text, line, depth: open.len() });
                }
                _ => {
                    self.advance();
                    after_value &= next.is_whitespace();
                }
            }
        }
        match open.pop() {
            Some((_, line)) => Err(Error::Unbalanced { line }),
            None => Ok(words),
        }
    }

    fn advance(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        self.line += usize::from(next == '\n');
        Some(next)
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn skip_line(&mut self) {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.rest = self.rest.split_at(end).1;
    }

    fn skip_comment(&mut self) -> Result<(), Error> {
        let line = self.line;
        let (comment, rest) = self.rest.split_once("*/").ok_or(Error::Unclosed { line })?;
        self.line += comment.matches('\n').count();
        self.rest = rest;
        Ok(())
    }

    fn skip_quoted(&mut self, quote: char) -> Result<(), Error> {
        let line = self.line;
        self.advance();
        while let Some(next) = self.advance() {
            match next {
                '\\' => drop(self.advance()),
                '\n' if quote != '`' => break,
                _ if next == quote => return Ok(()),
                _ => {}
            }
        }
        Err(Error::Unclosed { line })
    }

    fn skip_regex(&mut self) -> Result<(), Error> {
        let line = self.line;
        let mut in_class = false;
        self.advance();
        while let Some(next) = self.advance() {
            match next {
                '\\' => drop(self.advance()),
                '\n' => break,
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => {
                    self.word(); // its flags
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(Error::Unclosed { line })
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$'
}

fn partner(bracket: char) -> char {
    match bracket {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_that_would_make_browsers_go_direct_are_found() {
        let good = "function FindProxyForURL(url, host) { return vestibule.proxy; }";
        for (text, outcome) in [
            (good.to_owned(), Ok(())),
            (format!("/* ( */ // ]\n{good}"), Ok(())),
            (format!("var a = '(', b = \"\\\"{{\", c = /[/(]\\)/g, d = 1 / 2 / 3;\n{good}"), Ok(())),
            ("const FindProxyForURL = (url, host) => 'DIRECT';".into(), Err(Error::NoFunction)),
            (format!("(function () {{ {good} }})();"), Err(Error::NoFunction)),
            (format!("// {good}"), Err(Error::NoFunction)),
            (String::new(), Err(Error::NoFunction)),
            ("<html>Not found</html>".into(), Err(Error::Unclosed { line: 1 })),
            (format!("\n{good}}}"), Err(Error::Unbalanced { line: 2 })),
            (format!("{good}\n(\n"), Err(Error::Unbalanced { line: 2 })),
            (format!("{good}\nvar a = [1, 2);"), Err(Error::Unbalanced { line: 2 })),
            (format!("{good}\nvar a = \"b;\n"), Err(Error::Unclosed { line: 2 })),
            (format!("{good}\n/* never ends"), Err(Error::Unclosed { line: 2 })),
            (format!("{good}\n// Zürich"), Err(Error::NotAscii { line: 2 })),
            (
                format!("{good}\nvar a = dnsResolve('a');"),
                Err(Error::Lookup { function: "dnsResolve".into(), line: 2 }),
            ),
            (format!("{good}{}", " ".repeat(LONGEST)), Err(Error::TooLong)),
        ] {
            assert_eq!(check(&text, false), outcome, "{}", text.chars().take(80).collect::<String>());
        }
        assert_eq!(check(&format!("{good}\nvar a = dnsResolve('a');"), true), Ok(()));
    }
}
