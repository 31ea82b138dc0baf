//! Reads filters, and the paths of PATCH operations (RFC 7644 §3.4.2.2, §3.5.2).
//!
//! Two forms go beyond the grammar, because Entra sends them: `emails[type eq "work"].value eq "a@b.c"`, and the same
//! without `.value`.

use serde_json::{Number, Value};

use super::{Comparison, Filter, Operator, boolean};
use crate::scim::error::{Error, ScimType};
use crate::scim::path::{AttributePath, Named, Unknown};
use crate::scim::schema::{Definition, Resource};

/// The longest filter or path, in bytes.
pub(super) const MAX_LENGTH: usize = 8 * 1024;

/// How deeply brackets may be nested.
pub(super) const MAX_DEPTH: usize = 16;

/// How many attributes one filter may ask about.
pub(super) const MAX_TERMS: usize = 256;

/// What a PATCH operation is about.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scim) struct PatchPath {
    /// The attribute, or a part of it.
    pub(in crate::scim) path: AttributePath,
    /// Which of its values are meant; all, if nothing is said.
    pub(in crate::scim) which: Option<Filter>,
}

/// Where names are looked up.
#[derive(Clone, Copy)]
enum Scope {
    /// Among the attributes of a resource.
    Resource(Resource),
    /// Among the parts of an attribute.
    Parts(&'static Definition),
}

struct Parser<'t> {
    rest: &'t str,
    /// The kind of a mistake here.
    kind: ScimType,
    depth: usize,
    terms: usize,
}

pub(super) fn filter(text: &str, resource: Resource) -> Result<Filter, Error> {
    let mut parser = Parser::new(text, ScimType::InvalidFilter)?;
    let filter = parser.either(Scope::Resource(resource))?;
    parser.end()?;
    Ok(filter)
}

/// Reads the path of a PATCH operation. A path that names a whole schema gives that in the inner error's place.
pub(in crate::scim) fn patch_path(text: &str, resource: Resource) -> Result<Result<PatchPath, Named>, PathError> {
    let mut parser = Parser::new(text, ScimType::InvalidPath).map_err(PathError::Wrong)?;
    parser.spaces();
    let name = parser.word();
    let path = match Named::look_up(resource, name) {
        Ok(Named::Attribute(path)) => path,
        Ok(whole) if parser.rest.trim().is_empty() => return Ok(Err(whole)),
        Ok(_) => return Err(PathError::Wrong(parser.wrong("a schema has no values to choose from"))),
        // An extension grows by what a client maps to it. A slip in our own schema is told.
        Err(Unknown::Schema(_) | Unknown::Extension(_)) => return Err(PathError::Foreign),
        Err(unknown) => return Err(PathError::Wrong(parser.wrong(&unknown.to_string()))),
    };
    parser.chosen(path).map(Ok).map_err(PathError::Wrong)
}

/// Why a path leads nowhere.
#[derive(Debug, PartialEq)]
pub(in crate::scim) enum PathError {
    /// It is about an attribute that is not kept here, of another schema or of an extension.
    Foreign,
    /// It cannot be read, or names no attribute.
    Wrong(Error),
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, kind: ScimType) -> Result<Self, Error> {
        if text.len() > MAX_LENGTH {
            let what = if kind == ScimType::InvalidFilter { "filter" } else { "path" };
            return Err(Error::mistake(kind, format!("the {what} is longer than {MAX_LENGTH} bytes")));
        }
        Ok(Self { rest: text, kind, depth: 0, terms: 0 })
    }

    /// What stands behind an attribute in a path: a filter in brackets, and a part of what it chooses.
    fn chosen(&mut self, path: AttributePath) -> Result<PatchPath, Error> {
        if !self.take("[") {
            self.end()?;
            return Ok(PatchPath { path, which: None });
        }
        if path.part.is_some() || path.attribute.parts().is_empty() {
            return Err(self.wrong(&format!("`{}` has no parts to choose by", path.attribute.name)));
        }
        let which = self.nested(Scope::Parts(path.attribute), "]")?;
        let part = if self.take(".") { Some(self.part_of(path.attribute)?) } else { None };
        self.end()?;
        Ok(PatchPath { path: AttributePath { part, ..path }, which: Some(which) })
    }

    fn either(&mut self, scope: Scope) -> Result<Filter, Error> {
        let mut any = vec![self.both(scope)?];
        while self.keyword("or") {
            any.push(self.both(scope)?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Filter::Or(any) })
    }

    fn both(&mut self, scope: Scope) -> Result<Filter, Error> {
        let mut all = vec![self.one(scope)?];
        while self.keyword("and") {
            all.push(self.one(scope)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::And(all) })
    }

    fn one(&mut self, scope: Scope) -> Result<Filter, Error> {
        self.spaces();
        if self.take("(") {
            return self.nested(scope, ")");
        }
        let name = self.word();
        if name.eq_ignore_ascii_case("not") {
            self.spaces();
            if !self.take("(") {
                return Err(self.wrong("behind `not` stands `(`"));
            }
            return Ok(Filter::Not(Box::new(self.nested(scope, ")")?)));
        }
        let path = self.look_up(scope, name)?;
        if self.take("[") { self.values(path) } else { self.asked(path) }
    }

    /// A filter on the values of an attribute, behind its bracket.
    fn values(&mut self, path: AttributePath) -> Result<Filter, Error> {
        if path.part.is_some() || path.attribute.parts().is_empty() {
            return Err(self.wrong(&format!("`{}` has no parts to choose by", path.attribute.name)));
        }
        let inner = self.nested(Scope::Parts(path.attribute), "]")?;
        let part = if self.take(".") { Some(self.part_of(path.attribute)?) } else { None };
        let before = self.rest;
        let is_asked = part.is_some() || {
            self.spaces();
            let next = self.word();
            self.rest = before;
            next.eq_ignore_ascii_case("pr") || operator(next).is_some()
        };
        if !is_asked {
            return Ok(Filter::Values(path, Box::new(inner)));
        }
        let part = part.or_else(|| path.attribute.part("value"));
        let part = part.ok_or_else(|| self.wrong(&format!("`{}` has parts and no value", path.attribute.name)))?;
        let asked = self.asked(AttributePath { extension: None, attribute: part, part: None })?;
        Ok(Filter::Values(path, Box::new(Filter::And(vec![inner, asked]))))
    }

    /// An operator, and what the attribute is compared with.
    fn asked(&mut self, path: AttributePath) -> Result<Filter, Error> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.wrong(&format!("it asks about more than {MAX_TERMS} attributes")));
        }
        self.spaces();
        let word = self.word();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(path));
        }
        let operator = operator(word).ok_or_else(|| {
            self.wrong(&format!(
                "behind `{}` stands an operator (eq ne co sw ew pr gt ge lt le), not `{word}`",
                path.attribute.name
            ))
        })?;
        let literal = self.literal()?;
        Comparison::new(path, operator, &literal)
            .map(Filter::Compare)
            .map_err(|error| Error { kind: Some(self.kind), ..error })
    }

    fn nested(&mut self, scope: Scope, close: &str) -> Result<Filter, Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong(&format!("brackets are nested more than {MAX_DEPTH} deep")));
        }
        let inner = self.either(scope)?;
        self.spaces();
        if !self.take(close) {
            return Err(self.wrong(&format!("`{close}` is missing")));
        }
        self.depth -= 1;
        Ok(inner)
    }

    fn look_up(&self, scope: Scope, name: &str) -> Result<AttributePath, Error> {
        match scope {
            Scope::Resource(resource) => match Named::look_up(resource, name) {
                Ok(Named::Attribute(path)) => Ok(path),
                Ok(_) => Err(self.wrong(&format!("`{name}` is a schema: name one of its attributes"))),
                Err(unknown) => Err(self.wrong(&unknown.to_string())),
            },
            Scope::Parts(attribute) => AttributePath::within(attribute, name)
                .ok_or_else(|| self.wrong(&format!("`{}` has no part `{name}`", attribute.name))),
        }
    }

    fn part_of(&mut self, attribute: &'static Definition) -> Result<&'static Definition, Error> {
        let name = self.word();
        attribute.part(name).ok_or_else(|| self.wrong(&format!("`{}` has no part `{name}`", attribute.name)))
    }

    fn literal(&mut self) -> Result<Value, Error> {
        self.spaces();
        if self.rest.starts_with('"') {
            let text = self.quoted().ok_or_else(|| self.wrong("a text has no end, or a `\\` in it means nothing"))?;
            return Ok(Value::String(text));
        }
        let word = self.word();
        match word {
            _ if word.eq_ignore_ascii_case("null") => Ok(Value::Null),
            _ => boolean(word)
                .map(Value::Bool)
                .or_else(|| serde_json::from_str::<Number>(word).ok().map(Value::Number))
                .ok_or_else(|| self.wrong("texts stand in double quotes, as in JSON")),
        }
    }

    /// A text in quotes, as JSON writes it.
    fn quoted(&mut self) -> Option<String> {
        let mut is_escaped = true;
        let end = self.rest.char_indices().find_map(|(at, c)| {
            let ends = c == '"' && !is_escaped;
            // The first quote begins the text.
            is_escaped = c == '\\' && !is_escaped;
            ends.then_some(at + 1)
        })?;
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        serde_json::from_str(text).ok()
    }

    /// The next name, operator or number. It may be empty.
    fn word(&mut self) -> &'t str {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, ':' | '.' | '_' | '-' | '$' | '+');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        word
    }

    /// Takes the next word if it is this one.
    fn keyword(&mut self, keyword: &str) -> bool {
        let before = self.rest;
        self.spaces();
        let is_it = self.word().eq_ignore_ascii_case(keyword);
        if !is_it {
            self.rest = before;
        }
        is_it
    }

    fn take(&mut self, sign: &str) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn end(&mut self) -> Result<(), Error> {
        self.spaces();
        if self.rest.is_empty() { Ok(()) } else { Err(self.wrong("it goes on where it should end")) }
    }

    /// A mistake, with a little of what stands where it was noticed.
    fn wrong(&self, why: &str) -> Error {
        let what = if self.kind == ScimType::InvalidFilter { "filter" } else { "path" };
        let here: String = self.rest.chars().take(40).collect();
        let place = if here.is_empty() { "at its end".to_owned() } else { format!("before `{here}`") };
        Error::mistake(self.kind, format!("the {what} cannot be used, {place}: {why}"))
    }
}

fn operator(word: &str) -> Option<Operator> {
    let all = [
        ("eq", Operator::Equal),
        ("ne", Operator::NotEqual),
        ("co", Operator::Contains),
        ("sw", Operator::StartsWith),
        ("ew", Operator::EndsWith),
        ("gt", Operator::Greater),
        ("ge", Operator::GreaterOrEqual),
        ("lt", Operator::Less),
        ("le", Operator::LessOrEqual),
    ];
    all.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, operator)| operator)
}
