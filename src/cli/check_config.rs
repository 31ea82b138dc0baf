//! `vestibule check-config FILE`: names every problem of a configuration, each with its place and what to do about it.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use crate::app;
use crate::config::{self, Config};
use crate::saml;
use crate::saml::trial::{Certificate, describe};

/// The configuration is wrong: `EX_CONFIG` of sysexits.h.
pub const WRONG: u8 = 78;

/// Checks the file at `path` and says what it found. The result is the exit code: 0, or [`WRONG`].
pub fn check_config(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> u8 {
    // Whoever stopped reading does not want to know more.
    let (written, code) = match config::load(path, environment) {
        Ok(config) => {
            let notes = notes(&config);
            (write!(io::stdout(), "{}: no problem was found\n{notes}", path.display()), 0)
        }
        Err(problems) => {
            let colours = io::stderr().is_terminal() && environment("NO_COLOR").is_none();
            (write!(io::stderr(), "{}", problems.render(colours)), WRONG)
        }
    };
    written.map_or(code, |()| code)
}

/// What nobody sees in the file: whose keys sign people in, what waits for a word, and whom a rule may not mean.
fn notes(config: &Config) -> String {
    let of_realm = |realm| certificates(realm).into_iter().chain(waiting(realm, &config.state));
    let names = config::doubtful_names(config).into_iter().map(|line| line + "\n");
    config.realms.iter().flat_map(of_realm).chain(names).collect()
}

/// The hosts that an identity provider's metadata have named since, as far as this machine's state folder tells.
fn waiting(realm: &saml::Config, state: &Path) -> Option<String> {
    let hosts = app::waiting_hosts(realm, state).into_iter().collect::<Vec<_>>().join(", ");
    let name = &realm.name;
    let line = format!(
        "realm `{name}`: {hosts}: nobody reaches these before signing in, until `vestibule realms accept {name}`\n"
    );
    (!hosts.is_empty()).then_some(line)
}

/// The certificates of a realm's identity provider, and which of them is which.
fn certificates(realm: &saml::Config) -> Vec<String> {
    let Ok(Some(idp)) = realm.identity_provider(|path| std::fs::read(path)) else { return Vec::new() };
    let line = |what: &str, der: &Vec<u8>| {
        let Certificate { name, thumbprint, until } = describe(der)?;
        let name = name.replace(char::is_control, " ");
        Some(format!("realm `{}`: {what}: {name}, thumbprint {thumbprint}, until {until}\n", realm.name))
    };
    let signers = idp.certificates().iter().filter_map(|der| line("answers are signed by", der));
    let path = idp.path().iter().filter_map(|der| line("vouches for those, and signs no answer", der));
    signers.chain(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_a_good_file_from_a_bad_one() {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        assert_eq!(check_config(&config.join("minimal.toml"), &|_| None), 0);
        assert_eq!(check_config(&config.join("none.toml"), &|_| None), WRONG);
    }

    #[test]
    fn it_is_said_whose_key_signs_and_whose_only_vouches() {
        use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
        let params = |name: &str| {
            let mut params = CertificateParams::new(vec![]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let mut authority = params("the authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let vouches = authority.self_signed(&key).unwrap();
        let signs =
            params("the signer").signed_by(&KeyPair::generate().unwrap(), &Issuer::new(authority, &key)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("both.cer");
        std::fs::write(&file, format!("{}{}", vouches.pem(), signs.pem())).unwrap();
        let realm = format!(
            "name = 'a'\ndomains = ['a.test']\nentity_id = 'urn:us'\nissuer = 'urn:idp'\n\
             login_url = 'https://login.test/'\ncertificate = '{}'",
            file.display()
        );
        let lines = certificates(&toml::from_str(&realm).unwrap());
        assert!(lines[0].starts_with("realm `a`: answers are signed by: the signer, thumbprint "), "{lines:?}");
        assert!(lines[1].starts_with("realm `a`: vouches for those, and signs no answer: the authority,"), "{lines:?}");
        assert_eq!(lines.len(), 2);
    }
}
