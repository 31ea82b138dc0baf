//! The tools that people have: curl, wget, git, apt, pip and npm, each with a token, and each without one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::super::clients::origins::{Server, nginx};
use super::super::world::World;
use super::{signed_in, world};

/// A machine with tools on it, a token, and an origin that has something for each of them.
struct Machine {
    world: World,
    token: String,
    /// A folder of its own for everything that tools write.
    home: PathBuf,
    _server: Server,
}

impl Machine {
    /// `fill` puts files into the origin's folder.
    fn new(fill: impl FnOnce(&Path)) -> Self {
        let mut builder = world();
        let (chain, key) = builder.certify_files("nginx.test");
        let server = nginx(builder.folder(), &chain, &key);
        fill(&builder.folder().join("site"));
        let world = builder.host("nginx.test:80", server.plain).host("nginx.test:443", server.secure).start();
        let token = signed_in(&world).make_token("tools", &[]);
        let home = world.folder().join("home");
        std::fs::create_dir(&home).unwrap();
        Self { world, token, home, _server: server }
    }

    /// The proxy, with the token or without one.
    fn proxy(&self, with_token: bool) -> String {
        let credentials = if with_token { format!("token:{}@", self.token) } else { String::new() };
        format!("http://{credentials}{}", self.world.proxy)
    }

    /// Runs a tool with nothing of this machine's own settings.
    fn run(&self, with_token: bool, name: &str, arguments: &[&str]) -> Output {
        let proxy = self.proxy(with_token);
        let mut command = Command::new(name);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &self.home);
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("APT_CONFIG", self.home.join("apt.conf"));
        for variable in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            command.env(variable, &proxy);
        }
        let output = command.args(arguments).current_dir(&self.home).stdin(Stdio::null()).output();
        output.unwrap_or_else(|error| panic!("{name}: {error}; `make test` installs it"))
    }

    fn bundle(&self) -> String {
        self.world.bundle.display().to_string()
    }

    /// Whether a tool that was let through is recorded under the person's name.
    fn check_records(&self, scheme: &str) {
        self.world.wait_for(|all| {
            all.iter().any(|record| {
                record["host"] == "nginx.test"
                    && record["scheme"] == scheme
                    && record["user"] == "B.Simon@contoso.com"
                    && record["surrogate"] == "proxy-token"
                    && record["evidence"] == "tools"
            })
        });
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn shell(folder: &Path, script: &str) {
    let output = Command::new("sh").args(["-ec", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn curl_and_wget_work_with_a_token() {
    let machine = Machine::new(|_| {});
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://nginx.test/letters.txt");
        let curl = |with_token| machine.run(with_token, "curl", &["-qfsS", "--cacert", &machine.bundle(), &url]);
        let got = curl(true);
        assert_eq!(String::from_utf8_lossy(&got.stdout), "abcdefghijklmnopqrstuvwxyz", "{}", said(&got));
        let refused = curl(false);
        assert!(!refused.status.success() && said(&refused).contains("407"), "{}", said(&refused));
        // One that first asks how to prove who it is, as git does.
        let options = ["-qfsS", "--proxy-anyauth", "--cacert", &machine.bundle(), &url];
        let got = machine.run(true, "curl", &options);
        assert!(got.status.success(), "{}", said(&got));
        let wget = |with_token| {
            let certificate = format!("--ca-certificate={}", machine.bundle());
            machine.run(with_token, "wget", &["-nv", "-t", "1", "-O", "-", &certificate, &url])
        };
        let got = wget(true);
        assert_eq!(String::from_utf8_lossy(&got.stdout), "abcdefghijklmnopqrstuvwxyz", "{}", said(&got));
        let refused = wget(false);
        assert!(
            !refused.status.success() && said(&refused).contains("Proxy Authentication Required"),
            "{}",
            said(&refused)
        );
        machine.check_records(scheme);
    }
}

#[test]
fn git_clones_over_https_with_a_token() {
    let machine = Machine::new(|site| {
        let make =
            "git init -q work && cd work && git -c user.name=a -c user.email=a@test commit -q --allow-empty -m one
            echo hello > file && git add file && git -c user.name=a -c user.email=a@test commit -q -m two
            cd .. && git clone -q --bare work work.git && cd work.git && git update-server-info && cd .. && rm -r work";
        shell(site, make);
    });
    let clone = |with_token, to: &str| {
        let certificates = format!("http.sslCAInfo={}", machine.bundle());
        let arguments = ["-c", &certificates, "clone", "-q", "https://nginx.test/work.git", to];
        machine.run(with_token, "git", &arguments)
    };
    let cloned = clone(true, "copy");
    assert!(cloned.status.success(), "{}", said(&cloned));
    assert_eq!(std::fs::read_to_string(machine.home.join("copy/file")).unwrap(), "hello\n");
    let refused = clone(false, "other");
    assert!(!refused.status.success() && said(&refused).contains("407"), "{}", said(&refused));
    machine.check_records("https");
}

#[test]
fn apt_installs_nothing_but_fetches_with_a_token() {
    let machine = Machine::new(|site| {
        let make = "mkdir -p debian/hello/DEBIAN && cd debian
            printf 'Package: hello-vestibule\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: a <a@test>\\nDescription: a test\\n' \
                > hello/DEBIAN/control
            dpkg-deb -b hello hello-vestibule_1.0_all.deb >/dev/null && rm -r hello
            dpkg-scanpackages . /dev/null > Packages 2>/dev/null";
        shell(site, make);
    });
    for scheme in ["http", "https"] {
        let root = machine.home.join(scheme);
        for folder in ["lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d", "log"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::fs::write(root.join("status"), "").unwrap();
        std::fs::write(root.join("sources"), format!("deb [trusted=yes] {scheme}://nginx.test/debian ./\n")).unwrap();
        let apt = |with_token, arguments: &[&str]| {
            let proxy = machine.proxy(with_token);
            let config = format!(
                "Dir::State::Lists \"{0}/lists\";\nDir::State::status \"{0}/status\";\nDir::Cache \"{0}/cache\";\n\
                 Dir::Etc::SourceList \"{0}/sources\";\nDir::Etc::SourceParts \"-\";\nDir::Etc::Parts \"{0}/etc/apt.conf.d\";\n\
                 Dir::Etc::PreferencesParts \"{0}/etc/preferences.d\";\nDir::Log \"{0}/log\";\nDebug::NoLocking \"true\";\n\
                 APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAcquire::Retries \"0\";\n\
                 Acquire::http::Proxy \"{proxy}\";\nAcquire::https::Proxy \"{proxy}\";\nAcquire::https::CAInfo \"{1}\";\n",
                root.display(),
                machine.bundle()
            );
            std::fs::write(machine.home.join("apt.conf"), config).unwrap();
            machine.run(with_token, "apt-get", arguments)
        };
        let refused = apt(false, &["-q", "update", "-o", "APT::Update::Error-Mode=any"]);
        assert!(!refused.status.success() && said(&refused).contains("407"), "{}", said(&refused));
        let updated = apt(true, &["-q", "update", "-o", "APT::Update::Error-Mode=any"]);
        assert!(updated.status.success(), "{}", said(&updated));
        let fetched = apt(true, &["-q", "download", "hello-vestibule"]);
        let package = machine.home.join("hello-vestibule_1.0_all.deb");
        assert!(fetched.status.success() && package.exists(), "{}", said(&fetched));
        std::fs::remove_file(package).unwrap();
        machine.check_records(scheme);
    }
}

#[test]
fn pip_downloads_with_a_token() {
    let machine = Machine::new(|site| {
        let make = "mkdir -p simple/hello-vestibule && cd simple/hello-vestibule && python3 - <<'END'
import zipfile
name = 'hello_vestibule-1.0'
with zipfile.ZipFile(name + '-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('hello_vestibule.py', 'said = 1\\n')
    wheel.writestr(name + '.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: hello-vestibule\\nVersion: 1.0\\n')
    wheel.writestr(name + '.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: a\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(name + '.dist-info/RECORD', '')
open('index.html', 'w').write('<!doctype html><a href=\"%s-py3-none-any.whl\">%s</a>' % (name, name))
END";
        shell(site, make);
    });
    let pip = |with_token| {
        let (bundle, proxy) = (machine.bundle(), machine.proxy(with_token));
        let arguments = [
            ["-m", "pip", "--isolated", "--disable-pip-version-check", "--retries", "0"].as_slice(),
            &["--cert", &bundle, "--proxy", &proxy, "download", "--no-deps", "--no-cache-dir"],
            &["--index-url", "https://nginx.test/simple/", "hello-vestibule"],
        ];
        // Debian's, whatever else is on PATH.
        machine.run(with_token, "/usr/bin/python3", &arguments.concat())
    };
    // It keeps to itself why.
    let refused = pip(false);
    assert!(!refused.status.success(), "{}", said(&refused));
    machine.world.wait_for(|all| all.iter().any(|record| record["host"] == "nginx.test" && record["status"] == 407));
    let got = pip(true);
    let wheel = machine.home.join("hello_vestibule-1.0-py3-none-any.whl");
    assert!(got.status.success() && wheel.exists(), "{}", said(&got));
    machine.check_records("https");
}

#[test]
fn npm_installs_with_a_token() {
    let machine = Machine::new(|site| {
        let make = r#"mkdir -p npm tar/package && cd tar
            printf '{"name":"hello-vestibule","version":"1.0.0"}' > package/package.json
            tar czf ../npm/hello-1.0.0.tgz package && cd .. && rm -r tar
            printf '{"name":"hello-vestibule","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"hello-vestibule","version":"1.0.0","dist":{"tarball":"https://nginx.test/npm/hello-1.0.0.tgz"}}}}' \
                > npm/hello-vestibule"#;
        shell(site, make);
    });
    let npm = |with_token| {
        let (cafile, proxy) = (format!("--cafile={}", machine.bundle()), machine.proxy(with_token));
        let (plain, secure) = (format!("--proxy={proxy}"), format!("--https-proxy={proxy}"));
        let arguments = [
            ["install", "--no-audit", "--no-fund", "--no-update-notifier", "--fetch-retries=0"].as_slice(),
            &["--ignore-scripts", "--registry=https://nginx.test/npm/", &cafile, &plain, &secure, "hello-vestibule"],
        ];
        machine.run(with_token, "npm", &arguments.concat())
    };
    let refused = npm(false);
    assert!(!refused.status.success() && said(&refused).contains("407"), "{}", said(&refused));
    let got = npm(true);
    let installed = machine.home.join("node_modules/hello-vestibule/package.json");
    assert!(got.status.success() && installed.exists(), "{}", said(&got));
    machine.check_records("https");
}
