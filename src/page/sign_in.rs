//! The logon page.

use crate::identity::logon_name;
use crate::page::html::Forms;
use crate::page::{Locale, page};

/// The logon page: one field for the name of the account.
#[derive(Clone, Debug, Default)]
pub struct Logon {
    /// The name that was typed before.
    pub account: String,
    /// What is wrong with that name.
    pub mistake: Option<Mistake>,
    /// A notice above the form.
    pub note: Option<Note>,
    /// The host that the person was about to visit.
    pub place: Option<String>,
    /// The sealed return token.
    pub returning: Option<String>,
    /// The token that shows that the form came from this page.
    pub csrf: String,
    /// An example of a name that works here.
    pub example: String,
    /// The NetBIOS domain of the example, where there is one.
    pub netbios: Option<String>,
    /// Whether people may go on without an account.
    pub guest: bool,
    /// The origins of the identity providers that the form may lead to.
    pub identity_providers: Vec<String>,
}

page!(Logon, "logon.html", |page| Forms::OwnAnd(&page.identity_providers));

impl Logon {
    /// The forms of a name that work here.
    fn forms(&self) -> Vec<String> {
        let (account, domain) = self.example.split_once('@').unwrap_or((&self.example, ""));
        let short = account.replace('.', "");
        let netbios = self.netbios.as_deref().map(|netbios| format!("{netbios}\\{short}"));
        [Some(self.example.clone()), Some(format!("{short}@{domain}")), netbios].into_iter().flatten().collect()
    }
}

/// Why a typed name cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// It is not a logon name.
    Name(logon_name::Error),
    /// No realm answers for its domain.
    UnknownDomain,
    /// The realm that answers is not switched on.
    NotEnabled,
    /// It could mean several people.
    Unclear,
}

impl Mistake {
    fn sentence(self, t: &Locale, example: &str) -> String {
        let key = match self {
            Self::Name(logon_name::Error::Empty) => "mistake-empty",
            Self::Name(logon_name::Error::TooLong) => "mistake-too-long",
            Self::Name(logon_name::Error::NoDomain) => "mistake-no-domain",
            Self::Name(logon_name::Error::NoAccount) => "mistake-no-account",
            Self::Name(logon_name::Error::BadDomain) => "mistake-bad-domain",
            Self::Name(logon_name::Error::BadCharacter) => "mistake-bad-character",
            Self::UnknownDomain => "mistake-unknown-domain",
            Self::NotEnabled => "mistake-not-enabled",
            Self::Unclear => "mistake-unclear",
        };
        t.with(key, "example", example)
    }
}

/// A notice about how the person came to the logon page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The return token has expired.
    Expired,
    /// The return token could not be read.
    Broken,
    /// The form was open for too long.
    FormExpired,
    /// The form came from another origin.
    FormForeign,
    /// The form came without its cookie.
    NoCookie,
    /// The person was sending a form when the proxy asked them to sign in.
    Unsent,
    /// The sign-in was already complete, or took too long.
    Used,
    /// The person comes from the list of applications at the identity provider, and a sign-in cannot begin there.
    Tile,
}

impl Note {
    fn key(self) -> &'static str {
        match self {
            Self::Expired => "note-expired",
            Self::Broken => "note-broken",
            Self::FormExpired => "note-form-expired",
            Self::FormForeign => "note-form-foreign",
            Self::NoCookie => "note-no-cookie",
            Self::Unsent => "note-unsent",
            Self::Used => "note-used",
            Self::Tile => "note-tile",
        }
    }

    fn is_warning(self) -> bool {
        matches!(self, Self::FormForeign | Self::NoCookie | Self::Unsent)
    }
}
