//! Apache Traffic Server: one event thread, no cache, a text log in Squid's format.

use std::fs;

use anyhow::Result;

use super::{Place, Start};
use crate::machine::descriptors;

/// Its `squid` format (logging.yaml in its package).
const LOGGING: &str = "logging:
  formats:
  - name: squid
    format: '%<cqtq> %<ttms> %<chi> %<crc>/%<pssc> %<psql> %<cqhm> %<cquc> %<caun> %<phr>/%<shn> %<psct>'
  logs:
  - filename: access
    format: squid
    mode: ascii
";

const ALLOW: &str = "ip_allow:
- apply: in
  ip_addrs: 127.0.0.1
  action: allow
  methods: ALL
";

pub(super) fn start(place: &Place<'_>, program: &str) -> Result<Start> {
    let folder = place.folder.display();
    let own = ["sysconfdir: F/etc", "datadir: F/cache", "includedir: F", "localstatedir: F", "runtimedir: F/run"];
    let more = ["logdir: F/log", "cachedir: F/cache", "prefix: F", "exec_prefix: F"];
    let system = "bindir: /usr/bin\nsbindir: /usr/sbin\nlibdir: /usr/lib/trafficserver\n\
                  libexecdir: /usr/lib/trafficserver/modules\n";
    let own: Vec<_> = own.iter().chain(&more).map(|line| line.replace('F', &folder.to_string())).collect();
    let root = place.write("runroot.yaml", &format!("{}\n{system}", own.join("\n")))?;
    for name in ["run", "log", "cache"] {
        fs::create_dir_all(place.folder.join(name))?;
    }
    for (name, text) in [("ip_allow.yaml", ALLOW), ("logging.yaml", LOGGING), ("sni.yaml", ""), ("strategies.yaml", "")]
    {
        place.write(&format!("etc/{name}"), text)?;
    }
    let tables = ["remap", "plugin", "parent", "cache", "hosting", "socks", "splitdns", "volume", "ssl_multicert"];
    for name in tables.iter().chain(&["storage"]) {
        place.write(&format!("etc/{name}.config"), "")?;
    }
    // No cache; no user of its own, who could not read the folder; one thread.
    let settings = [
        ("admin.user_id", "STRING #-1".to_owned()),
        ("http.server_ports", format!("STRING {}:ip-in={}", place.address.port(), place.address.ip())),
        ("url_remap.remap_required", "INT 0".to_owned()),
        ("reverse_proxy.enabled", "INT 0".to_owned()),
        ("http.cache.http", "INT 0".to_owned()),
        ("http.connect_ports", format!("STRING {}", place.origin.port())),
        ("http.keep_alive_no_activity_timeout_in", "INT 600".to_owned()),
        ("http.transaction_no_activity_timeout_in", "INT 600".to_owned()),
        ("http.transaction_no_activity_timeout_out", "INT 600".to_owned()),
        ("exec_thread.autoconfig", "INT 0".to_owned()),
        ("exec_thread.limit", "INT 1".to_owned()),
        ("accept_threads", "INT 0".to_owned()),
        ("task_threads", "INT 1".to_owned()),
        ("net.connections_throttle", format!("INT {}", descriptors())),
        ("log.logging_enabled", "INT 3".to_owned()),
        ("crash_log_helper", "STRING NULL".to_owned()),
    ];
    let settings = settings.map(|(name, value)| format!("CONFIG proxy.config.{name} {value}\n"));
    place.write("etc/records.config", &settings.concat())?;
    let mut command = place.cores.on_proxy_core(program);
    command.arg(format!("--run-root={}", root.display()));
    Ok(Start { command, log: Some(place.folder.join("log/access.log")) })
}
