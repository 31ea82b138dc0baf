//! The page after a person has approved or refused a terminal.

use crate::page::html::Forms;
use crate::page::page;

/// A terminal was approved or refused; nothing more is to be done on this page.
#[derive(Clone, Copy, Debug)]
pub struct TerminalDecided {
    /// Whether the terminal was approved.
    pub approved: bool,
}

page!(TerminalDecided, "terminal_decided.html", |_| Forms::None);
