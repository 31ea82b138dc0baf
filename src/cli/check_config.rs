//! `vestibule check-config`: names every problem of a configuration, each with its place and what to do about it.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use super::healthcheck::running;
use crate::app::{self, Notice};
use crate::authority::{Authority, Described};
use crate::clock::{Clock, Timestamp};
use crate::config::{self, Check, Config};
use crate::policy::Policy;
use crate::saml::trial::{Certificate, describe};
use crate::saml::{self, IdentityProvider};

/// The configuration is wrong: `EX_CONFIG` of sysexits.h.
pub const WRONG: u8 = 78;

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The file, and the files that it names.
    File,
    /// What would stop a start on this machine, too: folders, addresses, what is kept.
    Machine,
}

/// Checks the file at `path` and says what it found. The result is the exit code: 0, or [`WRONG`].
pub fn check_config(path: &Path, extent: Extent, environment: &dyn Fn(&str) -> Option<String>) -> u8 {
    let look = |config: &Config, check: &mut Check<'_>| {
        // Before what is wrong with the machine alone.
        app::try_cases(config, &Clock::system(), check);
        if extent == Extent::Machine {
            app::preflight(config, &running(&config.state), check);
            app::try_sessions(config, check);
        }
    };
    // Whoever stopped reading does not want to know more.
    let (written, code) = match config::load_looking(path, environment, &look) {
        Ok(loaded) => {
            let colours = io::stdout().is_terminal() && environment("NO_COLOR").is_none();
            let warnings = config::warnings_as_text(&loaded.file, &loaded.warnings, colours);
            let (notes, over) = (notes(&loaded.config), outdated(&loaded.config, Clock::system().now()));
            match over.is_empty() {
                true => (write!(io::stdout(), "{warnings}{}: no problem was found\n{notes}", path.display()), 0),
                // The program starts all the same, for the people of other realms.
                false => (write!(io::stderr(), "{warnings}{over}{notes}"), WRONG),
            }
        }
        Err(problems) => {
            let colours = io::stderr().is_terminal() && environment("NO_COLOR").is_none();
            (write!(io::stderr(), "{}", problems.render(colours)), WRONG)
        }
    };
    written.map_or(code, |()| code)
}

/// What nobody sees in the file: whose keys sign people in, which hosts wait for the operator's word, whom a rule may not mean,
/// and what lists hold.
fn notes(config: &Config) -> String {
    let now = Clock::system().now();
    let of_realm = |realm| {
        let idp = known(realm, &config.state);
        let remarks = idp.iter().flat_map(|idp| realm.remarks(idp));
        let remarks: Vec<_> = remarks.map(|remark| format!("realm `{}`: {remark}\n", realm.name)).collect();
        let soon = idp.as_ref().and_then(|idp| soon(realm, idp, now));
        certificates(realm).into_iter().chain(remarks).chain(soon).chain(waiting(realm, &config.state))
    };
    let doubts = config::doubtful_names(config).into_iter().chain(config::hidden_paths(config));
    let names = doubts.map(|line| line + "\n");
    config.realms.iter().flat_map(of_realm).chain(names).chain(lists(config)).chain(authority(config, now)).collect()
}

/// Which certificates of the authority end before long, as far as this machine has them.
fn authority(config: &Config, now: Timestamp) -> Vec<String> {
    if !config.authority.is_given() && !Authority::is_in(&config.state) {
        return Vec::new();
    }
    let Ok(issuing) = app::authority_source(config).open(now) else { return Vec::new() };
    let times: Vec<_> = config.authority.warn_at.iter().map(|before| before.signed()).collect();
    let line = |one: &Described| {
        let said = match Notice::within(&times, one.until, now)? {
            Notice::Over => format!("was valid only until {}", one.until),
            Notice::Soon(days) => format!("is valid only until {} ({days} days)", one.until),
        };
        Some(format!(
            "authority: {} ({}) {said}: see config/trust.md for what follows it\n",
            one.name,
            one.role.as_str()
        ))
    };
    issuing.watched().filter_map(line).collect()
}

/// What each list holds, and the lines of it that cannot be used.
fn lists(config: &Config) -> Vec<String> {
    let clock = Clock::system();
    let shelf = app::lists::Shelf::of_files(config, &clock);
    let lists = app::lists::described(&shelf, clock.now());
    let policy = Policy::new(&config.policy, &[], []).knowing(&shelf.lists(&config.lists));
    let missing =
        shelf.missing(policy.missing_lists(), &config.lists).into_iter().map(|line| format!("warning: {line}\n"));
    let unused = config::unused_lists(config).into_iter();
    let unused = unused.map(|list| format!("list {list}: nothing in `[policy]` names it\n"));
    lists.iter().map(|list| format!("list {}", super::lists::told(list))).chain(unused).chain(missing).collect()
}

/// The identity provider of a realm, as far as its files and the state folder tell.
fn known(realm: &saml::Config, state: &Path) -> Option<IdentityProvider> {
    match realm.identity_provider(|path| std::fs::read(path)) {
        Ok(Some(idp)) => Some(idp),
        _ => app::last_known(realm, state),
    }
}

/// The realms whose people cannot sign in, because the time of their metadata is over.
fn outdated(config: &Config, now: Timestamp) -> String {
    let line = |realm: &saml::Config| {
        let idp = realm.identity_provider(|path| std::fs::read(path)).ok()??;
        let until = idp.valid_until().filter(|until| *until <= now)?;
        let file = realm.metadata.as_ref()?.display();
        Some(format!(
            "error: realm `{}`: the metadata in {file} were valid only until {until}: save them anew, or use `metadata_url`; \
             until then nobody of this realm can sign in\n",
            realm.name
        ))
    };
    config.realms.iter().filter_map(line).collect()
}

/// That the time of a realm's metadata will be over before long. What is fetched is renewed by itself.
fn soon(realm: &saml::Config, idp: &IdentityProvider, now: Timestamp) -> Option<String> {
    let (until, file) = (idp.valid_until()?, realm.metadata.as_ref()?);
    let Notice::Soon(days) = Notice::at(until, now)? else { return None };
    Some(format!(
        "realm `{}`: the metadata in {} are valid only until {until} ({days} days): save them anew before, or use \
         `metadata_url`\n",
        realm.name,
        file.display()
    ))
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
        assert_eq!(check_config(&config.join("minimal.toml"), Extent::File, &|_| None), 0);
        assert_eq!(check_config(&config.join("none.toml"), Extent::File, &|_| None), WRONG);
    }

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/saml/metadata");

    /// A configuration whose realm has this metadata file, and these lines.
    fn with(metadata: &str, lines: &str) -> Result<Config, config::Problems> {
        let text = format!(
            "state = '/nowhere'\n[[listener]]\naddress = '127.0.0.1:8080'\n[portal]\nurl = 'https://portal.test'\n\
             listen = '127.0.0.1:8443'\n[[realm]]\nname = 'one'\ndomains = ['corp.example']\nentity_id = 'https://portal.test'\n\
             metadata = '{metadata}'\n{lines}\n[[network]]\nname = 'here'\naddresses = ['127.0.0.0/8']\n"
        );
        config::parse(&text, "vestibule.toml", Path::new(FIXTURES), &|_| None)
    }

    #[test]
    fn metadata_whose_time_is_over_are_an_error_and_in_the_weeks_before_a_note() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let config = with("outdated.xml", "").unwrap();
        let said = outdated(&config, at("2020-10-17T22:17:45Z"));
        assert!(said.starts_with("error: realm `one`: the metadata in "), "{said}");
        assert!(said.contains("outdated.xml were valid only until 2020-10-17T22:17:45Z"), "{said}");
        assert_eq!(outdated(&config, at("2020-10-17T22:17:44Z")), "");
        let idp = known(&config.realms[0], Path::new("/nowhere")).unwrap();
        let before = |now: &str| soon(&config.realms[0], &idp, at(now));
        assert_eq!(before("2020-08-01T00:00:00Z"), None);
        assert!(before("2020-10-01T00:00:00Z").unwrap().contains("(16 days)"));
        // A time without a zone is in UTC.
        let config = with("no-zone.xml", "").unwrap();
        assert_eq!(outdated(&config, at("2039-12-31T23:59:59Z")), "");
        assert!(outdated(&config, at("2040-01-01T00:00:00Z")).contains("2040-01-01T00:00:00Z"));
    }

    #[test]
    fn what_is_left_out_of_metadata_is_a_note_and_the_rest_is_used() {
        for (file, why) in
            [("roll-over-weak.xml", "is neither RSA of 2048"), ("roll-over-empty.xml", "this is nothing")]
        {
            let said = notes(&with(file, "").unwrap());
            assert!(said.contains(why) && said.contains("it is left out, and the rest is used"), "{file}: {said}");
            assert_eq!(said.matches("answers are signed by").count(), 1, "{file}: {said}");
        }
        assert!(!notes(&with("roll-over-good.xml", "").unwrap()).contains("left out"));
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
