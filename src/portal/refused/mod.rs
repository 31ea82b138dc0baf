//! The pages of people whom a rule has stopped: warnings, overrides, and the request for a review.

pub(super) mod barrier;
mod click;
mod guess;
pub(super) mod hook;
pub(super) mod review;

pub(in crate::portal) use click::Clicks;
pub(in crate::portal) use guess::Guesses;
