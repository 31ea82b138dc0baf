//! The pages of people who are signed in: their account, devices, tokens and terminals.

pub(super) mod devices;
pub(super) mod landing;
pub(super) mod terminal;
pub(super) mod tokens;
