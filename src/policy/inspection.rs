//! What a rule says of TLS: whether connections are intercepted, and what becomes of those that cannot be.

use std::fmt;

use serde::Deserialize;

/// What one rule says of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Whether it is intercepted; none where the rule does not say.
    pub intercept: Option<bool>,
    /// Faults of the origin's certificate that are accepted.
    pub accept: Faults,
    /// What becomes of a connection whose origin asks for a certificate of the client.
    pub client_certificate: Option<Otherwise>,
    /// What becomes of a connection that cannot be read.
    pub unreadable: Option<Otherwise>,
    /// Whether the rule names destinations.
    pub(super) names_hosts: bool,
}

/// What becomes of a connection that is to be intercepted and cannot be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// It is tunnelled, unread.
    Tunnel,
    /// It is refused.
    #[default]
    Refuse,
}

/// What can be wrong with an origin's certificate, and be accepted by a rule. That it was revoked cannot: its key may be in
/// somebody else's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// It is another host's.
    WrongName,
    /// Nobody whom we trust has issued it; also a self-signed one.
    UnknownIssuer,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Expired, Self::NotYetValid, Self::WrongName, Self::UnknownIssuer];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongName => "wrong-name",
            Self::UnknownIssuer => "unknown-issuer",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Expired => 1,
            Self::NotYetValid => 2,
            Self::WrongName => 4,
            Self::UnknownIssuer => 8,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of faults.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "Vec<Fault>")]
pub struct Faults(u8);

impl Faults {
    /// None.
    pub const NONE: Self = Self(0);

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this one is among them.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & fault.bit() != 0
    }

    /// These and those.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(move |fault| self.has(*fault))
    }
}

impl From<Vec<Fault>> for Faults {
    fn from(all: Vec<Fault>) -> Self {
        all.into_iter().collect()
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<I: IntoIterator<Item = Fault>>(all: I) -> Self {
        Self(all.into_iter().fold(0, |bits, fault| bits | fault.bit()))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Fault::as_str)).finish()
    }
}

impl Inspection {
    /// Whether the rule says anything of TLS.
    pub fn is_empty(&self) -> bool {
        self.intercept.is_none()
            && self.accept.is_empty()
            && self.client_certificate.is_none()
            && self.unreadable.is_none()
    }

    /// What it takes: that somebody is intercepted.
    pub(super) fn in_doubt(self) -> Self {
        Self { intercept: self.intercept.filter(|own| *own), names_hosts: self.names_hosts, ..Self::default() }
    }

    /// Whether all that it does is to spare somebody something.
    pub(super) fn only_gives(&self) -> bool {
        !self.is_empty() && self.intercept != Some(true)
    }
}

/// Whether a connection is intercepted that is subject to these, in their order: the first one counts that says something. The
/// hosts that sign-in needs (`in_garden`) are intercepted only by a rule that names destinations: whose device does not trust
/// the authority could not sign in any more.
pub(super) fn intercepts<'a>(all: impl Iterator<Item = &'a Inspection>, in_garden: bool) -> bool {
    let counts = |own: &&Inspection| !in_garden || own.names_hosts || own.intercept == Some(false);
    all.filter(counts).find_map(|own| own.intercept).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_faults_holds_what_it_was_made_of() {
        #[derive(Deserialize)]
        struct Written {
            accept: Faults,
        }
        let read = |text: &str| toml::from_str::<Written>(text).map(|written| written.accept);
        let some = read("accept = ['expired', 'wrong-name', 'expired']").unwrap();
        assert_eq!(some.iter().collect::<Vec<_>>(), [Fault::Expired, Fault::WrongName]);
        assert_eq!(format!("{some:?}"), "{\"expired\", \"wrong-name\"}");
        assert!(some.has(Fault::Expired) && !some.has(Fault::UnknownIssuer) && !some.is_empty());
        assert_eq!(Fault::ALL.into_iter().collect::<Faults>().iter().count(), 4);
        assert!(read("accept = ['revoked']").is_err());
    }

    #[test]
    fn the_first_rule_that_says_something_counts_and_sign_in_is_spared_by_those_that_name_no_host() {
        let own = |intercept, names_hosts| Inspection { intercept, names_hosts, ..Inspection::default() };
        let decide = |all: &[Inspection], in_garden| intercepts(all.iter(), in_garden);
        let (yes, no, named) = (own(Some(true), false), own(Some(false), false), own(Some(true), true));
        assert!(!decide(&[], false) && !decide(&[own(None, true)], false));
        assert!(decide(&[own(None, false), yes, no], false) && !decide(&[no, yes], false));
        assert!(!decide(&[yes], true) && decide(&[yes, named, no], true) && !decide(&[no, named], true));
    }

    /// What may be wrong with a certificate, and what is not looked into, is never decided by a list that nobody has read; the
    /// privacy of sites that may be on one is, for whoever is known.
    #[test]
    fn a_list_that_was_never_read_accepts_nothing_and_keeps_nobody_from_signing_in() {
        use super::super::{Access, Passes, Policy, Proof, Question, Store, Subject, Verdict, Way};
        use crate::clock::SignedDuration;
        use crate::identity::{Networks, Surrogate, User};
        use crate::wire::{Destination, RequestKind, Scheme};
        let networks = Networks::new(&[]);
        let network = networks.of("192.0.2.7".parse().unwrap());
        let destination = Destination::of_authority(Scheme::Https, "a.test").unwrap().into();
        let access = Access::Connect(RequestKind::SubResource);
        let user = User { id: "1".into(), ..User::named("contoso", "eve") };
        let eve = Subject::Somebody {
            user: &user,
            surrogate: Surrogate::ClientAddress,
            proven: SignedDuration::ZERO,
            passes: Passes::NONE,
            way: Way::AsWanted,
        };
        let decide = |says: &str, subject| {
            let all = "[[standing]]\nname = 'all'\nintercept = true\n";
            let text = format!("[[standing]]\nname = 'unread'\nlists = ['unread']\n{says}\n{all}");
            let policy = Policy::new(&toml::from_str(&text).unwrap(), &[], []);
            policy.decide(&Question::plain(subject, network, &destination, access, Store::Known))
        };
        for says in ["accept = ['expired', 'unknown-issuer']", "unreadable = 'tunnel'\nclient_certificate = 'tunnel'"] {
            let Verdict::Permit(permit) = decide(says, eve) else { panic!("{says}") };
            assert!(permit.lane().accept.is_empty(), "{says}");
            assert_eq!(permit.on_unreadable(), Otherwise::Refuse, "{says}");
            assert_eq!(permit.on_client_certificate(), Otherwise::Refuse, "{says}");
        }
        let Verdict::Permit(permit) = decide("intercept = false", eve) else { panic!() };
        assert_eq!(permit.manner(), super::super::Manner::Tunnel);
        // Whose groups are not known is intercepted by a rule about a group, and is given nothing by it.
        let staff = |says: &str| {
            let text = format!("[[standing]]\nname = 'staff'\ngroups = ['staff']\n{says}\n");
            let realm = crate::identity::Realm { name: "contoso".into(), ..crate::identity::Realm::default() };
            let policy = Policy::new(&toml::from_str(&text).unwrap(), &[realm], []);
            match policy.decide(&Question::plain(eve, network, &destination, access, Store::Known)) {
                Verdict::Permit(permit) => permit,
                other => panic!("{other:?}"),
            }
        };
        let permit = staff("intercept = true\naccept = ['expired']\nunreadable = 'tunnel'");
        assert_eq!(permit.manner(), super::super::Manner::Intercept);
        assert!(permit.lane().accept.is_empty() && permit.on_unreadable() == Otherwise::Refuse);
        assert!(staff("accept = ['expired']\nlimit = { connections = 5 }").lane().accept.is_empty());
        let asked = decide("intercept = false", Subject::Nobody);
        assert!(matches!(&asked, Verdict::Ask(ask) if ask.proof == Proof::SignIn), "{asked:?}");
    }
}
