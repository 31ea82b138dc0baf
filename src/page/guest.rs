//! What guests agree to before they go on without an account.

use crate::page::html::Forms;
use crate::page::page;

/// The terms for guests, and the button to go on.
#[derive(Clone, Debug, Default)]
pub struct Guest {
    /// The operator's terms, by paragraph. Without any there is nothing to agree to.
    pub terms: Vec<String>,
    /// They were not agreed to.
    pub is_missing: bool,
    /// The host that the person is on the way to.
    pub place: Option<String>,
    /// Where people with an account go instead.
    pub account: String,
    /// The sealed return token.
    pub returning: Option<String>,
    /// The token that shows that the form came from this page.
    pub csrf: String,
}

page!(Guest, "guest.html", |_| Forms::Own);

impl Guest {
    /// The paragraphs of a text: empty lines stand between them.
    pub fn paragraphs(text: &str) -> Vec<String> {
        let text = text.replace("\r\n", "\n");
        text.split("\n\n").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}
