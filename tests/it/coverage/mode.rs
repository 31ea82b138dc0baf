//! How browsers reach the proxy, and what it is told about their network.

use std::path::Path;

use crate::chromium::{Stage, Trust, names};

/// A kind of listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It is spoken to in the clear.
    Plain,
    /// A secure web proxy.
    Secure,
    /// A secure web proxy that each browser calls by a name of its own.
    Named,
}

impl Mode {
    /// The configuration: people share an address, and of whoever nobody knows this becomes.
    pub(super) fn lines(self, unidentified: &str, folder: &Path) -> String {
        let network = format!(
            "[[network]]\nname = \"nat\"\naddresses = [\"127.0.0.1/32\"]\nshared = true\nunidentified = {unidentified:?}\n"
        );
        let listener =
            "[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\ntls = { names = [\"proxy.test\"] }\n";
        match self {
            Self::Plain => network,
            Self::Secure => format!("{network}{listener}"),
            Self::Named => format!("{network}{}", names(folder)),
        }
    }

    /// Whom the devices trust. With names, nothing is read on the way, and no device needs our authority.
    pub(super) fn trust(self) -> Trust {
        if self == Self::Named { Trust::Web } else { Trust::WebAndAuthority }
    }

    /// The address of the browsers' PAC file.
    pub(super) fn pac(self, stage: &Stage) -> String {
        match self {
            Self::Plain => format!("http://{}/proxy.pac", stage.proxy),
            Self::Secure => stage.secure_pac(),
            Self::Named => format!("http://{}/named.pac", stage.proxy),
        }
    }

    /// The scheme of the page that people want first. A device that does not trust us shows no page of ours over https.
    pub(super) fn first_scheme(self) -> &'static str {
        if self == Self::Named { "http" } else { "https" }
    }
}
