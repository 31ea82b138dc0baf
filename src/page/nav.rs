//! The way between the pages of somebody who is signed in.

/// Which pages there are besides *You*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nav {
    /// Devices can use the proxy by names of their own.
    pub devices: bool,
    /// Tools and terminals are known by tokens.
    pub tools: bool,
}

impl Nav {
    /// The pages, by address and by the name of their text; none where there is but one.
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
