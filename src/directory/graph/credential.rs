//! What is shown to the token endpoint: a secret, or a signed assertion (RFC 7523) in its place.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use url::form_urlencoded::Serializer;

use super::config::{Config, Credential, CredentialKind};
use super::fault::Fault;
use crate::clock::Timestamp;
use crate::seal::random_text;
use crate::secret::Secret;

/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long an assertion is good for.
const LIFETIME: i64 = 300;

/// The body of a request for a token (RFC 6749 §4.4.2). `claims` are those of a challenge, if there was one.
pub(super) fn token_request(
    config: &Config,
    credential: &Credential,
    claims: Option<&str>,
    now: Timestamp,
) -> Result<Secret, Fault> {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    form.append_pair("client_id", &config.client_id);
    form.append_pair("scope", &format!("{}/.default", config.graph()));
    match credential.proof() {
        Some(CredentialKind::Secret(secret)) => {
            form.append_pair("client_secret", secret.expose());
        }
        Some(CredentialKind::Certificate(certificate, key)) => {
            let assertion = assertion(config, certificate, key, now)?;
            form.append_pair("client_assertion_type", ASSERTION_TYPE).append_pair("client_assertion", &assertion);
        }
        Some(CredentialKind::Federated(file)) => {
            let token = std::fs::read_to_string(file)
                .map_err(|error| Fault::OwnCredential(format!("{}: {error}", file.display())))?;
            form.append_pair("client_assertion_type", ASSERTION_TYPE).append_pair("client_assertion", token.trim());
        }
        None => return Err(Fault::OwnCredential("it is neither a secret nor a certificate nor a token".to_owned())),
    }
    if let Some(claims) = claims {
        form.append_pair("claims", claims);
    }
    Ok(Secret::new(form.finish()))
}

/// The address of the token endpoint, below `login_url`.
pub(super) fn token_endpoint(config: &Config) -> String {
    format!("{}/{}/oauth2/v2.0/token", config.login(), config.tenant)
}

/// An assertion, signed with the key of the certificate, as Microsoft's "Application authentication certificate
/// credentials" wants it: PS256, the certificate named by its SHA-256.
fn assertion(config: &Config, certificate: &Path, key: &Path, now: Timestamp) -> Result<String, Fault> {
    let failed = |file: &Path, why: String| Fault::OwnCredential(format!("{}: {why}", file.display()));
    let chain = CertificateDer::from_pem_file(certificate).map_err(|error| failed(certificate, error.to_string()))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, error.to_string()))?;
    let pair = match &private {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(failed(key, "it is not an RSA key, and Entra ID takes no other".to_owned())),
    };
    let pair = pair.map_err(|_| failed(key, "it is not an RSA key, and Entra ID takes no other".to_owned()))?;
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &chain));
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint });
    let payload = json!({
        "aud": token_endpoint(config),
        "iss": config.client_id,
        "sub": config.client_id,
        "jti": random_text(),
        "nbf": now.as_second(),
        "iat": now.as_second(),
        "exp": now.as_second() + LIFETIME,
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&payload));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| failed(key, "nothing can be signed with it".to_owned()))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    fn config(credential: &str) -> Config {
        let text = format!("tenant = 'contoso'\nclient_id = 'app'\n[[credential]]\n{credential}");
        toml::from_str(&text).unwrap()
    }

    fn form(config: &Config, claims: Option<&str>) -> Vec<(String, String)> {
        let body = token_request(config, &config.credentials[0], claims, Timestamp::UNIX_EPOCH).unwrap();
        url::form_urlencoded::parse(body.expose().as_bytes()).into_owned().collect()
    }

    fn value<'f>(form: &'f [(String, String)], name: &str) -> Option<&'f str> {
        form.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_secret_is_sent_as_it_is_and_claims_with_it() {
        let config = config("secret = 'a&b='");
        let sent = form(&config, Some("{\"access_token\":{}}"));
        assert_eq!(value(&sent, "client_secret"), Some("a&b="));
        assert_eq!(value(&sent, "scope"), Some("https://graph.microsoft.com/.default"));
        assert_eq!(value(&sent, "claims"), Some("{\"access_token\":{}}"));
        assert_eq!(token_endpoint(&config), "https://login.microsoftonline.com/contoso/oauth2/v2.0/token");
    }

    #[test]
    fn a_certificate_signs_an_assertion_for_the_token_endpoint() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("a.pem"), folder.path().join("a.key"));
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let own = rcgen::CertificateParams::new(vec!["app".into()]).unwrap().self_signed(&pair).unwrap();
        std::fs::write(&certificate, own.pem()).unwrap();
        std::fs::write(&key, pair.serialize_pem()).unwrap();
        let config = config(&format!("certificate = {certificate:?}\nkey = {key:?}"));
        let sent = form(&config, None);
        assert_eq!(value(&sent, "client_assertion_type"), Some(ASSERTION_TYPE));
        let assertion = value(&sent, "client_assertion").unwrap();
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        let read = |part: &str| -> serde_json::Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        let (header, payload) = signed.split_once('.').unwrap();
        assert_eq!(read(header)["x5t#S256"], URL_SAFE_NO_PAD.encode(digest(&SHA256, own.der())));
        assert_eq!((&read(payload)["aud"], &read(payload)["exp"]), (&token_endpoint(&config).into(), &300.into()));
        let public = x509_parser::parse_x509_certificate(own.der()).unwrap().1;
        let public = public.public_key().subject_public_key.data.to_vec();
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public)
            .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
            .unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for credential in
            ["federated_token = '/nowhere/token'", "certificate = '/nowhere/a.pem'\nkey = '/nowhere/a.key'"]
        {
            let config = config(credential);
            let error = token_request(&config, &config.credentials[0], None, Timestamp::UNIX_EPOCH).unwrap_err();
            assert!(error.to_string().contains("/nowhere/"), "{error}");
        }
    }
}
