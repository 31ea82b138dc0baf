//! What a request is subject to that is let through: fields that are set or removed in it, limits, and scanners.

use std::sync::Arc;

use super::headers::Headers;
use super::inspection::Inspection;
use super::limit::Limit;

/// What one rule subjects a request to. A rule that decides has terms for what it lets through; a standing rule has them
/// for whatever is let through, by whichever rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The rule.
    pub rule: Arc<str>,
    /// The fields that it sets and removes, where a request is seen.
    pub headers: Headers,
    /// What it limits.
    pub limit: Option<Limit>,
    /// What it says of TLS.
    pub inspection: Inspection,
    /// The scanners that look at what passes; none where the rule does not say, and no scanner where it spares that.
    pub scan: Option<Arc<[Arc<str>]>>,
}

impl Terms {
    /// The terms of a rule; none where it has none.
    pub(super) fn of(
        rule: &Arc<str>,
        headers: &Headers,
        limit: Option<&Limit>,
        inspection: Inspection,
        scan: Option<&[String]>,
    ) -> Option<Arc<Self>> {
        let is_any = !headers.is_empty() || limit.is_some() || !inspection.is_empty() || scan.is_some();
        let (rule, limit) = (Arc::clone(rule), limit.copied());
        let scan = scan.map(|names| names.iter().map(|name| name.as_str().into()).collect());
        is_any.then(|| Arc::new(Self { rule, headers: headers.clone(), limit, inspection, scan }))
    }
}

/// What is changed about the fields of one request. Of several rules that name a field, the first one counts.
#[derive(Clone, Copy, Debug)]
pub struct FieldChanges<'a>(&'a [Arc<Terms>]);

impl<'a> FieldChanges<'a> {
    /// No change.
    pub const NONE: FieldChanges<'static> = FieldChanges(&[]);

    /// What these terms change.
    pub fn of(terms: &'a [Arc<Terms>]) -> Self {
        Self(terms)
    }

    /// Whether nothing is changed.
    pub fn is_empty(self) -> bool {
        self.0.iter().all(|terms| terms.headers.is_empty())
    }

    /// Whether the client's own field of this name is left out.
    pub fn names(self, name: &[u8]) -> bool {
        self.0.iter().any(|terms| terms.headers.names(name))
    }

    /// The fields that are set: names and values.
    pub fn set(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.0.iter().enumerate().flat_map(|(at, terms)| terms.headers.set().map(move |field| (at, field)));
        all.filter(move |(at, (name, _))| {
            !self.0.iter().take(*at).any(|earlier| earlier.headers.names(name.as_bytes()))
        })
        .map(|(_, field)| field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_rules_that_name_a_field_the_first_one_counts() {
        let terms = |text: &str| {
            let headers = toml::from_str(text).unwrap();
            Terms::of(&"it".into(), &headers, None, Inspection::default(), None).unwrap()
        };
        let all = [
            terms("set = { X-A = 'first', X-B = 'b' }"),
            terms("set = { x-a = 'second', X-C = 'c' }\nremove = ['X-D']"),
            terms("set = { X-D = 'd' }\nremove = ['X-C', 'X-E']"),
        ];
        let changes = FieldChanges::of(&all);
        let set: Vec<_> = changes.set().collect();
        assert_eq!(set, [("X-A", "first"), ("X-B", "b"), ("X-C", "c")]);
        for (name, is_named) in [("x-a", true), ("X-E", true), ("X-d", true), ("X-F", false)] {
            assert_eq!(changes.names(name.as_bytes()), is_named, "{name}");
        }
        assert!(FieldChanges::NONE.is_empty() && !changes.is_empty());
    }

    #[test]
    fn the_rule_that_decides_has_the_first_word_about_scanners_and_then_the_first_standing_rule() {
        use crate::policy::{Access, Policy, Question, Store, Subject, Verdict};
        use crate::wire::{Destination, RequestKind, Scheme};
        let text = "[[rule]]\nname = 'own'\ndestinations = ['own.test']\neffect = 'allow'\nscan = ['b']\nauthenticate = false\n\
            [[rule]]\nname = 'spared'\ndestinations = ['spared.test']\neffect = 'allow'\nscan = []\nauthenticate = false\n\
            [[rule]]\nname = 'others'\neffect = 'allow'\nauthenticate = false\n\
            [[standing]]\nname = 'pictures'\ndestinations = ['pictures.test']\nscan = []\n\
            [[standing]]\nname = 'all'\nscan = ['a', 'c']\n[[standing]]\nname = 'late'\nscan = ['d']\n";
        let networks = crate::identity::Networks::new(&[]);
        let network = networks.of("192.0.2.7".parse().unwrap());
        let scan = |policy: &Policy, host: &str| {
            let destination = Destination::of_authority(Scheme::Http, host).unwrap().into();
            let access = Access::Request(RequestKind::Navigation);
            let question = Question::plain(Subject::Nobody, network, &destination, access, Store::Known);
            let Verdict::Permit(permit) = policy.decide(&question) else { panic!("{host}") };
            permit.scan().map(|names| names.join(" "))
        };
        let policy = Policy::new(&toml::from_str(text).unwrap(), &[], []);
        for (host, wanted) in
            [("own.test", Some("b")), ("spared.test", None), ("pictures.test", None), ("other.test", Some("a c"))]
        {
            assert_eq!(scan(&policy, host).as_deref(), wanted, "{host}");
        }
        let none = text.split("[[standing]]").next().unwrap();
        let policy = Policy::new(&toml::from_str(none).unwrap(), &[], []);
        assert_eq!((scan(&policy, "other.test"), scan(&policy, "own.test").as_deref()), (None, Some("b")));
        // Whether somebody is meant who is spared is not known: nobody is.
        let doubt = none.to_owned()
            + "[[standing]]\nname = 'unread'\nlists = ['unread']\nscan = []\n[[standing]]\nname = 'all'\nscan = ['a']\n";
        let policy = Policy::new(&toml::from_str(&doubt).unwrap(), &[], []);
        assert_eq!(scan(&policy, "other.test").as_deref(), Some("a"));
    }
}
