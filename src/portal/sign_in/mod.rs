//! Signing in: the entrance, the logon page, the question to the identity provider, and the handling of its answer.

pub(super) mod acs;
mod asking;
pub(super) mod entrance;
pub(super) mod guest;
mod identity_provider;
pub(super) mod logon;
pub(super) mod proof;
mod refusal;
pub(super) mod renewal;
mod straight;
mod stronger;
mod unsolicited;

pub(super) use renewal::{Renewals, left_if_soon};
pub(super) use straight::Straight;
