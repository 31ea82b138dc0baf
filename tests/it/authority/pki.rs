//! The PKI of an organisation, made with the openssl command: a root, and authorities below it.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What makes a certificate one of an authority.
const CA: &str =
    "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n";

/// The files of one authority.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// A root, as Active Directory Certificate Services names one: two attributes of one kind in its name.
pub(crate) struct Pki {
    folder: TempDir,
    pub(crate) root: PathBuf,
}

/// What is different about an authority.
pub(crate) struct Sub<'a> {
    pub(crate) name: &'a str,
    /// Options of `openssl req` that make its key.
    pub(crate) key: &'a [&'a str],
    /// Lines of an extension file.
    pub(crate) extensions: String,
    pub(crate) days: &'a str,
    /// Whose certificate signs it; the root's, if there is none.
    pub(crate) by: Option<&'a Files>,
}

impl Default for Sub<'_> {
    fn default() -> Self {
        let key = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
        let extensions = CA.replace("CA:TRUE", "CA:TRUE, pathlen:0") + "authorityKeyIdentifier = keyid\n";
        Self { name: "Contoso Interception", key, extensions, days: "800", by: None }
    }
}

impl Pki {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = Self { root: folder.path().join("root.pem"), folder };
        let text = format!("[req]\ndistinguished_name = dn\n[dn]\n[root]\n{CA}");
        std::fs::write(own.path("root.cnf"), text).unwrap();
        let root = "req -x509 -config root.cnf -extensions root -newkey rsa:2048 -nodes -days 3650 -keyout root.key -out root.pem";
        let mut arguments: Vec<&str> = root.split(' ').collect();
        arguments.extend(["-subj", "/DC=test/DC=contoso/CN=Contoso Root"]);
        own.openssl(&arguments);
        own
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An authority below the root.
    pub(crate) fn sub(&self, Sub { name, key, extensions, days, by }: &Sub<'_>) -> Files {
        let file = name.replace(' ', "-").to_lowercase();
        let [pem, key_file, request, lines] = ["pem", "key", "csr", "ext"].map(|kind| format!("{file}.{kind}"));
        std::fs::write(self.path(&lines), extensions).unwrap();
        let subject = format!("/DC=test/DC=contoso/CN={name}");
        let mut arguments = vec!["req", "-new", "-config", "root.cnf", "-nodes", "-subj", &subject];
        arguments.extend(["-keyout", &key_file, "-out", &request]);
        arguments.extend(*key);
        self.openssl(&arguments);
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (ca, ca_key) = match by {
            Some(by) => (text(&by.certificate), text(&by.key)),
            None => ("root.pem".to_owned(), "root.key".to_owned()),
        };
        let serial = format!("0x{:032x}", rand());
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-days",
            days,
            "-extfile",
            &lines,
            "-out",
            &pem,
            "-set_serial",
            &serial,
        ]);
        Files { certificate: self.path(&pem), key: self.path(&key_file) }
    }

    /// Runs openssl in the folder of the PKI.
    pub(crate) fn openssl(&self, arguments: &[&str]) -> String {
        let output = Command::new("openssl").current_dir(self.folder.path()).args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("openssl is needed, and `make test` installs it: {error}"));
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// A number that no other certificate here has.
fn rand() -> u128 {
    u128::from_be_bytes(vestibule::seal::random::<16>()) >> 1
}
