//! Files by which devices, browsers and tools trust the authority's certificates, and nothing else about the proxy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::text::{pretty, quoted, uuid, xml};
use crate::seal::sha256;

/// A certificate that devices are to trust.
#[derive(Clone, Copy, Debug)]
pub struct Root<'a> {
    /// What devices call it.
    pub name: &'a str,
    /// The certificate.
    pub der: &'a [u8],
}

/// One certificate in a configuration profile.
pub(super) fn root_payload(host: &str, identifier: &str, uuid: &str, title: &str, der: &[u8]) -> String {
    let (host, title) = (xml(host), xml(title));
    format!(
        "    <dict>
      <key>PayloadType</key><string>com.apple.security.root</string>
      <key>PayloadVersion</key><integer>1</integer>
      <key>PayloadIdentifier</key><string>{host}.vestibule.{identifier}</string>
      <key>PayloadUUID</key><string>{uuid}</string>
      <key>PayloadDisplayName</key><string>{title}</string>
      <key>PayloadCertificateFileName</key><string>authority.crt</string>
      <key>PayloadContent</key><data>{}</data>
    </dict>
",
        STANDARD.encode(der)
    )
}

/// A configuration profile for macOS, iOS and iPadOS with these certificates. The same certificates make the same file, and
/// another one in its place when they are installed again.
pub fn roots_profile(title: &str, host: &str, roots: &[Root<'_>]) -> String {
    let number = |octets: &[u8]| sha256(octets).first_chunk::<16>().copied().unwrap_or_default();
    let all: Vec<u8> = roots.iter().flat_map(|root| sha256(root.der)).chain(host.bytes()).collect();
    let payloads: String = roots
        .iter()
        .map(|root| {
            let identifier = uuid(number(root.der), 1);
            root_payload(host, &format!("root.{identifier}"), &identifier, root.name, root.der)
        })
        .collect();
    let (title, host, whole) = (xml(title), xml(host), uuid(number(&all), 0));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>PayloadType</key><string>Configuration</string>
  <key>PayloadVersion</key><integer>1</integer>
  <key>PayloadIdentifier</key><string>{host}.vestibule.trust</string>
  <key>PayloadUUID</key><string>{whole}</string>
  <key>PayloadDisplayName</key><string>{title}</string>
  <key>PayloadOrganization</key><string>{title}</string>
  <key>PayloadContent</key>
  <array>
{payloads}  </array>
</dict>
</plist>
"#
    )
}

/// Firefox's `policies.json`, which takes certificates from the system, and these files, of which each holds one.
pub fn firefox_policies(files: &[String]) -> String {
    pretty(&json!({ "policies": { "Certificates": { "ImportEnterpriseRoots": true, "Install": files } } }))
}

/// Variables for tools. `bundle` holds what the system trusts and the authority, for tools that are told whom to trust in
/// place of the system's; `own` holds the authority alone, for those to which it is added.
pub fn trust_environment(bundle: &str, own: &str) -> String {
    let mut text = String::from(
        "# Lets programs in this shell trust the authority of the proxy:   . ./vestibule-trust.env\n\
         # What these name is trusted in place of the system's certificates, so the file holds both.\n",
    );
    for variable in [
        "SSL_CERT_FILE",
        "CURL_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
        "PIP_CERT",
        "GIT_SSL_CAINFO",
        "AWS_CA_BUNDLE",
        "CARGO_HTTP_CAINFO",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    ] {
        text.push_str(&format!("export {variable}={}\n", quoted(bundle)));
    }
    text.push_str("# What these name is trusted besides.\n");
    for variable in ["NODE_EXTRA_CA_CERTS", "DENO_CERT"] {
        text.push_str(&format!("export {variable}={}\n", quoted(own)));
    }
    text
}

/// A truststore for Java: PKCS #12 (RFC 7292) with certificates alone, neither encrypted nor authenticated, as they are public. So
/// any password opens it, and none does, too. Each certificate has the attribute by which Java takes it for trusted
/// (`trustedKeyUsage`, any), and an alias.
pub fn java_truststore(roots: &[Root<'_>]) -> Vec<u8> {
    // pkcs-12-certBag, x509Certificate, friendlyName, Oracle's trustedKeyUsage, anyExtendedKeyUsage, pkcs7-data.
    let [bag, x509, friendly, trusted, any, data]: [&[u8]; 6] = [
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x03],
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01],
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x14],
        &[0x60, 0x86, 0x48, 0x01, 0x86, 0xf9, 0x66, 0xad, 0xca, 0x7b, 0x01, 0x01],
        &[0x55, 0x1d, 0x25, 0x00],
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01],
    ];
    let (oid, octets) = (|oid: &[u8]| tlv(0x06, &[oid]), |octets: &[u8]| tlv(0x04, &[octets]));
    let bags: Vec<_> = roots
        .iter()
        .enumerate()
        .map(|(index, root)| {
            // Java tells aliases apart without regard to case, and forgets the first of two that are the same.
            let alias: Vec<u8> =
                format!("{} {}", root.name, index + 1).encode_utf16().flat_map(u16::to_be_bytes).collect();
            let certificate = tlv(0x30, &[&oid(x509), &tlv(0xa0, &[&octets(root.der)])]);
            let alias = tlv(0x30, &[&oid(friendly), &tlv(0x31, &[&tlv(0x1e, &[&alias])])]);
            let trust = tlv(0x30, &[&oid(trusted), &tlv(0x31, &[&oid(any)])]);
            tlv(0x30, &[&oid(bag), &tlv(0xa0, &[&certificate]), &tlv(0x31, &[&alias, &trust])])
        })
        .collect();
    let bags: Vec<&[u8]> = bags.iter().map(Vec::as_slice).collect();
    let content = |inner: &[u8]| tlv(0x30, &[&oid(data), &tlv(0xa0, &[&octets(inner)])]);
    let safe = tlv(0x30, &[&content(&tlv(0x30, &bags))]);
    tlv(0x30, &[&tlv(0x02, &[&[3]]), &content(&safe)])
}

/// A value in DER (X.690 §8.1).
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let octets: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
    let mut all = vec![tag];
    match u8::try_from(length) {
        Ok(short @ 0..0x80) => all.push(short),
        _ => {
            all.push(0x80 | u8::try_from(octets.len()).unwrap_or(0));
            all.extend(octets);
        }
    }
    parts.iter().for_each(|part| all.extend_from_slice(part));
    all
}
