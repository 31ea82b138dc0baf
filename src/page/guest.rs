//! The terms that guests agree to before they go on without an account.

use crate::page::html::Forms;
use crate::page::page;

/// The terms for guests, and the button to go on.
#[derive(Clone, Debug, Default)]
pub struct Guest {
    /// The operator's terms, by paragraph. If there are none, there is nothing to agree to.
    pub terms: Vec<String>,
    /// Whether the person sent the form without agreeing.
    pub is_missing: bool,
    /// The host that the person was about to visit.
    pub place: Option<String>,
    /// The link for people who have an account.
    pub account: String,
    /// The sealed return token.
    pub returning: Option<String>,
    /// The token that shows that the form came from this page.
    pub csrf: String,
}

page!(Guest, "guest.html", |_| Forms::Own);

impl Guest {
    /// The paragraphs of a text, which empty lines separate.
    pub fn paragraphs(text: &str) -> Vec<String> {
        let text = text.replace("\r\n", "\n");
        text.split("\n\n").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}
