//! Checks a PAC template without running it.
//!
//! A browser that cannot use its PAC file goes direct and tells nobody. So a template with a mistake must not be
//! served. This module reads the text as a browser's scanner does, far enough to find the usual mistakes.
//! What an engine finds better is left to `engine`.

use std::collections::HashSet;

use super::{Error, Slip};

/// The most that browsers read, in bytes.
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

/// Finds what would make a browser ignore `text`, or, unless `lookups` allows it, wait for the DNS.
pub(super) fn check(text: &str, lookups: bool) -> Result<Vec<Token<'_>>, Error> {
    if text.len() > LONGEST {
        return Err(Error::TooLong);
    }
    if let Some(line) = text.lines().position(|line| !line.is_ascii()) {
        return Err(Error::NotAscii { line: line + 1 });
    }
    let tokens = Scanner { rest: text, line: 1, line_length: 0 }.tokens()?;
    if !lookups && let Some(word) = tokens.iter().find(|word| LOOKUPS.contains(&word.text)) {
        return Err(Error::Lookup { function: word.text.to_owned(), line: word.line });
    }
    let declared = |pair: &[Token<'_>]| match pair {
        [function, name] => function.text == "function" && name.text == "FindProxyForURL" && name.depth == 0,
        _ => false,
    };
    if tokens.windows(2).any(declared) { Ok(tokens) } else { Err(Error::NoFunction) }
}

/// Words that are no names.
const KEYWORDS: &[&str] = &[
    "arguments",
    "async",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "get",
    "if",
    "in",
    "instanceof",
    "let",
    "new",
    "null",
    "of",
    "return",
    "set",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// Words before a parenthesis that holds no parameters, although a brace follows it.
const CONDITIONS: &[&str] = &["if", "for", "while", "switch", "with"];

/// Names that are used and that nothing declares: neither the file, as far as this can tell, nor what is `known`. Whatever
/// could be a declaration is taken for one, so that nobody is told of what is right.
pub(super) fn undeclared(tokens: &[Token<'_>], known: &[&str]) -> Vec<Slip> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let is_name = |at: usize| tokens.get(at).is_some_and(Token::is_name) && !KEYWORDS.contains(&text(at));
    let mut declared: HashSet<&str> = known.iter().copied().collect();
    for at in 0..tokens.len() {
        let before = if at == 0 { "" } else { text(at - 1) };
        let next = text(at + 1);
        match text(at) {
            // Whatever is said of a name that may not be there is said by somebody who knows.
            "function" | "class" | "typeof" => drop(declared.insert(next)),
            "var" | "let" | "const" => declared.extend(declarators(tokens, at)),
            "(" if !CONDITIONS.contains(&before) => {
                let end = partner_of(tokens, at);
                if text(end + 1) == "{" || (text(end + 1) == "=" && text(end + 2) == ">") {
                    declared.extend((at..end).map(text));
                }
            }
            name if next == "=" && text(at + 2) != "=" && before != "." => drop(declared.insert(name)),
            _ => {}
        }
    }
    let is_used = |at: &usize| is_name(*at) && text(at + 1) != ":" && (*at == 0 || text(at - 1) != ".");
    let mut seen = HashSet::new();
    let used = (0..tokens.len()).filter(is_used).filter(|at| !declared.contains(text(*at)) && seen.insert(text(*at)));
    let slip = |token: &Token<'_>| {
        let message = format!("nothing declares `{}`: where that is reached, browsers go direct", token.text);
        Slip { line: token.line, column: token.column, message }
    };
    used.filter_map(|at| tokens.get(at)).map(slip).collect()
}

/// What the statement declares that begins with `var`, `let` or `const` at `at`.
fn declarators<'t, 'a>(tokens: &'t [Token<'a>], at: usize) -> impl Iterator<Item = &'a str> + 't {
    let depth = tokens.get(at).map_or(0, |token| token.depth);
    let rest = tokens.iter().skip(at + 1).take_while(move |token| token.depth >= depth && !";".contains(token.text));
    let mut before = ",";
    rest.filter_map(move |token| {
        // Directly behind the word or a comma; or anywhere in a pattern, which begins there.
        let is_declared = matches!(before, "," | "{" | "[" | ":" | ".");
        before = token.text;
        (is_declared && token.is_name()).then_some(token.text)
    })
}

/// Where the bracket at `at` is closed.
fn partner_of(tokens: &[Token<'_>], at: usize) -> usize {
    let depth = tokens.get(at).map_or(0, |token| token.depth);
    let inside = tokens.iter().skip(at + 1).take_while(|token| token.depth > depth).count();
    at + 1 + inside
}

/// A word (an identifier, a number or a keyword), a sign, or a quotation mark for a string or regular expression.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) line: usize,
    pub(super) column: usize,
    /// How many brackets are open around it.
    depth: usize,
}

impl Token<'_> {
    fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| is_word(c) && !c.is_ascii_digit())
    }
}

struct Scanner<'a> {
    rest: &'a str,
    line: usize,
    /// Characters of this line that have been read.
    line_length: usize,
}

impl<'a> Scanner<'a> {
    /// All that is outside of comments, strings and regular expressions. Every bracket must have its matching one.
    fn tokens(mut self) -> Result<Vec<Token<'a>>, Error> {
        let mut tokens = Vec::new();
        let mut open: Vec<(char, usize)> = Vec::new();
        // Whether a slash is a division: it is one after a value; elsewhere it begins a regular expression.
        let mut after_value = false;
        while let Some(next) = self.rest.chars().next() {
            let (line, column, depth) = (self.line, self.line_length + 1, open.len());
            let mut push = |text: &'a str, depth: usize| tokens.push(Token { text, line, column, depth });
            match next {
                '/' if self.rest.starts_with("//") => self.skip_line(),
                '/' if self.rest.starts_with("/*") => self.skip_comment()?,
                '"' | '\'' | '`' => {
                    self.skip_quoted(next)?;
                    push("\"", depth);
                    after_value = true;
                }
                '/' if !after_value => {
                    self.skip_regex()?;
                    push("\"", depth);
                    after_value = true;
                }
                '(' | '[' | '{' => {
                    open.push((next, line));
                    push(self.sign(), depth);
                    after_value = false;
                }
                ')' | ']' | '}' => {
                    if open.pop().map(|(bracket, _)| partner(bracket)) != Some(next) {
                        return Err(Error::Unbalanced { line });
                    }
                    push(self.sign(), depth - 1);
                    after_value = next != '}';
                }
                _ if is_word(next) => {
                    let text = self.word();
                    after_value = !matches!(text, "return" | "typeof" | "case" | "in" | "else" | "void" | "delete");
                    push(text, depth);
                }
                _ if next.is_whitespace() => drop(self.advance()),
                _ => {
                    push(self.sign(), depth);
                    after_value = false;
                }
            }
        }
        match open.pop() {
            Some((_, line)) => Err(Error::Unbalanced { line }),
            None => Ok(tokens),
        }
    }

    /// One character.
    fn sign(&mut self) -> &'a str {
        let whole = self.rest;
        self.advance();
        whole.strip_suffix(self.rest).unwrap_or_default()
    }

    fn advance(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        self.line += usize::from(next == '\n');
        self.line_length = if next == '\n' { 0 } else { self.line_length + 1 };
        Some(next)
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.line_length += word.len();
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
        self.line_length = match comment.rsplit_once('\n') {
            Some((_, last)) => last.len() + 2,
            None => self.line_length + comment.len() + 2,
        };
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
            assert_eq!(check(&text, false).map(drop), outcome, "{}", text.chars().take(80).collect::<String>());
        }
        assert_eq!(check(&format!("{good}\nvar a = dnsResolve('a');"), true).map(drop), Ok(()));
    }
}
