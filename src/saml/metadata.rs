//! Our metadata, to be uploaded at the identity provider or fetched by it (SAML Metadata §2.4.4).

use aws_lc_rs::digest;

use crate::saml::xml::escape;
use crate::saml::{Binding, Key, ServiceProvider, key, ns};

/// What others may encrypt with for us, the best first.
const ENCRYPTION_METHODS: [&str; 5] = [
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
    "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
    "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
];

impl ServiceProvider {
    /// Our metadata, signed if the realm wants that.
    pub fn metadata(&self) -> Result<String, key::Error> {
        let role = self.role();
        // The same metadata always have the same identifier.
        let hash = digest::digest(&digest::SHA256, format!("{}\n{role}", self.entity_id).as_bytes());
        let id: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let start = format!(
            r#"<md:EntityDescriptor xmlns:md="{}" ID="_{id}" entityID="{}">"#,
            ns::METADATA,
            escape(&self.entity_id)
        );
        let whole = format!("{start}{role}</md:EntityDescriptor>");
        let whole = match self.keys.first().filter(|_| self.sign_metadata) {
            Some(key) => key.sign_document(&whole, &format!("_{id}"), &start)?,
            None => whole,
        };
        Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{whole}\n"))
    }

    /// The parts are in the order of the schema.
    fn role(&self) -> String {
        format!(
            concat!(
                r#"<md:SPSSODescriptor AuthnRequestsSigned="{signed}" WantAssertionsSigned="true" "#,
                r#"protocolSupportEnumeration="{protocol}">{keys}{logout}{formats}{services}{attributes}"#,
                r#"</md:SPSSODescriptor>"#,
            ),
            signed = self.requests.signed,
            protocol = ns::PROTOCOL,
            keys = self.key_descriptors(),
            logout = self.logout_services(),
            formats = self.requests.name_id_format.as_ref().map_or_else(String::new, |format| {
                format!("<md:NameIDFormat>{}</md:NameIDFormat>", escape(format))
            }),
            services = self.consumer_services(),
            attributes = self.requested_attributes(),
        )
    }

    /// While a key is changed, identity providers must know the other one already. They encrypt for the first of our keys that
    /// can decrypt.
    fn key_descriptors(&self) -> String {
        let signing = self.keys.iter().map(|key| key_descriptor(key, "signing", ""));
        let methods =
            ENCRYPTION_METHODS.map(|method| format!(r#"<md:EncryptionMethod Algorithm="{method}"/>"#)).concat();
        let encryption = self.keys.iter().find(|key| key.decrypts());
        signing.chain(encryption.map(|key| key_descriptor(key, "encryption", &methods))).collect()
    }

    fn logout_services(&self) -> String {
        let Some(url) = &self.slo_url else { return String::new() };
        let service = |binding: Binding| {
            format!(r#"<md:SingleLogoutService Binding="{}" Location="{}"/>"#, binding.name(), escape(url))
        };
        [Binding::Redirect, Binding::Post].map(service).concat()
    }

    fn consumer_services(&self) -> String {
        let service = |(index, url): (usize, &String)| {
            let default = if index == 0 { r#" isDefault="true""# } else { "" };
            let (binding, url) = (Binding::Post.name(), escape(url));
            format!(r#"<md:AssertionConsumerService Binding="{binding}" Location="{url}" index="{index}"{default}/>"#)
        };
        std::iter::once(&self.acs_url).chain(&self.acs_aliases).enumerate().map(service).collect()
    }

    /// None is required: the first claim that is there names a person.
    fn requested_attributes(&self) -> String {
        if self.attributes.is_empty() {
            return String::new();
        }
        let attribute = |name: &String| format!(r#"<md:RequestedAttribute Name="{}"/>"#, escape(name));
        format!(
            r#"<md:AttributeConsumingService index="0"><md:ServiceName xml:lang="en">{}</md:ServiceName>{}</md:AttributeConsumingService>"#,
            escape(&self.entity_id),
            self.attributes.iter().map(attribute).collect::<String>()
        )
    }
}

fn key_descriptor(key: &Key, usage: &str, methods: &str) -> String {
    format!(
        concat!(
            r#"<md:KeyDescriptor use="{usage}"><ds:KeyInfo xmlns:ds="{ns}"><ds:X509Data><ds:X509Certificate>"#,
            r#"{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>{methods}</md:KeyDescriptor>"#,
        ),
        usage = usage,
        ns = ns::SIGNATURE,
        certificate = key.certificate_text(),
        methods = methods,
    )
}

#[cfg(test)]
#[path = "tests/metadata_tests.rs"]
mod tests;
