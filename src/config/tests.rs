//! Broken files, and exactly what is said about them.

use super::*;

const GOOD: &str = include_str!("../../config/minimal.toml");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

/// What is said about `text`, as `line:column: message / help / help`.
fn said(text: &str) -> Vec<String> {
    let environment = |name: &str| matches!(name, "SET" | "PARENT_PASSWORD").then(|| "secret".to_owned());
    let Err(problems) = parse(text, "a.toml", &folder(), &environment) else { return vec![] };
    let line = |problem: &Problem| {
        let place = problem.place.as_ref().map_or("-".to_owned(), |place| format!("{}:{}", place.line, place.column));
        let help: String = problem.help.iter().map(|help| format!(" / {help}")).collect();
        format!("{place}: {}{help}", problem.message).replace(&format!("{}/", folder().display()), "")
    };
    problems.list.iter().map(line).collect()
}

/// What is said about the smallest good file with `more` behind it. Lines are counted from the first one of `more`.
fn said_of(more: &str) -> Vec<String> {
    let before = GOOD.lines().count();
    let shifted = |line: String| match line.split_once(':') {
        Some((number, rest)) => match number.parse::<usize>() {
            Ok(number) => format!("{}:{rest}", number - before),
            Err(_) => line,
        },
        None => line,
    };
    said(&format!("{GOOD}{more}")).into_iter().map(shifted).collect()
}

#[test]
fn every_shipped_file_is_good() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            load(&path, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
        }
    }
}

/// The example with what stands behind a `#`: its defaults, or what it calls examples too.
fn switched_on(examples: bool) -> String {
    let text = std::fs::read_to_string(folder().join("vestibule.toml")).unwrap();
    let mut is_example = false;
    let mut after_option = true;
    let line = |line: &str| {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let is_option = bare.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        if !is_option {
            // The first line of a comment begins anew; options below one another share their comment.
            is_example = bare.to_lowercase().contains("example") || (is_example && !after_option);
            after_option = false;
            return line.to_owned();
        }
        after_option = true;
        if is_example && !examples { line.to_owned() } else { bare.to_owned() }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_shows_true_defaults() {
    let read = |text: &str| format!("{:#?}", parse(text, "a.toml", &folder(), &|_| None).unwrap());
    let plain = std::fs::read_to_string(folder().join("vestibule.toml")).unwrap();
    let defaults = switched_on(false);
    assert!(defaults.contains("\nmax_age = \"5m\"") && !defaults.contains("\nissuer"), "{defaults}");
    let (plain, defaults) = (read(&plain), read(&defaults));
    assert_eq!(plain.lines().zip(defaults.lines()).find(|(plain, on)| plain != on), None);
    assert_eq!(plain.len(), defaults.len());
}

#[test]
fn every_example_in_the_example_can_be_switched_on() {
    // Left are files that an operator would bring, and what can't stand beside each other.
    let said = said(&switched_on(true));
    let (files, others): (Vec<_>, Vec<_>) = said.into_iter().partition(|line| line.contains("be read"));
    assert_eq!(files.len(), 9, "{files:#?}");
    let others: Vec<&str> = others.iter().filter_map(|line| line.split_once(": ")).map(|(_, said)| said).collect();
    let doubled = ["metadata_url", "issuer", "login_url", "logout_url", "logout_binding", "certificate"];
    let doubled = doubled.map(|key| format!("`{key}` can't stand beside `metadata` / remove one of them"));
    let terms = "`guest_terms` says already what guests agree to / remove one of the two".to_owned();
    assert_eq!(others, [vec![terms], doubled.to_vec()].concat());
}

#[test]
fn the_example_shows_every_option() {
    let text = switched_on(true);
    for section in [
        "",
        "[[listener]]",
        "[portal]",
        "[[realm]]",
        "[[network]]",
        "[session]",
        "[session.redis]",
        "[dns]",
        "[egress]",
        "[[egress.parent]]",
        "[limits]",
        "[policy]",
        "[[policy.rule]]",
        "[proxy_names]",
        "[pac]",
        "[[pac.file]]",
        "[log]",
        "[metrics]",
    ] {
        let said = said(&format!("{section}\nq-q-q = 1"));
        let known =
            said.iter().find_map(|line| line.split_once("known here: ")).unwrap_or_else(|| panic!("{said:?}")).1;
        let name = section.trim_matches(['[', ']']);
        // All sections of this name; before the first one of any name is the top.
        let mut inside = section.is_empty();
        let mut body = Vec::new();
        for line in text.lines() {
            if line.starts_with('[') {
                inside = line == section;
            }
            if inside {
                body.push(line);
            }
        }
        for key in known.split(", ").map(|key| key.trim_matches('`')) {
            let shown = body.iter().any(|line| line.starts_with(&format!("{key} = ")));
            let path = if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
            let elsewhere =
                [format!("\n[{path}]\n"), format!("\n[[{path}]]\n")].iter().any(|header| text.contains(header));
            assert!(shown || elsewhere, "`{key}` of `{section}` is not shown in config/vestibule.toml");
        }
    }
}

#[test]
fn the_smallest_file_has_every_default() {
    let config = parse(GOOD, "a.toml", &folder(), &|_| None).unwrap();
    assert_eq!(config.state, Path::new("/var/lib/vestibule"));
    assert_eq!(config.listeners[0].name, "proxy");
    assert_eq!(config.portal.listen.to_string(), "0.0.0.0:8443");
    assert_eq!(config.dial().connect_ports, [443, 8443, 80]);
    assert_eq!(config.realms[0].metadata.as_deref(), Some(&*folder().join("contoso.xml")));
    assert!(pac::Pac::build(&config.pac, &pac::Facts::default()).unwrap().has("/wpad.dat"));
}

#[test]
fn an_empty_file_says_what_is_missing() {
    assert_eq!(
        said(""),
        [
            "-: the section `[portal]` is missing / add a line `[portal]`, and what belongs below it",
            "-: there is no listener / add `[[listener]]` with `address = \"0.0.0.0:8080\"`",
            "-: there is no realm, so nobody could sign in / add a `[[realm]]`",
        ]
    );
}

#[test]
fn all_problems_are_found_at_once() {
    let text = "\
stat = 'x'
[[listener]]
adress = '0.0.0.0:8080'
[[listener]]
address = '0.0.0.0'
name = 5
[portal]
lisen = 'x'
[session]
lifetime = '30'
state = 'a'
[[realm]]
name = 'a'
[log]
level = 'loud'
";
    assert_eq!(
        said(text),
        [
            "1:1: unknown key `stat` / did you mean `state`?",
            "3:1: unknown key `adress` in `[[listener]]` / did you mean `address`?",
            "5:11: invalid socket address syntax / an address and a port, such as \"0.0.0.0:8080\" or \"[::]:8080\"",
            "6:8: expected a string, found integer `5`",
            "7:1: `url` is missing in `[portal]` / add a line `url = …` below it",
            "8:1: unknown key `lisen` in `[portal]` / did you mean `listen`?",
            "10:12: `30` is not a duration such as \"250ms\", \"30s\", \"10m\", \"12h\" or \"30d\": it needs a unit",
            "11:1: unknown key `state` in `[session]` / `state` belongs to the top of the file, before the first \
             `[section]`",
            "12:1: `domains` is missing in `[[realm]]` / add a line `domains = …` below it",
            "12:1: `entity_id` is missing in `[[realm]]` / add a line `entity_id = …` below it",
            "12:1: nothing says who the identity provider of this realm is / add `metadata_url = \"https://…\"` or \
             `metadata = \"FILE\"`, both from the identity provider",
            "15:9: `loud` is not accepted here / accepted: `error`, `warn`, `info`, `debug`, `trace`",
        ]
    );
}

#[test]
fn mistakes_in_the_syntax_are_found_with_the_others() {
    assert_eq!(
        said("a =\nb = 10.0.0.1\n[portal]\nurl = 'https://a.example'\nurl = 'y'\nlisen = 'a'\ntitle = yes\n"),
        [
            "1:4: there is no value behind `=`",
            "2:9: this is not a number / put other values in quotes: \"…\"",
            "5:1: this key or section stands there already / sections of which there may be several are written \
             `[[section]]`",
            "6:1: unknown key `lisen` in `[portal]` / did you mean `listen`?",
            "7:9: a text without quotes / put it in quotes: \"…\"",
        ]
    );
    assert_eq!(said("[portal\nurl = 'x'\n"), ["1:8: unclosed table, expected `]`"]);
}

#[test]
fn each_kind_of_problem_has_its_place_and_its_advice() {
    for (more, problem) in [
        // The wrong shape.
        ("[[log]]\nlevel = 'info'", "1:1: there may be only one `[log]` / write `[log]`"),
        ("[network]\nname = 'a'", "1:1: there may be several of `[network]` / write `[[network]]`"),
        ("[pac.file]\nname = 'a'", "1:1: there may be several of `[pac.file]` / write `[[pac.file]]`"),
        ("[session]\nmax = 'many'", "2:7: expected a whole number, found string \"many\""),
        // Listeners and portal.
        (
            "[[listener]]\naddress = '127.0.0.1:8080'\nname = 'b'",
            "2:11: the listener `proxy` takes 0.0.0.0:8080 already",
        ),
        (
            "[[listener]]\naddress = '127.0.0.1:8081'",
            "1:1: two entries of `[[listener]]` are called `proxy` / records and rules tell them apart by their names",
        ),
        (
            "[[listener]]\nname = 'b'\naddress = '0.0.0.0:8443'",
            "3:11: the portal listens at 0.0.0.0:8443, so nothing else can / choose another port here, or for \
             `listen` in `[portal]`",
        ),
        // Networks.
        (
            "[[network]]\nname = 'elsewhere'\naddresses = ['10.0.0.0/8']",
            "2:8: no network can be called `elsewhere` / it is the name of what no `[[network]]` holds",
        ),
        (
            "[[network]]\nname = 'a'\naddresses = ['10.1.0.0/8']",
            "3:14: `10.1.0.0/8` is an address inside a range / write \"10.0.0.0/8\" for the range, or \"10.1.0.0/32\" \
             for the address",
        ),
        ("[[network]]\nname = 'a'\naddresses = []", "3:13: a network without addresses holds nobody"),
        (
            "[[network]]\nname = 'a'\naddresses = ['10.0.0.0/8']\n[[network]]\nname = 'b'\naddresses = ['10.0.0.0/8']",
            "6:14: 10.0.0.0/8 belongs to the network `a` already",
        ),
        (
            "[[network]]\nname = 'a'\naddresses = ['10.0.0.0/8']\nshared = true\naddress = true",
            "5:11: `address = true` can't stand beside `shared = true` / on a shared network one address stands for \
             several people: remove `address` or `shared`",
        ),
        ("[[network]]\nname = ''\naddresses = ['10.0.0.0/8']", "2:8: a name can't be empty"),
        // Realms.
        (
            "[[realm]]\nname = 'b'\ndomains = ['Contoso.com']\nentity_id = 'b'\nmetadata = 'contoso.xml'",
            "3:12: `contoso.com` belongs to the realm `contoso` already / a domain chooses the realm, so it can \
             belong to one only",
        ),
        (
            "[[realm]]\nname = 'b'\ndomains = ['b.example']\nentity_id = 'b'\nissuer = 'b'",
            "1:1: the identity provider's `login_url`, `certificate` is missing / or give its `metadata` instead",
        ),
        ("issuer = 'b'", "1:10: `issuer` can't stand beside `metadata` / remove one of them"),
        (
            "[[realm]]\nname = 'b'\ndomains = ['b.example']\nentity_id = 'b'\nmetadata = 'minimal.toml'",
            "5:12: the identity provider can't be used: the metadata are not XML that can be read",
        ),
        (
            "[realm.netbios]\nCONTOSO = 'contoso.example'",
            "2:11: `CONTOSO` stands for `contoso.example`, which is not one of the realm's domains",
        ),
        // Proxy host names.
        (
            "[proxy_names]\ndomain = 'https://proxy.example.com'",
            "2:10: `https://proxy.example.com` is not a domain, such as \"proxy.example.com\"",
        ),
        (
            "[proxy_names]\nexpires = '10m'",
            "2:11: names would end before they are used / browsers fetch a PAC file every 12 hours or so; the default \
             is \"90d\"",
        ),
        ("[proxy_names]\nmax_per_person = 0", "2:18: nobody could have a device / the default is 20"),
        (
            "[proxy_names]\ndomain = 'proxy.test'",
            "2:10: the names are read in the TLS handshake, and no listener speaks TLS / add a `[[listener]]` with `tls = \
             { names = [\"proxy.test\", \"*.proxy.test\"] }`, or with a certificate for these names",
        ),
        (
            "[[listener]]\nname = 'b'\naddress = '127.0.0.1:1443'\ntls = { names = ['proxy.test'] }\n[proxy_names]\n\
             domain = 'proxy.test'",
            "4:17: no certificate would be issued for the names below `proxy.test` / add \"*.proxy.test\"",
        ),
        (
            "[[pac.file]]\nname = 'proxy'\nnames = true",
            "3:9: `proxy` has no names to give out / add `[proxy_names]` with a `domain`",
        ),
        ("[proxy_names]\nport = 0", "2:8: there is no port 0 / the usual one is 443"),
        // Names and addresses.
        ("[dns.hosts]\n'a.test' = '127.0.0.1:80'", "2:12: a port on the right needs a port on the left"),
        (
            "[dns]\nservers = ['dns.example']",
            "2:11: `dns.example` is not a DNS server, such as \"192.0.2.53\" or \"192.0.2.53:5353\"",
        ),
        ("[egress]\nallow = ['10.0.0.0/8']\nrefuse = ['10.0.0.0/8']", "2:10: 10.0.0.0/8 is both allowed and refused"),
        ("[egress]\nconnect_ports = [443, 0]", "2:23: there is no port 0"),
        (
            "[egress]\nconnect_ports = [443, 60443]",
            "2:23: port 60443 is ours on every host: tickets of the sign-in arrive there / leave it out: nothing is ever dialled there",
        ),
        ("[egress]\nconnect_ports = [99999]", "2:18: expected a number from 0 to 65535, found integer `99999`"),
        (
            "[egress]\nroute = ['hq', 'direct']\n[[egress.parent]]\nname = 'hk'\nurl = 'http://hq.test:3128'",
            "2:9: there is no parent `hq` / did you mean `hk`?",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nroute = 'branch'",
            "4:9: there is no parent `branch` / there are: `direct`, and addresses of this machine",
        ),
        (
            "[[egress.parent]]\nname = 'direct'\nurl = 'http://hq.test:3128'",
            "2:8: no parent can be called `direct` / a route could not name it: letters, digits and hyphens will do",
        ),
        (
            "[[egress.parent]]\nname = 'hq'\nurl = 'http://us:them@hq.test:3128'",
            "3:7: a parent's name and password are written as `username` and `password`",
        ),
        (
            "[[egress.parent]]\nname = 'hq'\nurl = 'http://hq.test:3128'\npassword = 'x'",
            "4:12: a password without a name is nobody's / add `username`",
        ),
        (
            "[[egress.parent]]\nname = 'hq'\nurl = 'socks5://hq.test:1080'\nusername = 'us'",
            "4:12: SOCKS takes no name without a password / add `password`",
        ),
        (
            "[[egress.parent]]\nname = 'hq'\nurl = 'http://hq.test:3128'\nusername = 'a:b'",
            "4:12: a name with a colon can't be sent to an HTTP proxy",
        ),
        (
            "[egress]\nsource = ['192.0.2.1', '192.0.2.2']",
            "2:24: 192.0.2.1 is dialled from already / one address of each family is used; a rule can name another one \
             as its `route`",
        ),
        // Limits and sessions.
        (
            "[session]\nidle = '1m'",
            "2:8: sessions would end between two pages / the last use is kept to the minute; such as \"12h\"",
        ),
        ("[session]\nmax_per_person = 0", "2:18: with `max_per_person = 0` nobody could sign in"),
        (
            "[session.tokens]\nmax_lifetime = '1h'",
            "2:16: tokens would not last a day / people choose a number of days; the default is \"365d\"",
        ),
        (
            "[session.tokens]\nlifetime = '400d'",
            "2:12: `lifetime` is a day or more, and not longer than `max_lifetime` / the default is \"90d\"",
        ),
        (
            "[session.tokens]\nterminal_lifetime = '1s'",
            "2:21: terminals would be signed out at once / the default is \"12h\"",
        ),
        (
            "[session.tokens]\nmax_per_person = 0",
            "2:18: nobody could have a token / `enabled = false` switches tokens off",
        ),
        ("[session]\nstore = 'disk'", "2:9: `disk` is not accepted here / accepted: `embedded`, `memory`"),
        (
            "[session.redis]\nservers = ['redis://a:1']",
            "1:1: nodes that share a store need a `secret` / the same on all nodes, by chance: openssl rand -base64 32",
        ),
        (
            "[session.redis]\nservers = ['redis://a:1']\nsecret = 'short'",
            "3:10: the secret can be guessed / 32 characters or more, by chance: openssl rand -base64 32",
        ),
        (
            "[session.redis]\nservers = ['redis://a:1']\nsecret = '01234567890123456789012345678901'\nother_secrets = ['short']",
            "4:18: the secret can be guessed / 32 characters or more, by chance: openssl rand -base64 32",
        ),
        (
            "[session.redis]\nservers = ['redis://u:p@a:1']",
            "2:11: a server's address holds no secrets: use `username` and `password`",
        ),
        ("[session]\nlifetime = '1s'", "2:12: sessions would end as soon as they begin / the default is \"30d\""),
        ("[limits]\nhead_time = '0s'", "2:13: with `head_time = \"0s\"` nothing could be served"),
        ("[limits]\nconnections = 0", "2:15: with `connections = 0` nothing could be served"),
        (
            "[limits]\nhead_bytes = '64KB'",
            "2:14: `64KB` is not a size such as \"512B\", \"64KiB\" or \"16MiB\": its unit is not known",
        ),
        // Policy.
        (
            "[[network]]\nname = 'office'\naddresses = ['10.0.0.0/8']\n[[policy.rule]]\nname = 'a'\neffect = 'block'\nnetworks = ['ofice']",
            "7:13: there is no network `ofice` / did you mean `office`?",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nauthenticate = false\ngroups = ['g']",
            "4:16: a rule with `authenticate = false` can't name realms, users or groups / nobody is asked who they are, so it \
             would never match",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nreauthenticate = '30s'",
            "4:18: `reauthenticate` is at least \"1m\" / people need that long to come back from the sign-in page",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\nreauthenticate = '1h'",
            "4:18: `reauthenticate` can't stand in a rule that blocks or asks nobody / remove it: nobody is let through by \
             this rule because of who they are",
        ),
        ("[policy]\ndefault = 'deny'", "2:11: `deny` is not accepted here / accepted: `allow`, `block`"),
        // PAC.
        (
            "[[pac.file]]\nname = 'a'\ntemplate = 'standart'",
            "3:12: the template `standart` can't be read / built-in templates: `standard`, `all`; anything else is the path of a \
             file",
        ),
        ("[[pac.file]]\nname = 'A b'", "2:8: `A b` can't be the name of a PAC file: only a-z, 0-9, `-` and `_` can"),
        (
            "[[pac.file]]\nname = 'a'\nproxies = ['proxy']",
            "3:11: `proxy` is not a proxy: it needs a port from 1 to 65535, as in `proxy.example.com:8080`",
        ),
        (
            "[[pac.file]]\nname = 'a'\n[pac.file.networks]\nlab = ['a:1']",
            "4:7: there is no network `lab` / there are: `elsewhere`",
        ),
        (
            "[[pac.file]]\nname = 'a'\ntemplate = 'minimal.toml'",
            "3:12: the template can't be served: it has no `function FindProxyForURL(url, host)` at the top level; a `const` \
             or `let` is not found",
        ),
    ] {
        assert_eq!(said_of(more), [problem], "{more}");
    }
}

#[test]
fn the_portal_has_an_https_address_of_its_own() {
    for (url, message) in [
        ("https://localhost:8443", "browsers never ask a proxy for `localhost`, so they would not find the portal"),
        ("https://192.0.2.1", "the portal needs a name: an address has no certificate and no cookies"),
    ] {
        let text = GOOD.replace("https://portal.contoso.com\"\n\n", &format!("{url}\"\n\n"));
        assert_eq!(said(&text), [format!("6:7: {message} / such as \"https://portal.example.com\"")], "{url}");
    }
}

#[test]
fn what_the_portal_shows_must_be_there() {
    for (line, problem) in [
        ("logo = 'none.svg'", "7:8: the logo none.svg cannot be read: No such file or directory (os error 2)"),
        (
            "logo = 'minimal.toml'",
            "7:8: the logo minimal.toml is not a PNG, JPEG, WebP or SVG file of at most 65536 bytes",
        ),
        ("time_zone = 'Mars/Olympus'", "7:13: there is no time zone `Mars/Olympus`"),
        ("key = 'minimal.toml'", "7:7: the key's `certificate` is missing"),
        ("certificate = 'minimal.toml'", "7:15: the certificate's `key` is missing"),
        (
            "sign_in_timeout = '5s'",
            "7:19: nobody signs in so quickly / typing a password with a second factor takes a few minutes; the default \
             is \"30m\"",
        ),
    ] {
        let text = GOOD.replace("portal.contoso.com\"\n\n", &format!("portal.contoso.com\"\n{line}\n\n"));
        assert_eq!(said(&text), [problem], "{line}");
    }
}

#[test]
fn a_secret_is_looked_up_before_it_is_read() {
    #[derive(Debug, Deserialize)]
    struct Holder {
        a: crate::secret::Secret,
        b: crate::secret::Secret,
        #[serde(default)]
        c: Option<crate::secret::Secret>,
    }
    let environment = |name: &str| matches!(name, "SET" | "PARENT_PASSWORD").then(|| "from the environment".to_owned());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "from a file\n").unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    let secrets = Secrets::new(folder.path(), &environment);
    let good = read::read::<Holder>("a = { env = 'SET' }\nb = { file = 'key' }\nc = 'plain'", &secrets);
    assert_eq!(good.problems, []);
    let holder = good.value.unwrap();
    assert_eq!((holder.a.expose(), holder.b.expose()), ("from the environment", "from a file"));
    assert_eq!(holder.c.unwrap().expose(), "plain");
    let bad = read::read::<Holder>("a = { env = 'UNSET' }\nb = { file = 'empty' }\nc = { file = 'none' }", &secrets);
    let said: Vec<&str> = bad.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(said[0], "the environment variable `UNSET` is not set, and should hold a secret");
    assert!(said[1].ends_with("empty`: it is empty"), "{said:?}");
    assert!(said[2].contains("No such file"), "{said:?}");
    assert_eq!(said.len(), 3);
}

#[test]
fn a_file_that_is_not_there_is_one_problem() {
    let problems = load(Path::new("/nowhere/a.toml"), &|_| None).unwrap_err();
    assert_eq!(problems.list.len(), 1);
    assert!(problems.to_string().contains("the file can't be read: No such file"), "{problems}");
}

const FABRIKAM: &str =
    "[[realm]]\nname = 'fabrikam'\ndomains = ['fabrikam.com']\nentity_id = 'b'\nmetadata = 'contoso.xml'\n";

/// What is said of a rule with this line, with two realms.
fn said_of_rule(line: &str) -> Vec<String> {
    said_of(&format!("{FABRIKAM}[[policy.rule]]\nname = 'a'\neffect = 'block'\n{line}"))
}

#[test]
fn a_rule_names_people_and_groups_so_that_they_mean_one() {
    for line in [
        "users = ['b.simon@contoso.com', 'Eve@Fabrikam.com', 'fabrikam/bsimon', 'guest']",
        "groups = ['contoso/Interns', 'fabrikam//staff']",
        "realms = ['fabrikam']\nusers = ['bsimon']\ngroups = ['Interns']",
    ] {
        assert_eq!(said_of_rule(line), [""; 0], "{line}");
    }
    let write = |name: &str| {
        format!(
            "9:10: `{name}` could be of the realms `contoso`, `fabrikam` / write `contoso/{name}`, or name the realm as \
             `realms = [\"contoso\"]` in this rule"
        )
    };
    for (line, message) in [
        ("users = ['bsimon']", write("bsimon")),
        ("users = ['6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01']", write("6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01")),
        ("groups = ['I']", write("I").replace("9:10", "9:11")),
        (
            "users = ['eve@other.example']",
            "9:10: no realm here speaks for `eve@other.example`, so it means nobody / people are named by the identity claim of \
             their realm, in one of its `domains`, or by their object ID"
                .to_owned(),
        ),
        ("users = ['fabrikm/eve']", "9:10: there is no realm `fabrikm` / did you mean `fabrikam`?".to_owned()),
        ("realms = ['fabrikm']", "9:11: there is no realm `fabrikm` / did you mean `fabrikam`?".to_owned()),
        (
            "realms = ['fabrikam']\nauthenticate = false",
            "10:1: a rule with `authenticate = false` can't name realms, users or groups / nobody is asked who they are, so it \
             would never match"
                .to_owned(),
        ),
    ] {
        let found: Vec<_> = said_of_rule(line).iter().map(|line| line.replace("10:16", "10:1")).collect();
        assert_eq!(found, [message], "{line}");
    }
    assert_eq!(said_of("[[policy.rule]]\nname = 'a'\neffect = 'block'\nusers = ['bsimon']\ngroups = ['x']"), [""; 0]);
    let opened = FABRIKAM.replace("entity_id", "foreign_names = ['contoso.com']\nentity_id");
    let rule = "[[policy.rule]]\nname = 'a'\neffect = 'block'\nusers = ['b.simon@contoso.com']";
    let found = said_of(&format!("{opened}{rule}"));
    assert!(found[0].contains("`b.simon@contoso.com` could be of the realms `contoso`, `fabrikam`"), "{found:?}");
}

#[test]
fn a_realm_says_for_whom_it_speaks() {
    for (from, to, message) in [
        ("'fabrikam.com'", "'*.fabrikam.com'", "`*.fabrikam.com` is not a domain"),
        ("'fabrikam.com'", "'fabrikam.com.'", "`fabrikam.com.` is not a domain"),
        ("'fabrikam.com'", "", "a realm without domains speaks for nobody"),
        ("entity_id", "foreign_names = ['a b']\nentity_id", "`a b` is not a domain"),
        ("entity_id", "foreign_names = 'yes'\nentity_id", "it is `true`, `false` or a list of domains"),
        ("'fabrikam'", "'fabri/kam'", "a realm's name can't hold `/`"),
        ("entity_id", "sign_in_hosts = ['https://x.test']\nentity_id", "`https://x.test` is not a host"),
    ] {
        let found = said_of(&FABRIKAM.replace(from, to));
        assert!(found.len() == 1 && found[0].contains(message), "{to}: {found:?}");
    }
    for good in ["true", "false", "['guest.example', 'FABRIKAM']"] {
        assert_eq!(said_of(&FABRIKAM.replace("entity_id", &format!("foreign_names = {good}\nentity_id"))), [""; 0]);
    }
    let found = said_of("[policy]\nblocked = ['microsoftonline.com']");
    let message = "2:11: `blocked` holds `login.microsoftonline.com`, where people of `contoso` sign in / nobody could: what is \
                   blocked is blocked before the walled garden";
    assert_eq!(found, [message]);
    let forced = FABRIKAM.replace("entity_id", "force_authn = true\nidp_initiated = true\nentity_id");
    let found = said_of(&forced);
    assert!(found[0].contains("`idp_initiated` can't stand beside `force_authn`"), "{found:?}");
}

#[test]
fn a_name_without_a_domain_is_pointed_out_where_people_are_called_by_names_with_one() {
    let doubts = |lines: &str, users: &str| {
        let rule = format!("[[policy.rule]]\nname = 'a'\neffect = 'block'\nusers = [{users}]");
        let text = GOOD.replace("entity_id", &format!("{lines}\nentity_id"));
        doubtful_names(&parse(&format!("{text}{rule}"), "a.toml", &folder(), &|_| None).unwrap())
    };
    let said = |name: &str| {
        format!(
            "rule `a`: `{name}` has no domain, and the realm `contoso` calls people by the claim `uPN`: it means nobody's \
             sAMAccountName"
        )
    };
    assert_eq!(doubts("", "'bsimon', 'contoso/alexw'"), [said("bsimon"), said("contoso/alexw")]);
    let good = "'b.simon@contoso.com', 'contoso/6A1F0C52-8D3B-4B7E-A2C9-1F4E5D6C7B01', 'guest'";
    assert_eq!(doubts("", good), [""; 0]);
    assert_eq!(doubts("identity_claims = ['sAMAccountName']", "'bsimon'"), [""; 0]);
}
