//! What a filter or a PATCH would do to a resource, without a directory: for whoever tries them out, such as a fuzzer.

use http::StatusCode;
use serde_json::{Map, Value};

use super::filter::Filter;
use super::schema::Resource;
use super::{patch, resource};

/// Whether a filter (RFC 7644 §3.4.2.2) finds this user.
///
/// # Errors
///
/// The status of the answer to a filter that cannot be read.
pub fn finds(filter: &str, user: &Map<String, Value>) -> Result<bool, StatusCode> {
    Filter::parse(filter, Resource::User).map(|filter| filter.matches(user)).map_err(|error| error.status)
}

/// What is kept of a user that a client writes so (RFC 7644 §3.3).
///
/// # Errors
///
/// The status of the answer to what is no user.
pub fn written(user: Value) -> Result<Map<String, Value>, StatusCode> {
    resource::read(Resource::User, user).map_err(|error| error.status)
}

/// What a PATCH (RFC 7644 §3.5.2) makes of a user.
///
/// # Errors
///
/// The status of the answer to one that cannot be carried out.
pub fn patched(mut user: Map<String, Value>, body: Value) -> Result<Map<String, Value>, StatusCode> {
    let operations = patch::read(Resource::User, body).map_err(|error| error.status)?;
    patch::apply(Resource::User, &mut user, operations).map_err(|error| error.status)?;
    Ok(user)
}
