//! Set-up files, by which a device uses the proxy under a proxy host name of its own.
//!
//! Each is a text in the format that its system reads. Every value is escaped as the format wants it, so that no name
//! of a portal or person can become a part of a script.

mod text;
mod trust;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use text::{pretty, quoted, uuid, xml};
use trust::root_payload;
pub use trust::{Root, firefox_policies, java_truststore, roots_profile, trust_environment};

/// The values in a set-up file.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// The name of the service.
    pub title: &'a str,
    /// The portal's host name.
    pub portal: &'a str,
    /// The address of the device's PAC file.
    pub pac: &'a str,
    /// The URL of the proxy, with the device's own proxy host name.
    pub proxy: &'a str,
    /// The certificates of the authority, if the device is to trust them. While the authority is followed by another one,
    /// there are two.
    pub authority: Option<&'a [Root<'a>]>,
    /// A number of the device's own, by which a file that is installed again replaces the earlier one.
    pub number: [u8; 16],
}

/// The system that a set-up file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Windows, and browsers that take its settings.
    Windows,
    /// macOS, and supervised iPhones and iPads.
    Apple,
    /// GNOME and KDE, and programs that take their settings.
    Linux,
    /// Programs that read environment variables.
    Terminal,
    /// Firefox on any system.
    Firefox,
    /// Chromium, Chrome and Edge on Linux.
    Chromium,
}

/// A file for download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its file name.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its contents.
    pub text: String,
}

impl System {
    /// All systems, in the order in which the page lists them.
    pub const ALL: [Self; 6] = [Self::Windows, Self::Apple, Self::Linux, Self::Terminal, Self::Firefox, Self::Chromium];

    /// The system's word in addresses.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Apple => "apple",
            Self::Linux => "linux",
            Self::Terminal => "terminal",
            Self::Firefox => "firefox",
            Self::Chromium => "chromium",
        }
    }

    /// The system with this word.
    pub fn of_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.slug() == slug)
    }

    /// Whether its file can hold the authority's certificate.
    pub fn takes_certificate(self) -> bool {
        matches!(self, Self::Apple | Self::Firefox | Self::Chromium)
    }

    /// The file for `device`.
    pub fn file(self, device: &Device<'_>) -> File {
        let (name, media_type, text) = match self {
            Self::Windows => ("vestibule-proxy.reg", "text/x-ms-regedit; charset=us-ascii", registry(device)),
            Self::Apple => ("vestibule-proxy.mobileconfig", "application/x-apple-aspen-config", profile(device)),
            Self::Linux => ("vestibule-proxy.sh", "text/x-shellscript; charset=utf-8", desktop(device)),
            Self::Terminal => ("vestibule-proxy.env", "text/plain; charset=utf-8", environment(device)),
            Self::Firefox => ("policies.json", "application/json", firefox(device)),
            Self::Chromium => ("vestibule-proxy.json", "application/json", chromium(device)),
        };
        File { name, media_type, text }
    }
}

/// A registry file, version 5, which changes the settings of the person who opens it.
fn registry(device: &Device<'_>) -> String {
    let address = device.pac.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "Windows Registry Editor Version 5.00\r\n\r\n\
         [HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings]\r\n\
         \"AutoConfigURL\"=\"{address}\"\r\n"
    )
}

/// A configuration profile: a global proxy, and the authority as a root if `device` has one.
fn profile(device: &Device<'_>) -> String {
    let (title, host) = (xml(device.title), xml(device.portal));
    let (whole, proxy) = (uuid(device.number, 0), uuid(device.number, 2));
    let roots = device.authority.unwrap_or_default().iter().enumerate();
    let authority: String = roots
        .map(|(index, root)| {
            let index = u8::try_from(index).unwrap_or(u8::MAX);
            let number = if index == 0 { 1 } else { index.saturating_add(2) };
            let identifier = if index == 0 { "root".to_owned() } else { format!("root{}", index + 1) };
            root_payload(device.portal, &identifier, &uuid(device.number, number), device.title, root.der)
        })
        .collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>PayloadType</key><string>Configuration</string>
  <key>PayloadVersion</key><integer>1</integer>
  <key>PayloadIdentifier</key><string>{host}.vestibule</string>
  <key>PayloadUUID</key><string>{whole}</string>
  <key>PayloadDisplayName</key><string>{title}</string>
  <key>PayloadOrganization</key><string>{title}</string>
  <key>PayloadContent</key>
  <array>
{authority}    <dict>
      <key>PayloadType</key><string>com.apple.proxy.http.global</string>
      <key>PayloadVersion</key><integer>1</integer>
      <key>PayloadIdentifier</key><string>{host}.vestibule.proxy</string>
      <key>PayloadUUID</key><string>{proxy}</string>
      <key>PayloadDisplayName</key><string>{title}</string>
      <key>ProxyType</key><string>Auto</string>
      <key>ProxyPACURL</key><string>{pac}</string>
      <key>ProxyPACFallbackAllowed</key><false/>
      <key>ProxyCaptiveLoginAllowed</key><true/>
    </dict>
  </array>
</dict>
</plist>
"#,
        pac = xml(device.pac)
    )
}

/// A script for desktops: it changes GNOME's settings, which other desktops read as well, and KDE's if KDE is there.
fn desktop(device: &Device<'_>) -> String {
    let pac = quoted(device.pac);
    format!(
        "#!/bin/sh
# Lets this desktop use the proxy by a name of its own. Nobody else may have this file.
set -eu
pac={pac}
if command -v gsettings >/dev/null; then
    gsettings set org.gnome.system.proxy autoconfig-url \"$pac\"
    gsettings set org.gnome.system.proxy mode auto
fi
for kwriteconfig in kwriteconfig6 kwriteconfig5; do
    if command -v \"$kwriteconfig\" >/dev/null; then
        \"$kwriteconfig\" --file kioslaverc --group 'Proxy Settings' --key 'Proxy Config Script' \"$pac\"
        \"$kwriteconfig\" --file kioslaverc --group 'Proxy Settings' --key ProxyType 2
    fi
done
"
    )
}

/// Variables for a shell. Programs that read them speak TLS to the proxy, and the proxy host name says whose they are.
fn environment(device: &Device<'_>) -> String {
    let proxy = quoted(device.proxy);
    format!(
        "# Lets programs in this shell use the proxy by a name of its own:   . ./vestibule-proxy.env
# Nobody else may have this file.
export http_proxy={proxy}
export https_proxy={proxy}
export HTTPS_PROXY={proxy}
export no_proxy='localhost,127.0.0.1,::1'
export NO_PROXY='localhost,127.0.0.1,::1'
"
    )
}

/// The file of a certificate: each holds one, as Firefox installs none of a file with several.
fn certificate_file(number: usize, of: usize) -> String {
    if of == 1 { "authority.pem".to_owned() } else { format!("authority-{number}.pem") }
}

/// Firefox's `policies.json`. Firefox takes the authority from the system or, on Linux, from the files beside its
/// policies.
fn firefox(device: &Device<'_>) -> String {
    let mut policies = json!({ "Proxy": { "Mode": "autoConfig", "AutoConfigURL": device.pac } });
    if let Some(roots) = device.authority
        && let Some(policies) = policies.as_object_mut()
    {
        let files: Vec<_> = (1..=roots.len()).map(|number| certificate_file(number, roots.len())).collect();
        let certificates = json!({ "ImportEnterpriseRoots": true, "Install": files });
        policies.insert("Certificates".into(), certificates);
    }
    pretty(&json!({ "policies": policies }))
}

/// A managed policy of Chromium. The PAC file is mandatory, or a browser that cannot load it would go direct.
fn chromium(device: &Device<'_>) -> String {
    let settings = json!({ "ProxyMode": "pac_script", "ProxyPacUrl": device.pac, "ProxyPacMandatory": true });
    let mut policy = json!({ "ProxySettings": settings });
    if let (Some(roots), Some(policy)) = (device.authority, policy.as_object_mut()) {
        let roots: Vec<_> = roots.iter().map(|root| STANDARD.encode(root.der)).collect();
        policy.insert("CACertificates".into(), json!(roots));
    }
    pretty(&policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "Büro & <Söhne> \"'$(id)`\n";

    const ROOT: [Root<'_>; 1] = [Root { name: HOSTILE, der: b"DER" }];

    fn device<'a>(authority: Option<&'a [Root<'a>]>) -> Device<'a> {
        Device {
            title: HOSTILE,
            portal: "portal.example.com",
            pac: "https://pac.proxy.example.com:8443/pac/abc_-DEF.pac",
            proxy: "https://d-abc.proxy.example.com:8443",
            authority,
            number: [0xab; 16],
        }
    }

    #[test]
    fn every_file_tells_the_address_and_has_a_name_and_a_type_of_its_own() {
        for system in System::ALL {
            let file = system.file(&device(Some(&ROOT)));
            let device = device(None);
            let address = if system == System::Terminal { device.proxy } else { device.pac };
            assert!(file.text.contains(address), "{file:?}");
            assert_eq!(
                file.text.contains(&STANDARD.encode(b"DER")) || file.text.contains("authority.pem"),
                system.takes_certificate()
            );
            assert!(!system.file(&device).text.contains("uthority"), "{system:?}");
            assert_eq!(System::of_slug(system.slug()), Some(system));
            assert!(file.name.contains('.') && file.media_type.contains('/'));
        }
        assert_eq!(System::of_slug("amiga"), None);
    }

    #[test]
    fn a_registry_file_is_what_windows_reads() {
        let text = System::Windows.file(&device(None)).text;
        assert!(text.starts_with("Windows Registry Editor Version 5.00\r\n\r\n["), "{text}");
        assert!(text.is_ascii() && text.lines().count() == text.matches("\r\n").count());
    }

    #[test]
    fn a_profile_is_a_property_list_whatever_the_service_is_called() {
        for authority in [None, Some(&ROOT[..])] {
            let text = System::Apple.file(&device(authority)).text;
            let mut reader = quick_xml::Reader::from_str(&text);
            let (mut depth, mut texts) = (0_i32, Vec::new());
            loop {
                match reader.read_event().unwrap() {
                    quick_xml::events::Event::Start(_) => depth += 1,
                    quick_xml::events::Event::End(_) => depth -= 1,
                    quick_xml::events::Event::Text(text) => texts.push(text.decode().unwrap().into_owned()),
                    quick_xml::events::Event::Eof => break,
                    _ => {}
                }
            }
            assert_eq!(depth, 0);
            assert_eq!(text.contains("com.apple.security.root"), authority.is_some());
            assert!(!text.contains("<Söhne>"), "{text}");
            let uuids: Vec<_> =
                texts.iter().filter(|text| text.len() == 36 && text.matches('-').count() == 4).collect();
            assert_eq!(uuids.len(), 2 + usize::from(authority.is_some()));
            assert!(uuids.iter().enumerate().all(|(index, one)| !uuids[index + 1..].contains(one)), "{uuids:?}");
            assert!(uuids.iter().all(|uuid| uuid.as_bytes()[14] == b'8'), "{uuids:?}");
        }
    }

    #[test]
    fn scripts_are_what_a_shell_reads_and_do_what_they_say() {
        let environment = System::Terminal.file(&Device { proxy: "https://a'$(id).test", ..device(None) }).text;
        let said = sh(&format!("{environment}\nprintf '%s' \"$https_proxy $HTTPS_PROXY $http_proxy $no_proxy\""));
        assert_eq!(said, "https://a'$(id).test https://a'$(id).test https://a'$(id).test localhost,127.0.0.1,::1");
        let script = System::Linux.file(&device(None)).text;
        let said = sh(&format!(
            "gsettings() {{ printf '%s;' \"$*\"; }}\nkwriteconfig6() {{ printf '%s;' \"$*\"; }}\n{script}"
        ));
        let pac = device(None).pac;
        assert_eq!(
            said,
            format!(
                "set org.gnome.system.proxy autoconfig-url {pac};set org.gnome.system.proxy mode auto;\
                 --file kioslaverc --group Proxy Settings --key Proxy Config Script {pac};\
                 --file kioslaverc --group Proxy Settings --key ProxyType 2;"
            )
        );
    }

    fn sh(script: &str) -> String {
        let output = std::process::Command::new("/bin/sh").args(["-c", script]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn policies_are_json_that_browsers_know() {
        let read = |system: System, authority: Option<&[Root<'_>]>| -> serde_json::Value {
            serde_json::from_str(&system.file(&device(authority)).text).unwrap()
        };
        let firefox = read(System::Firefox, Some(&ROOT[..]));
        assert_eq!(firefox["policies"]["Proxy"]["Mode"], "autoConfig");
        assert_eq!(firefox["policies"]["Certificates"]["Install"], json!(["authority.pem"]));
        let both = read(System::Firefox, Some(&[ROOT[0], ROOT[0]]));
        let install = &both["policies"]["Certificates"]["Install"];
        assert_eq!(*install, json!(["authority-1.pem", "authority-2.pem"]), "each holds one certificate");
        let chromium = read(System::Chromium, Some(&ROOT[..]));
        assert_eq!(chromium["ProxySettings"]["ProxyPacMandatory"], true);
        assert_eq!(chromium["CACertificates"][0], "REVS");
        assert!(read(System::Chromium, None).get("CACertificates").is_none());
    }
}
