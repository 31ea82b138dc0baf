//! `vestibule ca export`: the authority's certificates in the form that each system takes, with the steps.

use std::fs::DirBuilder;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::{Failure, environment};
use crate::authority::{Described, Issuing};
use crate::setup::{Root, firefox_policies, java_truststore, roots_profile, trust_environment};
use crate::{config, disk};

/// What to write, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// For whom
    #[arg(long = "for", value_name = "SYSTEM")]
    system: System,
    /// The folder to write to [default: standard output, where it is one file]
    #[arg(long)]
    to: Option<PathBuf>,
    /// Where the files will be on the devices, for lines that name them [default: the folder they are written to]
    #[arg(long)]
    at: Option<PathBuf>,
    /// Leave out what this system trusts, where that would be put in the place of a device's own
    #[arg(long)]
    only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum System {
    /// Windows, by Group Policy or by hand
    Windows,
    /// Windows, by Intune
    Intune,
    /// macOS: a configuration profile
    Macos,
    /// iOS and iPadOS: a configuration profile
    Ios,
    /// Android
    Android,
    /// Firefox: an enterprise policy
    Firefox,
    /// Java: a truststore
    Java,
    /// Debian, Ubuntu, Fedora, Red Hat, images of containers
    Linux,
    /// Tools that read environment variables: curl, git, pip, npm, cargo and so on
    Env,
    /// All certificates, as text
    Pem,
    /// The certificate in force (DER)
    Der,
}

/// A file to write.
struct Written {
    name: String,
    content: Vec<u8>,
}

/// Writes the files, and says what to do with them.
pub(super) fn export(asked: &Export, issuing: &Issuing, file: &Path) -> Result<(), Failure> {
    let config = config::load(file, &environment).map_err(|problems| Failure::config(&problems))?;
    let all = &issuing.published().certificates;
    let folder = asked.to.as_deref().map(std::path::absolute).transpose().map_err(Failure::new)?;
    let place = asked.at.clone().or_else(|| folder.clone());
    let host = config.portal.url.host();
    let (files, steps) = match asked.system {
        System::Windows => (single(all, "cer"), windows(all)),
        System::Intune => (single(all, "cer"), intune(all)),
        System::Macos | System::Ios => {
            let title = config.portal.brand().map_or_else(|_| "Vestibule".to_owned(), |brand| brand.title);
            let text = roots_profile(&title, host, &roots(all));
            (vec![written("vestibule-authority.mobileconfig", text)], apple(asked.system).to_owned())
        }
        System::Android => (single(all, "crt"), ANDROID.to_owned()),
        System::Firefox => firefox(all, place.as_deref()),
        System::Linux => {
            let files = all.iter().enumerate().map(|(index, one)| written(&name_of(index, "crt"), one.pem()));
            (files.collect(), LINUX.to_owned())
        }
        System::Java => {
            (vec![written("vestibule-truststore.p12", java(all, asked.only)?)], java_steps(all, asked.only))
        }
        System::Env => tools(all, asked.only, place.as_deref())?,
        System::Pem => (vec![written("vestibule-authority.pem", issuing.published().pem.to_vec())], String::new()),
        System::Der => {
            let first = all.first().map(|one| one.der.to_vec()).unwrap_or_default();
            (vec![written("vestibule-authority.crt", first)], String::new())
        }
    };
    write(&files, folder.as_deref())?;
    write!(io::stderr(), "{steps}").map_err(Failure::new)
}

fn write(files: &[Written], folder: Option<&Path>) -> Result<(), Failure> {
    let Some(folder) = folder else {
        let [one] = files else {
            let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
            return Err(Failure::new(format!(
                "these are several files: name a folder with `--to` ({})",
                names.join(", ")
            )));
        };
        let is_text = std::str::from_utf8(&one.content).is_ok();
        if !is_text && io::stdout().is_terminal() {
            return Err(Failure::new(format!("{} is no text for a terminal: name a folder with `--to`", one.name)));
        }
        return io::stdout().write_all(&one.content).map_err(Failure::new);
    };
    // What is in it is for everybody.
    let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
    made.map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    for file in files {
        let path = folder.join(&file.name);
        let written = disk::replace(&path, &file.content, disk::PUBLIC);
        written.map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        writeln!(io::stderr(), "{}", path.display()).map_err(Failure::new)?;
    }
    Ok(())
}

fn written(name: &str, content: impl Into<Vec<u8>>) -> Written {
    Written { name: name.to_owned(), content: content.into() }
}

/// The name of a file that holds one certificate: the first has none of its own.
fn name_of(index: usize, ending: &str) -> String {
    match index {
        0 => format!("vestibule-authority.{ending}"),
        index => format!("vestibule-authority-{}.{ending}", index + 1),
    }
}

/// One file for each certificate (DER).
fn single(all: &[Described], ending: &str) -> Vec<Written> {
    all.iter().enumerate().map(|(index, one)| written(&name_of(index, ending), one.der.to_vec())).collect()
}

fn roots(all: &[Described]) -> Vec<Root<'_>> {
    all.iter().map(|one| Root { name: &one.name, der: &one.der }).collect()
}

/// What this system trusts.
fn of_the_system() -> Result<Vec<Vec<u8>>, Failure> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let help = "this system has no list of authorities (package ca-certificates): install it, or leave the list out with `--only`";
        return Err(Failure::new(help));
    }
    Ok(found.certs.into_iter().map(|certificate| certificate.to_vec()).collect())
}

fn windows(all: &[Described]) -> String {
    let mut steps = String::from(
        "\nGroup Policy: Computer Configuration, Policies, Windows Settings, Security Settings, Public Key Policies, Trusted Root\n\
         Certification Authorities: Import each file. Or for a whole domain, as an enterprise administrator:\n",
    );
    let names: Vec<_> = (0..all.len()).map(|index| name_of(index, "cer")).collect();
    names.iter().for_each(|name| steps += &format!("    certutil -dspublish -f {name} RootCA\n"));
    steps += "One machine, as its administrator:\n";
    names.iter().for_each(|name| steps += &format!("    certutil -addstore -f Root {name}\n"));
    steps += "What is there afterwards: certutil -store Root";
    for one in all {
        steps += &format!("\n    {}  {}", one.sha1.replace(':', "").to_lowercase(), one.name);
    }
    steps
        + "\nChrome and Edge take it from there; Firefox does with the policy ImportEnterpriseRoots (--for firefox).\n"
}

fn intune(all: &[Described]) -> String {
    let mut steps = String::from(
        "\nIntune: Devices, Configuration, Create, New policy. Platform: Windows 10 and later; profile type: Templates, Trusted\n\
         certificate. Upload the file, destination store: Computer certificate store - Root, and assign it. One profile for each file.\n\
         The same certificate by OMA-URI (a custom profile; data type: String; value: the file in Base64, without line breaks):\n",
    );
    for one in all {
        let thumbprint = one.sha1.replace(':', "");
        steps += &format!(
            "    ./Device/Vendor/MSFT/RootCATrustedCertificates/Root/{thumbprint}/EncodedCertificate   {}\n",
            one.name
        );
    }
    steps + "For iOS, macOS and Android choose the same profile type there, and the same file.\n"
}

fn apple(system: System) -> &'static str {
    match system {
        System::Macos => {
            "\nWith a device management (Jamf, Intune, Kandji and so on): upload the profile and assign it: what it installs is trusted.\n\
             One Mac, as its administrator: open the file, and install it in System Settings, General, Device Management; then trust it\n\
             in Keychain Access. Or, with the files of `vestibule ca export --for android --to FOLDER`:\n    \
             for file in vestibule-authority*.crt; do sudo security add-trusted-cert -d -r trustRoot \
             -k /Library/Keychains/System.keychain \"$file\"; done\n"
        }
        _ => {
            "\nWith a device management: upload the profile and assign it to supervised or enrolled devices: what it installs is trusted.\n\
             By hand: send the file to the device, install it in Settings, General, VPN & Device Management, then switch it on in\n\
             Settings, General, About, Certificate Trust Settings.\n"
        }
    }
}

/// Each file holds one certificate: what is in a file with several is left out by the lists of Debian.
const LINUX: &str = "\n\
    Debian, Ubuntu: sudo cp vestibule-authority*.crt /usr/local/share/ca-certificates/ && sudo update-ca-certificates\n\
    Fedora, Red Hat: sudo cp vestibule-authority*.crt /etc/pki/ca-trust/source/anchors/ && sudo update-ca-trust\n\
    Chromium, for one user: for file in vestibule-authority*.crt; do certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n \"$file\" -i \"$file\"; done\n";

const ANDROID: &str = "\n\
    With a device management (Android Enterprise): upload each file as a trusted root certificate for users. By hand: Settings,\n\
    Security, Encryption & credentials, Install a certificate, CA certificate. Chrome takes it. Apps do only if they say so (network\n\
    security configuration, since Android 7): exempt the sites of all others with `intercept = false`.\n";

fn firefox(all: &[Described], place: Option<&Path>) -> (Vec<Written>, String) {
    let names: Vec<_> = (0..all.len()).map(|index| name_of(index, "pem")).collect();
    let listed = |name: &String| place.map_or_else(|| name.clone(), |place| place.join(name).display().to_string());
    let listed: Vec<_> = names.iter().map(listed).collect();
    let policy = written("policies.json", firefox_policies(&listed));
    let certificates = all.iter().zip(&names).map(|(one, name)| written(name, one.pem()));
    let steps = "\nPut policies.json into the folder `distribution` of the installation, or into /etc/firefox/policies on Linux; merge it into one\n\
                 that is there. It takes what Windows and macOS trust, and the files that it names. On Windows the same policies are in the\n\
                 ADMX templates of Firefox, and in Intune. about:policies shows what Firefox has read.\n";
    (std::iter::once(policy).chain(certificates).collect(), steps.to_owned())
}

fn java(all: &[Described], only: bool) -> Result<Vec<u8>, Failure> {
    let system = if only { Vec::new() } else { of_the_system()? };
    let mut roots = roots(all);
    roots.extend(system.iter().map(|der| Root { name: "system", der }));
    Ok(java_truststore(&roots))
}

fn java_steps(all: &[Described], only: bool) -> String {
    let names = (0..all.len()).map(|index| name_of(index, "crt"));
    let imports: String = names
        .map(|name| {
            let alias = name.trim_end_matches(".crt");
            format!("    keytool -importcert -noprompt -cacerts -storepass changeit -alias {alias} -file {name}\n")
        })
        .collect();
    let holds = if only { "the authority alone" } else { "what this system trusts, and the authority" };
    format!(
        "\nThis truststore holds {holds}, and takes the place of Java's own (it is not encrypted: any password opens it):\n    \
         java -Djavax.net.ssl.trustStore=vestibule-truststore.p12 -Djavax.net.ssl.trustStoreType=PKCS12 \
         -Djavax.net.ssl.trustStorePassword=changeit ...\nFor all programs: the same in JAVA_TOOL_OPTIONS. Or add the authority to \
         one Java, which an update may undo (`vestibule ca export --for linux --to FOLDER` writes the files):\n{imports}"
    )
}

fn tools(all: &[Described], only: bool, place: Option<&Path>) -> Result<(Vec<Written>, String), Failure> {
    let own: String = all.iter().map(Described::pem).collect();
    let system = if only { Vec::new() } else { of_the_system()? };
    let pem = |der: &Vec<u8>| {
        Described::read(crate::authority::Role::Intermediate, &der.as_slice().into()).map(|one| one.pem())
    };
    let bundle: String = std::iter::once(own.clone()).chain(system.iter().filter_map(pem)).collect();
    let at = |name: &str| place.unwrap_or(Path::new(".")).join(name).display().to_string();
    let (whole, added) = ("vestibule-bundle.pem", "vestibule-authority.pem");
    let lines = trust_environment(&at(whole), &at(added));
    let files = vec![written("vestibule-trust.env", lines), written(whole, bundle), written(added, own)];
    let steps = "\n. ./vestibule-trust.env in a shell, or the same lines where your images and agents get their variables from. Make the bundle\n\
                 anew when the system's list changes. For all programs of a machine instead: `vestibule ca export --for linux`.\n";
    Ok((files, steps.to_owned()))
}
