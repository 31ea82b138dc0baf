//! A test in a network namespace of its own (network_namespaces(7)), where addresses can be taken.

use std::process::Command;

/// The test that runs in a namespace, for the process that runs it there.
const INSIDE: &str = "VESTIBULE_TEST_INSIDE";

/// Whether this process runs `test` in a namespace of its own, with loopback and nothing else. If it does not, it has had
/// another one do that, which has passed it.
pub(crate) fn is_inside<T: Fn()>(_test: T) -> bool {
    let (_, name) = std::any::type_name::<T>().split_once("::").unwrap();
    if std::env::var(INSIDE).is_ok_and(|inside| inside == name) {
        run("ip", &["link", "set", "lo", "up"]);
        return true;
    }
    let mut child = Command::new("unshare");
    let child = child.args(["--map-root-user", "--net"]).arg(std::env::current_exe().unwrap()).env(INSIDE, name);
    let output = child.args(["--exact", name, "--nocapture"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    false
}

/// Runs a program that must not fail.
pub(crate) fn run(program: &str, words: &[&str]) {
    assert!(Command::new(program).args(words).status().unwrap().success(), "{program} {words:?}");
}
