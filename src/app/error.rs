//! Why the program cannot be built from its configuration.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::session::keys;
use crate::session::store::embedded;
use crate::wire::target;
use crate::{authority, listener, pac, portal, saml, scim};

/// Why the program cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody could be served.
    #[error(
        "this process may open {0} files, which is too few for any connection to be served: allow at least {least} \
         (ulimit -n, LimitNOFILE=)",
        least = super::descriptors::LEAST
    )]
    Descriptors(u64),
    /// An address cannot be taken.
    #[error("listener \"{0}\" cannot take {1}: {2}")]
    Bind(String, SocketAddr, io::Error),
    /// A listener cannot speak TLS.
    #[error("listener \"{0}\": {1}")]
    Secure(String, listener::secure::Error),
    /// There is no usable authority.
    #[error("the interception authority cannot be used: {0}")]
    Authority(#[from] authority::Error),
    /// The access log or the audit log cannot be opened.
    #[error("the log {0} cannot be opened: {1}")]
    Log(PathBuf, io::Error),
    /// A certificate to trust cannot be read.
    #[error("the trusted certificate {0} cannot be read: {1}")]
    Trust(PathBuf, String),
    /// The session store cannot be used.
    #[error("the session store cannot be used: {0}")]
    Store(#[from] embedded::OpenError),
    /// The keys that seal tokens cannot be used.
    #[error("the sealing keys cannot be used: {0}")]
    Keys(#[from] keys::Error),
    /// The portal's certificate or key cannot be used.
    #[error("the portal's certificate or key {0} cannot be used: {1}")]
    PortalCertificate(PathBuf, String),
    /// The portal's certificate and key do not belong together, or one of the files holds something else.
    #[error("the portal's certificate and key cannot be used: {0}")]
    PortalPair(#[from] listener::pair::Fault),
    /// The portal cannot be set up as it is configured.
    #[error("the portal: {0}")]
    Portal(#[from] portal::Error),
    /// The portal's URL names no host for which a client could ask the proxy.
    #[error("the portal's URL cannot be used: {0}")]
    PortalUrl(#[from] target::Error),
    /// A realm cannot be set up.
    #[error("realm \"{0}\": {1}")]
    Realm(String, saml::config::Error),
    /// A directory cannot be used.
    #[error("directory \"{0}\": {1}")]
    Directory(String, crate::directory::Error),
    /// The policy decides cases otherwise than it must.
    #[error("the policy decides {} of its cases otherwise than they say: {}", .0.len(), .0.join("; "))]
    Cases(Vec<String>),
    /// The certificate or key of the listener for SCIM cannot be used.
    #[error("the listener for SCIM: {0}")]
    Scim(String),
    /// The tokens for SCIM cannot be read.
    #[error("the tokens for SCIM: {0}")]
    ScimTokens(#[from] scim::tokens::Error),
    /// PAC files cannot be made.
    #[error("the PAC files: {0}")]
    Pac(#[from] pac::Error),
}
