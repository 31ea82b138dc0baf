//! The navigation between the pages of a person who is signed in.

/// The pages that exist besides *You*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nav {
    /// Devices: they can have proxy host names of their own.
    pub devices: bool,
    /// Tools: they and terminals can have tokens.
    pub tools: bool,
}

impl Nav {
    /// The pages, by address and by the key of their text; none if there is only one.
    pub(super) fn pages(self) -> Vec<(&'static str, &'static str)> {
        let pages = [
            (true, ("/me", "nav-you")),
            (self.devices, ("/devices", "nav-devices")),
            (self.tools, ("/tokens", "nav-tools")),
        ];
        let pages: Vec<_> = pages.into_iter().filter(|(is_there, _)| *is_there).map(|(_, page)| page).collect();
        if pages.len() > 1 { pages } else { Vec::new() }
    }
}
