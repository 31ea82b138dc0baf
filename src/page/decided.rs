//! What somebody sees who has just decided about a terminal.

use crate::page::html::Forms;
use crate::page::page;

/// A terminal was approved or turned away; there is nothing more to do here.
#[derive(Clone, Copy, Debug)]
pub struct TerminalDecided {
    /// It was approved.
    pub approved: bool,
}

page!(TerminalDecided, "terminal_decided.html", |_| Forms::None);
