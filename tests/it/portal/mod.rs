//! The portal with an identity provider and browsers around it.

mod devices;
mod guests;
mod pages;
mod sign_in;
mod sign_out;
mod single_logout;
mod test_sso;
mod wishes;
mod world;
