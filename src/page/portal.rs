//! The portal's pages for people who have signed in, have signed out, or could not sign in.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::page::html::Forms;
use crate::page::{Locale, Nav, Trouble, page};

/// Who is signed in, since when, until when, and where.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// What the person is called.
    pub name: String,
    /// The account, as records show it.
    pub account: String,
    /// When they signed in.
    pub since: Timestamp,
    /// When they must sign in again.
    pub until: Timestamp,
    /// Hours and minutes until then, if that is soon.
    pub left: Option<(i64, i64)>,
    /// The zone in which times are written.
    pub time_zone: TimeZone,
    /// Whether it is somebody without an account.
    pub guest: bool,
    /// Where they are signed in, this device first.
    pub devices: Vec<Device>,
    /// How many more devices there are than are listed.
    pub more: usize,
    /// How many tools are signed in with tokens.
    pub tools: usize,
    /// A line above the rest.
    pub note: Option<LandingNote>,
    /// Where they were going.
    pub onward: Option<Onward>,
    /// The other pages.
    pub nav: Nav,
    /// The token that shows that a form came from this page.
    pub csrf: String,
    /// The origins of the identity providers, where signing out leads.
    pub identity_providers: Vec<String>,
}

page!(SignedIn, "signed_in.html", |page| match page.identity_providers.as_slice() {
    [] => Forms::Own,
    idps => Forms::OwnAnd(idps),
});

/// One browser on which a person is signed in.
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
    /// What the button sends that signs the person out there.
    pub end: String,
}

/// Where to go next.
#[derive(Clone, Debug)]
pub struct Onward {
    /// The link.
    pub href: String,
    /// The host that people know it by.
    pub place: String,
}

/// A line on the page of somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LandingNote {
    /// They came back to a sign-in that is done.
    WelcomeBack,
    /// They signed in with a tile at the identity provider.
    Unsolicited,
    /// Their return token has expired.
    Expired,
    /// Their return token was made for another client address.
    OtherClient,
    /// They signed in as somebody else than they typed.
    OtherPerson {
        /// What they typed.
        typed: String,
        /// Who they are.
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

/// Somebody has signed in whose browser was looking for a portal: the page that they want waits in another tab.
#[derive(Clone, Debug)]
pub struct Connected {
    /// What the person is called; nothing for a guest.
    pub name: Option<String>,
}

page!(Connected, "connected.html", |_| Forms::None);

/// The person has signed out.
#[derive(Clone, Copy, Debug)]
pub struct SignedOut {
    /// It was a guest.
    pub guest: bool,
    /// On all devices, not on this one alone.
    pub everywhere: bool,
    /// And at the identity provider?
    pub elsewhere: Elsewhere,
    /// How far it holds.
    pub reach: Reach,
}

/// How far the end of a session holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reach {
    /// Everywhere.
    #[default]
    Everywhere,
    /// On this node; others follow.
    Here,
    /// On this node, until it stops.
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

/// Whether somebody who has signed out here has signed out at the identity provider, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Elsewhere {
    /// It was not asked.
    NotAsked,
    /// It says so.
    Confirmed,
    /// It was asked, and does not say so.
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
    /// What.
    pub trouble: Trouble,
    /// What the identity provider said, in its own words.
    pub said: Option<String>,
    /// Where to start again.
    pub again: String,
    /// The request's name, for the help desk.
    pub request_id: String,
}

page!(SignInFailure, "sign_in_failure.html", |_| Forms::None);
