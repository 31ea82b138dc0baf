//! Where a request goes: the endpoints (RFC 7644 §3.2), whose names are compared without case.

use http::Method;
use percent_encoding::percent_decode_str;

use super::schema::Resource;

/// Where all endpoints are.
pub const ROOT: &str = "/scim/v2";

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    ServiceProvider,
    ResourceTypes(Option<String>),
    Schemas(Option<String>),
    /// The person whom the token stands for: there is none.
    Me,
    Bulk,
    /// Of one type of resource, or of both.
    Search(Option<Resource>),
    All(Resource),
    One(Resource, String),
}

impl Route {
    /// The endpoint at this path.
    pub(super) fn of(path: &str) -> Option<Self> {
        let start = path.get(..ROOT.len()).filter(|start| start.eq_ignore_ascii_case(ROOT))?;
        let rest = path.get(start.len()..).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
        Self::within(rest)
    }

    /// The endpoint at this path behind the root, as bulk operations write it.
    pub(super) fn within(path: &str) -> Option<Self> {
        let decode = |part: &str| percent_decode_str(part).decode_utf8().ok().map(String::from);
        let parts = path.split('/').filter(|part| !part.is_empty()).map(decode).collect::<Option<Vec<_>>>()?;
        let [first, rest @ ..] = parts.as_slice() else { return None };
        let resource = Resource::ALL.into_iter().find(|resource| {
            resource.endpoint().strip_prefix('/').is_some_and(|name| name.eq_ignore_ascii_case(first))
        });
        match (resource, first.to_ascii_lowercase().as_str(), rest) {
            (Some(resource), _, []) => Some(Self::All(resource)),
            (Some(resource), _, [search]) if search == ".search" => Some(Self::Search(Some(resource))),
            (Some(resource), _, [id]) => Some(Self::One(resource, id.clone())),
            (None, "serviceproviderconfig", []) => Some(Self::ServiceProvider),
            (None, "resourcetypes", []) => Some(Self::ResourceTypes(None)),
            (None, "resourcetypes", [name]) => Some(Self::ResourceTypes(Some(name.clone()))),
            (None, "schemas", []) => Some(Self::Schemas(None)),
            (None, "schemas", [urn]) => Some(Self::Schemas(Some(urn.clone()))),
            (None, "me", _) => Some(Self::Me),
            (None, "bulk", []) => Some(Self::Bulk),
            (None, ".search", []) => Some(Self::Search(None)),
            _ => None,
        }
    }

    /// The methods that it takes.
    pub(super) fn allows(&self) -> &'static str {
        match self {
            Self::ServiceProvider | Self::ResourceTypes(_) | Self::Schemas(_) => "GET",
            Self::Bulk | Self::Search(_) => "POST",
            Self::All(_) => "GET, POST",
            Self::One(..) => "GET, PUT, PATCH, DELETE",
            Self::Me => "",
        }
    }

    /// Whether it takes this one.
    pub(super) fn takes(&self, method: &Method) -> bool {
        self.allows().split(", ").any(|allowed| allowed == method.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_found_by_their_paths() {
        use Resource::{Group, User};
        for (path, wanted) in [
            ("/scim/v2/Users", Some(Route::All(User))),
            ("/scim/v2/users/", Some(Route::All(User))),
            ("/SCIM/V2/Groups", Some(Route::All(Group))),
            ("/scim/v2/Users/7%20a", Some(Route::One(User, "7 a".into()))),
            ("/scim/v2/Users/.search", Some(Route::Search(Some(User)))),
            ("/scim/v2/.search", Some(Route::Search(None))),
            ("/scim/v2/Bulk", Some(Route::Bulk)),
            ("/scim/v2/Me", Some(Route::Me)),
            ("/scim/v2/Me/x", Some(Route::Me)),
            ("/scim/v2/ServiceProviderConfig", Some(Route::ServiceProvider)),
            ("/scim/v2/ResourceTypes/User", Some(Route::ResourceTypes(Some("User".into())))),
            ("/scim/v2/Schemas/urn:x", Some(Route::Schemas(Some("urn:x".into())))),
            ("/scim/v2", None),
            ("/scim/v2/", None),
            ("/scim/v2x/Users", None),
            ("/scim/v1/Users", None),
            ("/Users", None),
            ("/scim/v2/Users/a/b", None),
            ("/scim/v2/Users/%ff", None),
            ("/scim/v2/Desks", None),
            ("/ſcim/v2/Users", None),
        ] {
            assert_eq!(Route::of(path), wanted, "{path}");
        }
        assert!(Route::One(User, String::new()).takes(&Method::PATCH) && !Route::All(User).takes(&Method::PATCH));
        assert!(!Route::Me.takes(&Method::GET));
    }
}
