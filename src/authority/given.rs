//! The operator's own authority: read from the files that the configuration names, and checked as a whole.

use std::path::Path;

use openssl::error::ErrorStack;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{Id, PKey, Private};
use openssl::x509::X509;
use rcgen::KeyPair;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::config::Config;
use super::described::{Described, Role};
use super::error::{Error, Wrong};
use super::issuing::Issuing;
use super::names::Names;
use crate::clock::Timestamp;
use crate::config_path::ConfigPath;
use crate::secret::Secret;

/// No file of an authority is longer.
const LONGEST: u64 = 1 << 20;

/// Certificates in a file, at most.
const MOST: usize = 32;

/// What ends a certificate's use is to be replaced in `chain`, or here.
const FROM_PKI: &str = "have it issued anew by your own authority";

/// What was read.
struct Given {
    key: PKey<Private>,
    certificate: X509,
    /// The others, in any order.
    others: Vec<X509>,
    /// The setting that is about the certificate, and about the others.
    keys: (&'static str, &'static str),
}

/// One certificate between the leaves and the root, with how many of authorities are below it.
struct Step {
    certificate: X509,
    /// By RFC 5280 §4.2.1.9: those that have their issuer's name do not count.
    below: usize,
    /// By Firefox and Go: those count as well.
    below_by_some: usize,
}

/// The operator's own authority.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn open(config: &Config, names: &Names, now: Timestamp) -> Result<Issuing, Error> {
    let given = read(config)?;
    let steps = steps(&given, now);
    match faults(&given, &steps, now).into_iter().find(|wrong| !wrong.is_doubt) {
        Some(wrong) => Err(wrong.into()),
        None => issuing(&given, &steps, names),
    }
}

/// All that is wrong with the operator's own authority, and what may be.
pub(super) fn check(config: &Config, now: Timestamp) -> Vec<Wrong> {
    let given = match read(config) {
        Ok(given) => given,
        Err(wrong) => return vec![wrong],
    };
    let steps = steps(&given, now);
    let mut found = faults(&given, &steps, now);
    if found.iter().all(|wrong| wrong.is_doubt)
        && let Err(error) = issuing(&given, &steps, &Names::default())
    {
        found.push(Wrong::new(given.keys.0, error.to_string(), ""));
    }
    found
}

/// The files that it is read from.
pub(super) fn files(config: &Config) -> impl Iterator<Item = &ConfigPath> {
    [&config.certificate, &config.key, &config.chain, &config.pkcs12].into_iter().flatten()
}

fn issuing(given: &Given, steps: &[Step], names: &Names) -> Result<Issuing, Error> {
    let unusable = |error: &dyn std::fmt::Display| Wrong::new(given.keys.0, error.to_string(), "");
    let der = |certificate: &X509| {
        certificate.to_der().map(CertificateDer::from).map_err(|error| Error::from(unusable(&error)))
    };
    let pkcs8 = given.key.private_key_to_pkcs8().map(Zeroizing::new).map_err(|error| unusable(&error))?;
    let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(&pkcs8[..]))
        .map_err(|error| Wrong::new("key", format!("it cannot be used: {error}"), "RSA and ECDSA keys can"))?;
    let (roots, between): (Vec<_>, Vec<_>) = steps.iter().partition(|step| is_own(&step.certificate));
    let chain: Vec<_> = between.iter().map(|step| der(&step.certificate)).collect::<Result<_, _>>()?;
    // Where the root is not there, devices have it from somewhere else. What is nearest to it stands for it.
    let top = if roots.is_empty() { between.last().copied().into_iter().collect() } else { roots };
    let mut published = Vec::new();
    for step in top {
        published.extend(Described::read(Role::Current, &der(&step.certificate)?));
    }
    Issuing::new(der(&given.certificate)?, key, chain, published, names)
}

/// Whether a certificate is signed by its own key.
fn is_own(certificate: &X509) -> bool {
    certificate.issued(certificate) == openssl::x509::X509VerifyResult::OK
        && certificate.public_key().and_then(|key| certificate.verify(&key)).unwrap_or(false)
}

fn is_by(certificate: &X509, issuer: &X509) -> bool {
    issuer.issued(certificate) == openssl::x509::X509VerifyResult::OK
        && issuer.public_key().and_then(|key| certificate.verify(&key)).unwrap_or(false)
}

/// The first certificate and all above it, in the order in which clients want them, whatever the order in the file. Others that are
/// not valid now are left out: clients go by those that are.
fn steps(given: &Given, now: Timestamp) -> Vec<Step> {
    let mut steps = vec![Step { certificate: given.certificate.clone(), below: 0, below_by_some: 0 }];
    let mut left: Vec<&X509> = given.others.iter().filter(|other| when_valid(other, now).is_none()).collect();
    let mut next = 0;
    while let Some(Step { certificate, below, below_by_some }) = steps.get(next) {
        let (child, below) = (certificate.clone(), *below);
        // What is above a root is the same authority as others vouch for it, and takes its place.
        let below_by_some = below_by_some + usize::from(!is_own(&child));
        let (above, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|other| is_by(&child, other));
        left = rest;
        let is_step = child.subject_name().try_cmp(child.issuer_name()).map_or(true, std::cmp::Ordering::is_ne);
        let below = below + usize::from(is_step);
        steps.extend(above.into_iter().map(|one| Step { certificate: one.clone(), below, below_by_some }));
        next += 1;
    }
    steps
}

fn faults(given: &Given, steps: &[Step], now: Timestamp) -> Vec<Wrong> {
    let (own, above) = given.keys;
    let mut found = Vec::new();
    let fits = given.certificate.public_key().is_ok_and(|key| key.public_eq(&given.key));
    if !fits {
        let help = "the first certificate is the one that the key belongs to; both come from the same request";
        found.push(Wrong::new(own, "the key is not that of the certificate", help));
    }
    let weak = match given.key.id() {
        Id::RSA => given.key.bits() < 2048,
        Id::EC => given.key.bits() < 256,
        _ => true,
    };
    if weak {
        let help = "RSA keys of 2048 bits or more can, and ECDSA keys (P-256, P-384, P-521)";
        found.push(Wrong::new(own, "browsers take no certificate that such a key has signed", help));
    }
    if let Some(when) = when_valid(&given.certificate, now) {
        // That is no reason to serve nobody: what is intercepted fails in browsers, and all else goes on.
        let subject = name(given.certificate.subject_name());
        let message = format!("`{subject}` {when}: no device takes what is issued under it");
        found.push(Wrong::doubt(own, message, FROM_PKI));
    }
    for (index, step) in steps.iter().enumerate() {
        let key = if index == 0 { own } else { above };
        match step.certificate.to_der() {
            Ok(der) => found.extend(faults_of(&der, step, key)),
            Err(error) => found.push(Wrong::new(key, error.to_string(), "")),
        }
    }
    if !steps.iter().any(|step| is_own(&step.certificate)) {
        let last = steps.last().map(|step| name(step.certificate.issuer_name()));
        let message = format!("the root is not there: `{}` ends the chain", last.unwrap_or_default());
        let help = "add it to `chain`: exports and the portal's page are to give devices what they must trust. It is not sent to clients";
        found.push(Wrong::doubt(above, message, help));
    }
    for other in &given.others {
        if let Some(when) = when_valid(other, now) {
            let message = format!("`{}` {when}: it is left out", name(other.subject_name()));
            found.push(Wrong::doubt(above, message, FROM_PKI));
        } else if !steps.iter().any(|step| step.certificate == *other) {
            let message = format!("`{}` has no part in the chain", name(other.subject_name()));
            let help = "a certificate that belongs above or below it may be missing";
            found.push(Wrong::doubt(above, message, help));
        }
    }
    found
}

/// When it is valid, if that is not now.
fn when_valid(certificate: &X509, now: Timestamp) -> Option<String> {
    let der = certificate.to_der().ok()?;
    let (_, read) = X509Certificate::from_der(&der).ok()?;
    let at = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let (from, until) = (at(read.validity().not_before.timestamp()), at(read.validity().not_after.timestamp()));
    match () {
        () if until <= now => Some(format!("was valid only until {until}")),
        () if now < from => Some(format!("is valid only from {from} (is this machine's clock right?)")),
        () => None,
    }
}

/// What is wrong with a certificate, whenever it is valid.
fn faults_of(der: &[u8], step: &Step, key: &'static str) -> Vec<Wrong> {
    let Ok((_, read)) = X509Certificate::from_der(der) else {
        return vec![Wrong::new(key, "it is not a certificate that can be read", "")];
    };
    let subject = read.subject().to_string().replace(char::is_control, " ");
    let mut found = Vec::new();
    let say = |message: &str, help: &str| Wrong::new(key, format!("`{subject}` {message}"), help);
    let constraints = read.basic_constraints().ok().flatten();
    match constraints.map(|it| it.value) {
        Some(it) if it.ca => {
            let most = it.path_len_constraint.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(0));
            if most < step.below {
                found.push(say("allows fewer authorities below it (pathlen) than there are", FROM_PKI));
            } else if most < step.below_by_some {
                let message = format!(
                    "`{subject}` allows fewer authorities below it (pathlen) than there are for Firefox and Go, which count those, too, \
                     that have their issuer's name"
                );
                let help = "such clients must be given the authority that is below it";
                found.push(Wrong::doubt(key, message, help));
            }
        }
        _ => found.push(say(
            "is not the certificate of an authority (CA:TRUE)",
            "ask for a subordinate CA, not for a server's certificate",
        )),
    }
    if read.key_usage().ok().flatten().is_some_and(|usage| !usage.value.key_cert_sign()) {
        found.push(say("may not sign certificates (keyCertSign)", FROM_PKI));
    }
    if read.extended_key_usage().ok().flatten().is_some_and(|usage| !usage.value.any && !usage.value.server_auth) {
        found.push(say("may not vouch for servers (extended key usage)", FROM_PKI));
    }
    let signed_by = read.signature_algorithm.algorithm.to_id_string();
    // sha1WithRSAEncryption, md5WithRSAEncryption, ecdsa-with-SHA1. Nobody looks at the signature of a root.
    let is_old = ["1.2.840.113549.1.1.5", "1.2.840.113549.1.1.4", "1.2.840.10045.4.1"].contains(&&*signed_by);
    if is_old && read.subject().as_raw() != read.issuer().as_raw() {
        found.push(say("is signed by way of SHA-1 or MD5, which clients refuse", FROM_PKI));
    }
    let unknown = |extension: &x509_parser::extensions::X509Extension<'_>| {
        extension.critical && matches!(extension.parsed_extension(), ParsedExtension::UnsupportedExtension { .. })
    };
    if read.extensions().iter().any(unknown) {
        found.push(Wrong::doubt(key, format!("`{subject}` has a critical extension that clients may not know"), ""));
    }
    found
}

fn name(name: &openssl::x509::X509NameRef) -> String {
    let der = name.to_der().unwrap_or_default();
    let read = x509_parser::x509::X509Name::from_der(&der).map(|(_, name)| name.to_string());
    read.unwrap_or_default().replace(char::is_control, " ")
}

fn read(config: &Config) -> Result<Given, Wrong> {
    let mut given = read_all(config)?;
    // One may be in two files.
    let mut others: Vec<X509> = Vec::new();
    for other in std::mem::take(&mut given.others) {
        if other != given.certificate && !others.contains(&other) {
            others.push(other);
        }
    }
    Ok(Given { others, ..given })
}

fn read_all(config: &Config) -> Result<Given, Wrong> {
    match (&config.certificate, &config.key, &config.pkcs12) {
        (Some(_), _, Some(_)) => {
            Err(Wrong::new("pkcs12", "`certificate` names the authority already", "remove one of the two"))
        }
        (Some(_), None, None) => Err(Wrong::new("certificate", "the certificate's `key` is missing", "")),
        (None, Some(_), _) => Err(Wrong::new("key", "the key's `certificate` is missing", "")),
        (Some(certificate), Some(key), None) => {
            read_pem(certificate, key, config.chain.as_ref(), config.key_password.as_ref())
        }
        (None, None, Some(file)) => read_pkcs12(file, config.chain.as_ref(), config.key_password.as_ref()),
        (None, None, None) => Err(Wrong::new("certificate", "there is none", "")),
    }
}

fn read_pem(
    certificate: &Path,
    key: &Path,
    chain: Option<&ConfigPath>,
    password: Option<&Secret>,
) -> Result<Given, Wrong> {
    let mut all = certificates(certificate, "certificate")?.into_iter();
    let none = || Wrong::new("certificate", format!("`{}` holds no certificate", certificate.display()), "");
    let first = all.next().ok_or_else(none)?;
    let mut others: Vec<_> = all.collect();
    if let Some(chain) = chain {
        others.extend(certificates(chain, "chain")?);
    }
    let above = if chain.is_some() { "chain" } else { "certificate" };
    let octets = Zeroizing::new(octets(key, "key")?);
    let key = private_key(key, &octets, password)?;
    Ok(Given { key, certificate: first, others, keys: ("certificate", above) })
}

fn private_key(file: &Path, octets: &[u8], password: Option<&Secret>) -> Result<PKey<Private>, Wrong> {
    let text = String::from_utf8_lossy(octets);
    let is_encrypted = text.contains("ENCRYPTED");
    if is_encrypted && password.is_none() {
        let help = "add `key_password = { file = \"PATH\" }`";
        return Err(Wrong::new(
            "key",
            format!("`{}` is encrypted, and there is no `key_password`", file.display()),
            help,
        ));
    }
    let password = password.map_or("", Secret::expose).as_bytes();
    // Without a function of ours, the library would ask for the password on the terminal.
    let read = PKey::private_key_from_pem_callback(octets, |buffer| {
        let length = password.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(password) {
            *to = *from;
        }
        Ok(length)
    });
    read.map_err(|error| {
        let path = file.display();
        if is_encrypted && is_unsupported(&error) {
            let help = format!(
                "encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -provider legacy -provider default -in {path} -out new.key"
            );
            Wrong::new("key", format!("`{path}` is encrypted in a way that is no longer safe"), &help)
        } else if is_encrypted {
            Wrong::new("key", format!("`{path}` cannot be decrypted"), "is `key_password` right?")
        } else {
            let help = "it must be PEM (PKCS #8, PKCS #1 or SEC 1)";
            Wrong::new("key", format!("`{path}` holds no private key"), help)
        }
    })
}

fn read_pkcs12(file: &Path, chain: Option<&ConfigPath>, password: Option<&Secret>) -> Result<Given, Wrong> {
    let octets = Zeroizing::new(octets(file, "pkcs12")?);
    let path = file.display();
    let archive = Pkcs12::from_der(&octets).map_err(|_| {
        Wrong::new("pkcs12", format!("`{path}` is not a PKCS #12 file"), "such files end with .p12 or .pfx")
    })?;
    let parsed = archive.parse2(password.map_or("", Secret::expose)).map_err(|error| {
        if is_unsupported(&error) {
            let help = format!(
                "encrypt it anew: openssl pkcs12 -legacy -in {path} -nodes -out all.pem && openssl pkcs12 -export -in all.pem \
                 -out new.p12 && shred -u all.pem"
            );
            Wrong::new("pkcs12", format!("`{path}` is encrypted in a way that is no longer safe (RC2 or 3DES)"), &help)
        } else {
            Wrong::new("pkcs12", format!("`{path}` cannot be decrypted"), "is `key_password` right?")
        }
    })?;
    let lacks =
        |what: &str| Wrong::new("pkcs12", format!("`{path}` holds no {what}"), "export it with its key and its chain");
    let key = parsed.pkey.ok_or_else(|| lacks("private key"))?;
    let certificate = parsed.cert.ok_or_else(|| lacks("certificate of its key"))?;
    let mut others: Vec<_> = parsed.ca.into_iter().flatten().collect();
    if let Some(chain) = chain {
        others.extend(certificates(chain, "chain")?);
    }
    let above = if chain.is_some() { "chain" } else { "pkcs12" };
    Ok(Given { key, certificate, others, keys: ("pkcs12", above) })
}

/// Whether the library has no such cipher, because it is too old.
fn is_unsupported(error: &ErrorStack) -> bool {
    let reasons = error.errors().iter().filter_map(openssl::error::Error::reason);
    reasons.into_iter().any(|reason| reason.contains("unsupported") || reason.contains("unknown pbe"))
}

fn certificates(file: &Path, key: &'static str) -> Result<Vec<X509>, Wrong> {
    let octets = octets(file, key)?;
    let read =
        X509::stack_from_pem(&octets).or_else(|error| X509::from_der(&octets).map(|one| vec![one]).map_err(|_| error));
    let wrong = |why: String| Wrong::new(key, format!("`{}` {why}", file.display()), "it must be PEM");
    match read {
        Ok(all) if all.is_empty() => Err(wrong("holds no certificate".to_owned())),
        Ok(all) if all.len() > MOST => Err(wrong(format!("holds more than {MOST} certificates"))),
        Ok(all) => Ok(all),
        Err(_) => Err(wrong("holds no certificate that can be read".to_owned())),
    }
}

fn octets(file: &Path, key: &'static str) -> Result<Vec<u8>, Wrong> {
    let wrong = |why: String| Wrong::new(key, format!("`{}` {why}", file.display()), "");
    let cannot = |error: std::io::Error| wrong(format!("cannot be read: {error}"));
    if std::fs::metadata(file).map_err(cannot)?.len() > LONGEST {
        return Err(wrong("is longer than 1 MiB".to_owned()));
    }
    std::fs::read(file).map_err(cannot)
}
