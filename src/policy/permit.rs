//! Leave to reach a destination, which whoever dials uses up.

use std::sync::Arc;

use super::inspection::{self, Inspection, Otherwise};
use super::terms::Terms;
use super::{Access, Lane, Question};
use crate::wire::{Destination, RequestKind};

/// Leave to reach one destination in one manner, once. Nothing is dialled without one, and nowhere else than it says:
/// `egress` takes it by value and is told nothing else. It is made by [`Policy::decide`](super::Policy::decide), and by
/// [`Permit::own`] for what the program fetches for itself.
///
/// Nobody else can make one:
///
/// ```compile_fail,E0451
/// # use vestibule::policy::{Lane, Permit};
/// fn forge(permit: Permit) -> Permit {
///     Permit { lane: Lane::default(), ..permit }
/// }
/// ```
///
/// It is used up:
///
/// ```
/// # use vestibule::{egress::Dialler, policy::Permit};
/// async fn once(dialler: &Dialler, permit: Permit) {
///     drop(dialler.dial(permit, None).await);
/// }
/// ```
///
/// Nobody can use one twice:
///
/// ```compile_fail,E0382
/// # use vestibule::{egress::Dialler, policy::Permit};
/// async fn twice(dialler: &Dialler, permit: Permit) {
///     drop(dialler.dial(permit, None).await);
///     drop(dialler.dial(permit, None).await);
/// }
/// ```
#[derive(Debug)]
pub struct Permit {
    destination: Arc<Destination>,
    manner: Manner,
    lane: Lane,
    is_monitored: bool,
    is_overridden: bool,
    finishes: bool,
    rule: Arc<str>,
    basis: Basis,
    /// Those of standing rules first.
    terms: Vec<Arc<Terms>>,
}

/// What a rule gives besides leave.
#[derive(Clone, Debug, Default)]
pub(super) struct Grant {
    pub(super) lane: Lane,
    pub(super) is_monitored: bool,
    /// Whether it is there only because somebody has overridden a block.
    pub(super) is_overridden: bool,
    pub(super) finishes: bool,
    pub(super) terms: Option<Arc<Terms>>,
}

/// What a permit is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// A request is forwarded.
    Forward,
    /// The question of a CORS preflight is forwarded, and nothing beside it.
    Preflight,
    /// Octets are moved, unread.
    Tunnel,
    /// TLS is ended here, and each request inside is decided for itself.
    Intercept,
    /// It is found out whether anybody is there.
    Look,
    /// We ask for something ourselves.
    Own(Purpose),
}

/// What we ask for ourselves, at addresses that the operator wrote down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The metadata of an identity provider.
    Metadata,
    /// A list of destinations.
    List,
    /// To tell the operator's service that somebody asks for a review of a refusal.
    Review,
    /// The people and groups of a tenant, and the token with which they are read.
    Directory,
    /// The signals of a transmitter, its keys and its configuration.
    Signals,
    /// To have a scanner look at what passes. The only one that may be on this machine.
    Scan,
}

impl Purpose {
    /// The word that stands in the place of a rule.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::List => "list",
            Self::Review => "review",
            Self::Directory => "directory",
            Self::Signals => "signals",
            Self::Scan => "scan",
        }
    }
}

/// What a permit was given on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// Whoever asks may reach it.
    Right,
    /// Somebody would have had to sign in, and it was given although nobody has.
    Exception,
}

impl Permit {
    /// Leave for what was asked.
    pub(super) fn new(question: &Question<'_>, rule: &Arc<str>, grant: Grant, basis: Basis) -> Self {
        let manner = match question.access {
            // Whoever dresses another request as a preflight gets no way around sign-in by that.
            Access::Request(RequestKind::Preflight) if basis == Basis::Exception => Manner::Preflight,
            Access::Request(_) => Manner::Forward,
            Access::Connect(_) => Manner::Tunnel,
            Access::Look => Manner::Look,
        };
        let Grant { lane, is_monitored, is_overridden, finishes, terms } = grant;
        let (destination, rule) = (Arc::clone(question.destination), Arc::clone(rule));
        let terms = terms.into_iter().collect();
        Self { destination, manner, lane, is_monitored, is_overridden, finishes, rule, basis, terms }
    }

    /// Leave for a request of our own. The address may be private: the operator knows.
    pub fn own(purpose: Purpose, destination: Arc<Destination>) -> Self {
        let lane = Lane { private: true, ..Lane::default() };
        let (manner, rule, basis) = (Manner::Own(purpose), purpose.as_str().into(), Basis::Right);
        let terms = Vec::new();
        Self {
            destination,
            manner,
            lane,
            is_monitored: false,
            is_overridden: false,
            finishes: false,
            rule,
            basis,
            terms,
        }
    }

    /// Subjects what is permitted to the terms of standing rules, too. They come before those of its own rule.
    pub(super) fn subject_to<'a>(&mut self, terms: impl Iterator<Item = &'a Arc<Terms>>) {
        let own = std::mem::take(&mut self.terms);
        self.terms.extend(terms.cloned());
        self.terms.extend(own);
    }

    /// Settles what its terms say of TLS. `in_garden`: whether it is there for what sign-in needs.
    pub(super) fn settle(&mut self, in_garden: bool) {
        self.lane.accept = self.inspections().fold(self.lane.accept, |all, own| all.and(own.accept));
        if self.manner == Manner::Tunnel && inspection::intercepts(self.inspections(), in_garden) {
            self.manner = Manner::Intercept;
        }
    }

    fn inspections(&self) -> impl Iterator<Item = &Inspection> {
        self.terms.iter().map(|terms| &terms.inspection)
    }

    /// What becomes of the connection instead of an interception if its origin asks for a certificate of the client.
    pub fn on_client_certificate(&self) -> Otherwise {
        self.inspections().find_map(|own| own.client_certificate).unwrap_or_default()
    }

    /// What becomes of it if it cannot be read.
    pub fn on_unreadable(&self) -> Otherwise {
        self.inspections().find_map(|own| own.unreadable).unwrap_or_default()
    }

    /// Has what was to be intercepted, and cannot be, tunnelled. It stays the same permit: whoever has looked at the origin with
    /// it has given it back.
    pub fn leave_unread(&mut self) {
        if self.manner == Manner::Intercept {
            self.manner = Manner::Tunnel;
        }
    }

    /// Where it leads.
    pub fn destination(&self) -> &Arc<Destination> {
        &self.destination
    }

    /// What it is good for.
    pub fn manner(&self) -> Manner {
        self.manner
    }

    /// The rule that gave it.
    pub fn rule(&self) -> &Arc<str> {
        &self.rule
    }

    /// On which conditions the destination is reached. A connection that was opened on others does not serve it.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Whether the rule says that its record is to be watched for.
    pub fn is_monitored(&self) -> bool {
        self.is_monitored
    }

    /// Whether the rule blocks, and whoever asks has overridden that.
    pub fn is_overridden(&self) -> bool {
        self.is_overridden
    }

    /// Whether what is open by it may finish when the hours of the rule have ended.
    pub fn finishes(&self) -> bool {
        self.finishes
    }

    /// Whether somebody would have had to sign in, and it was given although nobody has.
    pub fn is_exception(&self) -> bool {
        self.basis == Basis::Exception
    }

    /// The scanners that look at what is permitted, in this order. The rule that decides has the first word, and after it the
    /// first standing rule that says anything of scanners. None where nothing is looked at.
    pub fn scan(&self) -> Option<Arc<[Arc<str>]>> {
        if self.terms.is_empty() {
            return None;
        }
        let own = self.terms.iter().find(|terms| terms.rule == self.rule).and_then(|terms| terms.scan.as_ref());
        let said = own.or_else(|| self.terms.iter().find_map(|terms| terms.scan.as_ref()))?;
        (!said.is_empty()).then(|| Arc::clone(said))
    }

    /// What is permitted is subject to these, in this order.
    pub fn terms(&self) -> &[Arc<Terms>] {
        &self.terms
    }

    /// Where a connection belongs that it has opened. The permit is used up by that.
    pub fn into_place(self) -> (Arc<Destination>, Lane) {
        (self.destination, self.lane)
    }
}
