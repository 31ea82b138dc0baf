//! The portal's pages for people who have signed in, have signed out, or could not sign in.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::page::html::Forms;
use crate::page::{Locale, Nav, Trouble, page};

/// Who is signed in, since when, until when, and where.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The person's display name.
    pub name: String,
    /// The account, as access records show it.
    pub account: String,
    /// When they signed in.
    pub since: Timestamp,
    /// When they must sign in again.
    pub until: Timestamp,
    /// Hours and minutes until `until`, if that is soon.
    pub left: Option<(i64, i64)>,
    /// The time zone in which the page writes times.
    pub time_zone: TimeZone,
    /// Whether the person is a guest.
    pub guest: bool,
    /// The browsers in which they are signed in, this one first.
    pub devices: Vec<Device>,
    /// The number of further browsers that are not listed.
    pub more: usize,
    /// The number of tools that are signed in with tokens.
    pub tools: usize,
    /// A notice at the top of the page.
    pub note: Option<LandingNote>,
    /// The page that they were about to visit.
    pub onward: Option<Onward>,
    /// The other pages.
    pub nav: Nav,
    /// The token that shows that a form came from this page.
    pub csrf: String,
    /// The origins of the identity providers that a sign-out may lead to.
    pub identity_providers: Vec<String>,
}

page!(SignedIn, "signed_in.html", |page| match page.identity_providers.as_slice() {
    [] => Forms::Own,
    idps => Forms::OwnAnd(idps),
});

/// One browser in which a person is signed in.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its `User-Agent`.
    pub user_agent: String,
    /// The client address at sign-in.
    pub client: String,
    /// When the person signed in there.
    pub since: Timestamp,
    /// Whether it is the browser that shows the page.
    pub here: bool,
    /// The value that the button sends to sign the person out there.
    pub end: String,
}

/// Where to go next.
#[derive(Clone, Debug)]
pub struct Onward {
    /// The link.
    pub href: String,
    /// Its host, as people read it.
    pub place: String,
}

/// A notice on the page of a person who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LandingNote {
    /// They came back to a sign-in that is already complete.
    WelcomeBack,
    /// They signed in from the list of applications at the identity provider.
    Unsolicited,
    /// Their return token has expired.
    Expired,
    /// Their return token was made for another client address.
    OtherClient,
    /// They signed in with another account than the one they typed.
    OtherPerson {
        /// The name that they typed.
        typed: String,
        /// The name that the identity provider asserts.
        asserted: String,
    },
}

impl LandingNote {
    fn sentence(&self, t: &Locale) -> String {
        match self {
            Self::WelcomeBack => t.say("note-welcome-back"),
            Self::Unsolicited => t.say("note-unsolicited"),
            Self::Expired => t.say("note-expired-signed-in"),
            Self::OtherClient => t.say("note-other-client"),
            Self::OtherPerson { typed, asserted } => {
                t.with_all("note-other-person", &[("typed", typed), ("asserted", asserted)])
            }
        }
    }

    fn is_warning(&self) -> bool {
        matches!(self, Self::OtherPerson { .. })
    }
}

/// A person has signed in whose browser had found the portal by itself: the page that they want waits in another tab.
#[derive(Clone, Debug)]
pub struct Connected {
    /// The person's display name; empty for a guest.
    pub name: Option<String>,
}

page!(Connected, "connected.html", |_| Forms::None);

/// The person has signed out.
#[derive(Clone, Copy, Debug)]
pub struct SignedOut {
    /// Whether the person was a guest.
    pub guest: bool,
    /// Whether they signed out on all devices, and not on this one alone.
    pub everywhere: bool,
    /// Whether they are signed out at the identity provider.
    pub elsewhere: Elsewhere,
    /// How far the sign-out reaches.
    pub reach: Reach,
}

/// How far the end of a session reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reach {
    /// Everywhere.
    #[default]
    Everywhere,
    /// This node; the other nodes follow.
    Here,
    /// This node, and only until it stops.
    Fleeting,
}

impl Reach {
    fn key(self) -> Option<&'static str> {
        match self {
            Self::Everywhere => None,
            Self::Here => Some("signed-out-here"),
            Self::Fleeting => Some("signed-out-fleetingly"),
        }
    }
}

/// Whether a person who has signed out here is signed out at the identity provider, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Elsewhere {
    /// It was not asked.
    NotAsked,
    /// It confirmed the sign-out.
    Confirmed,
    /// It was asked, and did not confirm the sign-out.
    Unconfirmed,
}

impl Elsewhere {
    fn key(self) -> &'static str {
        match self {
            Self::NotAsked => "signed-out-provider",
            Self::Confirmed => "signed-out-provider-too",
            Self::Unconfirmed => "signed-out-provider-unconfirmed",
        }
    }
}

page!(SignedOut, "signed_out.html", |_| Forms::None);

/// Something in the portal did not work.
#[derive(Clone, Debug)]
pub struct SignInFailure {
    /// What did not work.
    pub trouble: Trouble,
    /// The identity provider's own message.
    pub said: Option<String>,
    /// Where to start again.
    pub again: String,
    /// The request ID, for the help desk.
    pub request_id: String,
}

page!(SignInFailure, "sign_in_failure.html", |_| Forms::None);
