//! `policy = "policy.toml"`: the `[policy]` section in a file of its own, read as if it stood at the end of the first one.

use std::path::{Path, PathBuf};

use toml::Table;

use super::problem::{Place, Problem};
use super::tree::{Node, Step, Tree};

/// Two files as one text.
#[derive(Clone, Debug)]
pub(super) struct Joined {
    /// The text.
    pub(super) text: String,
    /// The second file.
    pub(super) file: PathBuf,
    /// Lines of the first one.
    lines: usize,
}

impl Joined {
    /// The text of a file and of the one that it names as `policy`; none where it names none.
    pub(super) fn read(text: &str, folder: &Path) -> Result<Option<Self>, Box<Problem>> {
        let (tree, _) = Tree::parse(text);
        let Some((span, Node::Text(named))) = tree.find(&[Step::from("policy")]) else { return Ok(None) };
        let file = folder.join(named);
        let place = Some(Place::of(text, &span));
        let wrong = |message: String| Box::new(Problem { message, help: vec![], place: place.clone() });
        let policy = std::fs::read_to_string(&file)
            .map_err(|error| wrong(format!("`{}` cannot be read: {error}", file.display())))?;
        if let Ok(table) = policy.parse::<Table>()
            && let Some(other) =
                table.keys().map(String::as_str).chain(table.is_empty().then_some("")).find(|key| *key != "policy")
        {
            let message = match other {
                "" => format!("`{}` has no `[policy]`", file.display()),
                key => format!("`{}` holds `{key}`, and nothing but `[policy]` belongs there", file.display()),
            };
            return Err(wrong(message));
        }
        // What names the file becomes a comment, so that every other place stays where it is.
        let begun = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let (before, line) = text.split_at_checked(begun).unwrap_or((text, ""));
        let indent = line.len() - line.trim_start().len();
        let rest = line.get(indent + 1..).filter(|_| line.trim_start().starts_with("policy"));
        let Some(rest) = rest else { return Err(wrong("write `policy = …` in a line of its own".to_owned())) };
        let mut joined = format!("{before}{}#{rest}", line.get(..indent).unwrap_or_default());
        if !joined.ends_with('\n') {
            joined.push('\n');
        }
        let lines = joined.matches('\n').count();
        joined.push_str(&policy);
        Ok(Some(Self { text: joined, file, lines }))
    }

    /// What a line of the text is called in its file.
    pub(super) fn line(&self, line: usize) -> usize {
        if line > self.lines { line - self.lines } else { line }
    }

    /// Says of a problem in which of the two files it is, and where.
    pub(super) fn locate(&self, problem: &mut Problem) {
        if let Some(place) = problem.place.as_mut().filter(|place| place.line > self.lines) {
            place.line -= self.lines;
            place.file = Some(self.file.display().to_string());
        }
    }
}
