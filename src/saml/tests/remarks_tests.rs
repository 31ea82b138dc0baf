use crate::saml::tests::{Signer, idp_at};
use crate::saml::{Config, IdentityProvider};

fn config(more: &str) -> Config {
    let text = format!("name = 'a'\ndomains = ['a.test']\nentity_id = 'urn:us'\nmetadata = '/a.xml'\n{more}");
    toml::from_str(&text).unwrap()
}

fn idp(wants: &str, binding: &str, location: &str) -> IdentityProvider {
    use base64::Engine as _;
    let certificate = base64::engine::general_purpose::STANDARD.encode(&Signer::ours().certificate);
    let metadata = format!(
        "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"urn:idp\"><IDPSSODescriptor {wants}\
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"><KeyDescriptor><KeyInfo \
         xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data>\
         </KeyInfo></KeyDescriptor><SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" \
         Location=\"{location}\"/></IDPSSODescriptor></EntityDescriptor>"
    );
    IdentityProvider::from_metadata(&metadata).unwrap()
}

#[test]
fn wishes_of_one_side_that_the_other_does_not_fulfil_are_said() {
    let plain = "https://login.test/";
    assert!(config("").remarks(&idp("", "HTTP-POST", plain)).is_empty());
    assert!(config("binding = 'redirect'").remarks(&idp_at(plain)).is_empty());
    let one = |more: &str, idp: &IdentityProvider| {
        let said = config(more).remarks(idp);
        assert_eq!(said.len(), 1, "{said:?}");
        said[0].clone()
    };
    for wants in ["WantAuthnRequestsSigned=\"true\" ", "WantAuthnRequestsSigned=\"1\" "] {
        let signed = one("", &idp(wants, "HTTP-POST", plain));
        assert!(signed.contains("takes signed requests only") && signed.contains("add a `[[realm.key]]`"), "{signed}");
    }
    let key = "[[key]]\ncertificate = '/a.crt'\nprivate = 'x'";
    assert!(config(key).remarks(&idp("WantAuthnRequestsSigned=\"true\" ", "HTTP-POST", plain)).is_empty());
    let binding = one("binding = 'redirect'", &idp("", "HTTP-POST", plain));
    assert!(binding.contains("does not offer `binding = \"redirect\"`: requests go by \"post\""), "{binding}");
    let http = one("", &idp("", "HTTP-Redirect", "http://login.test/in"));
    assert!(http.contains("`http://login.test/in`") && http.contains("not encrypted"), "{http}");
    let transient =
        "identity_claims = ['NameID']\nname_id_format = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient'";
    assert!(one(transient, &idp("", "HTTP-POST", plain)).contains("names nobody"));
}
