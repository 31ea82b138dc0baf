//! What `vestibule ca export` writes, read by those that it is for.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{OPEN, open};
use crate::world::World;

fn export(world: &World, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.env_clear().args(["ca", "--config"]).arg(world.folder().join("demo.toml"));
    let output = command.args(["export", "--for"]).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn successor(world: &World) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.env_clear().args(["ca", "successor", "--config"]).arg(world.folder().join("demo.toml"));
    assert!(command.stdin(Stdio::null()).output().unwrap().status.success());
}

fn python(script: &str, file: &Path) -> String {
    let output = Command::new("python3").args(["-c", script]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// SHA-256 of a certificate (DER), as openssl prints it.
fn fingerprint(file: &Path) -> String {
    let mut command = Command::new("openssl");
    let output = command
        .args(["x509", "-inform", "DER", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().split_once('=').unwrap().1.to_owned()
}

#[test]
fn each_system_gets_both_certificates_of_a_roll_over_in_its_own_form() {
    let world = open().start();
    successor(&world);
    let to = world.path("export");
    let folder = to.to_str().unwrap();
    let steps = |system: &str| String::from_utf8(export(&world, &[system, "--to", folder]).stderr).unwrap();
    let said = steps("windows");
    assert!(said.contains("certutil -dspublish -f vestibule-authority-2.cer RootCA"), "{said}");
    let cer = [to.join("vestibule-authority.cer"), to.join("vestibule-authority-2.cer")];
    let prints = cer.each_ref().map(|file| fingerprint(file));
    assert_ne!(prints[0], prints[1]);
    assert!(steps("intune").contains("./Device/Vendor/MSFT/RootCATrustedCertificates/Root/"));
    assert!(steps("android").contains("CA certificate") && to.join("vestibule-authority-2.crt").exists());
    // Apple: a property list whose payloads are those certificates, and the same each time.
    steps("macos");
    let profile = to.join("vestibule-authority.mobileconfig");
    let first = std::fs::read(&profile).unwrap();
    steps("ios");
    assert_eq!(std::fs::read(&profile).unwrap(), first);
    let read = "import plistlib,sys,hashlib\nwith open(sys.argv[1],'rb') as f: p=plistlib.load(f)\nassert p['PayloadType']=='Configuration'\n\
                c=p['PayloadContent']\nassert len({x['PayloadUUID'] for x in c}|{p['PayloadUUID']})==3 and len({x['PayloadIdentifier'] for x in c})==2\n\
                for x in c:\n  assert x['PayloadType']=='com.apple.security.root'\n  print(hashlib.sha256(x['PayloadContent']).hexdigest().upper())\n";
    assert_eq!(
        python(read, &profile).lines().collect::<Vec<_>>(),
        prints.each_ref().map(|print| print.replace(':', ""))
    );
    // Firefox: each file that the policy names is there, and holds one certificate.
    steps("firefox");
    let policies: Value = serde_json::from_slice(&std::fs::read(to.join("policies.json")).unwrap()).unwrap();
    let installed = policies["policies"]["Certificates"]["Install"].as_array().unwrap();
    assert_eq!(installed.len(), 2);
    for file in installed {
        let text = std::fs::read_to_string(file.as_str().unwrap()).unwrap();
        assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 1);
    }
    // Linux: one certificate in each file.
    assert!(steps("linux").contains("update-ca-certificates"));
    for file in ["vestibule-authority.crt", "vestibule-authority-2.crt"] {
        assert_eq!(std::fs::read_to_string(to.join(file)).unwrap().matches("BEGIN CERTIFICATE").count(), 1, "{file}");
    }
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&to.metadata().unwrap().permissions()) & 0o777, 0o755);
    // Java: openssl reads what keytool does.
    let said = steps("java");
    assert!(said.contains("javax.net.ssl.trustStore") && said.contains("-file vestibule-authority-2.crt"), "{said}");
    let of_java = |arguments: &[&str]| {
        export(&world, &[&["java", "--to", folder], arguments].concat());
        let mut command = Command::new("openssl");
        command.args(["pkcs12", "-nokeys", "-nomacver", "-passin", "pass:changeit", "-in"]);
        let output = command.arg(to.join("vestibule-truststore.p12")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let own = of_java(&["--only"]);
    assert_eq!(own.matches("BEGIN CERTIFICATE").count(), 2, "{own}");
    assert_eq!(own.matches("2.16.840.1.113894.746875.1.1").count(), 2, "{own}");
    assert!(own.contains("friendlyName: Vestibule interception 2"), "{own}");
    assert!(of_java(&[]).matches("BEGIN CERTIFICATE").count() > 50, "with what the system trusts");
    // Standard output, where it is one file.
    let pem = export(&world, &["pem"]).stdout;
    assert_eq!(String::from_utf8(pem).unwrap().matches("BEGIN CERTIFICATE").count(), 2);
    assert_eq!(export(&world, &["der"]).stdout, std::fs::read(&cer[0]).unwrap());
}

#[test]
fn tools_that_are_given_the_lines_trust_the_authority_and_the_web() {
    let world = open().start();
    let to = world.path("tools");
    export(&world, &["env", "--to", to.to_str().unwrap()]);
    let lines = std::fs::read_to_string(to.join("vestibule-trust.env")).unwrap();
    for variable in
        ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO"]
    {
        assert!(lines.contains(&format!("export {variable}='")), "{variable}");
    }
    let shell = |before: &str, command: &str| {
        let script = format!("{before}{command}");
        let mut shell = Command::new("sh");
        let output = shell.current_dir(&to).args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let [a, b, c, d] = OPEN;
    let curl = format!(
        "curl -sS --interface {a}.{b}.{c}.{d} -x http://{} -o body -w %{{http_code}} https://shop.test/",
        world.proxy
    );
    assert_eq!(shell("unset SSL_CERT_FILE; ", &curl).0, Some(60), "without the lines it does not");
    let (code, said) = shell(". ./vestibule-trust.env; ", &curl);
    assert_eq!((code, said.as_str()), (Some(0), "200"));
    // Python's own list is that of the system, which the bundle holds, too.
    let count = "python3 -c 'import ssl; print(len(ssl.create_default_context().get_ca_certs()))'";
    let (with, without) = (shell(". ./vestibule-trust.env; ", count).1, shell("unset SSL_CERT_FILE; ", count).1);
    assert_eq!(with.trim().parse::<usize>().unwrap(), without.trim().parse::<usize>().unwrap() + 1);
}
