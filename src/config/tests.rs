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

/// What is said about the smallest good file with `more` after it. Lines are counted from the first one of `more`.
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
fn a_password_that_somebody_has_written_as_it_is_is_not_shown_whatever_is_wrong_with_it() {
    let before = "[[policy.rule]]\nname = 'a'\neffect = 'block'\n";
    for wrong in [
        "override = { password = 'hunter2-hunter2' }",
        "override = { password = \"hunter2-hunter2\", for = '1x' }",
        "override = { for = '15', password = 'hunter2-hunter2', grops = ['g'] }",
        "override = { password = hunter2-hunter2 }",
        "override = { password = 'hunter2-hunter2', groups = 7 }",
        "[policy.rule.override]\npassword = 'hunter2-hunter2'",
        "[policy.rule.override]\npassword = 'hunter2-hunter2",
        "[policy.rule.override]\npassword = ['hunter2-hunter2']",
        "[policy.rule.override]\npasswort = 'x'\npassword = 'hunter2-hunter2' # why",
    ] {
        let text = format!("{GOOD}{before}{wrong}\n");
        let problems = parse(&text, "a.toml", &folder(), &|_| None).unwrap_err();
        let shown = format!("{}{problems:?}", problems.render(true));
        assert!(!shown.contains("hunter2"), "{wrong}: {shown}");
    }
    let number = format!("{GOOD}{before}override = {{ password = 12345678 }}\n");
    let shown = parse(&number, "a.toml", &folder(), &|_| None).unwrap_err().render(false);
    assert!(!shown.contains("12345678") && shown.contains("in quotes"), "{shown}");
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

/// The example with what is commented out: its defaults, or what it calls examples too.
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
    assert!(defaults.contains("\nmax_age = \"5m\"") && !defaults.contains("\nscim = true"), "{defaults}");
    let (plain, defaults) = (read(&plain), read(&defaults));
    assert_eq!(plain.lines().zip(defaults.lines()).find(|(plain, on)| plain != on), None);
    assert_eq!(plain.len(), defaults.len());
}

#[test]
fn every_example_in_the_example_can_be_switched_on() {
    // Left are files that an operator would bring, and what cannot stand beside each other.
    let said = said(&switched_on(true));
    let (files, others): (Vec<_>, Vec<_>) = said.into_iter().partition(|line| line.contains("be read"));
    assert_eq!(files.len(), 16, "{files:#?}");
    let others: Vec<&str> = others.iter().filter_map(|line| line.split_once(": ")).map(|(_, said)| said).collect();
    let doubled = ["metadata_url", "login_url", "logout_url", "logout_binding", "certificate"];
    let doubled = doubled.map(|key| format!("`{key}` cannot stand beside `metadata` / remove one of them"));
    let terms = "`guest_terms` says already what guests agree to / remove one of the two".to_owned();
    let sources =
        "`file` cannot stand beside `entries` / a list has one of `entries`, `file`, `folder` and `url`".to_owned();
    let digests = "`sha256` cannot stand beside `sha256_url` / remove one of them".to_owned();
    let credentials = "it is not clear what the credential is / write `secret`, or `certificate` and `key`, or \
                       `federated_token`, and nothing else beside"
        .to_owned();
    let pushed = "its signals are asked for, and never pushed".to_owned();
    assert_eq!(others, [vec![terms], doubled.to_vec(), vec![sources, digests, credentials, pushed]].concat());
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
        "[[list]]",
        "[[directory]]",
        "[policy]",
        "[authority]",
        "[interception]",
        "[[policy.rule]]",
        "[[policy.test]]",
        "[proxy_names]",
        "[pac]",
        "[[pac.file]]",
        "[scim]",
        "[[signals]]",
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
    assert_eq!(&*config.state, Path::new("/var/lib/vestibule"));
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
            "6:8: expected a string, found integer `5` / put it in quotes: \"5\"",
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
            "1:4: there is no value after `=` / write one: \"text\" in quotes, a number, true, false, or a list [\"…\"]",
            "2:9: this is not a number / put other values in quotes: \"…\"",
            "5:1: this key or section is already written above / sections of which there may be several are written \
             `[[section]]`",
            "6:1: unknown key `lisen` in `[portal]` / did you mean `listen`?",
            "7:9: this text has no quotes / put it in quotes: \"…\"",
        ]
    );
    assert_eq!(said("[portal\nurl = 'x'\n"), ["1:8: unclosed table, expected `]` / add `]`"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_kind_of_problem_has_its_place_and_its_advice() {
    for (more, problem) in [
        // The wrong shape.
        ("[[log]]\nlevel = 'info'", "1:1: there may be only one `[log]` / write `[log]`"),
        ("[network]\nname = 'a'", "1:1: there may be several of `[network]` / write `[[network]]`"),
        ("[pac.file]\nname = 'a'", "1:1: there may be several of `[pac.file]` / write `[[pac.file]]`"),
        (
            "[session]\nmax = 'many'",
            "2:7: expected a whole number, found string \"many\" / write a whole number without quotes, such as 100",
        ),
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
            "5:11: `address = true` cannot stand beside `shared = true` / on a shared network one address stands for \
             several people: remove `address` or `shared`",
        ),
        ("[[network]]\nname = ''\naddresses = ['10.0.0.0/8']", "2:8: a name cannot be empty"),
        (
            "[[network]]\nname = 'a'\naddresses = ['10.0.0.0/8']\none_address = false\none_address_after = '5m'",
            "5:21: `one_address_after` would never count / with `one_address = false` no address is left for another one: remove one of them",
        ),
        (
            "[[network]]\nname = 'a'\naddresses = ['10.0.0.0/8']\none_address_after = '30m'",
            "4:21: `one_address_after` is shorter than a minute, or no shorter than `address_idle` / it is for people who use two devices \
             at once, and at least \"1m\"; \"5m\" is a good value",
        ),
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
        (
            "issuer = 'b'",
            "0:12: the identity provider cannot be used: the metadata are those of \
             `https://sts.windows.net/00000000-0000-0000-0000-000000000000/`, not of `b`",
        ),
        (
            "[[realm]]\nname = 'b'\ndomains = ['b.example']\nentity_id = 'b'\nmetadata = 'minimal.toml'",
            "5:12: the identity provider cannot be used: wanted are SAML metadata, and this is no XML",
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
            "2:12: `dns.example` is not a DNS server, such as \"192.0.2.53\" or \"192.0.2.53:5353\"",
        ),
        ("[egress]\nallow = ['10.0.0.0/8']\nrefuse = ['10.0.0.0/8']", "2:10: 10.0.0.0/8 is both allowed and refused"),
        ("[egress]\nconnect_ports = [443, 0]", "2:23: there is no port 0"),
        (
            "[egress]\nconnect_ports = [443, 60443]",
            "2:23: port 60443 is ours on every host: tickets of the sign-in arrive there / leave it out: nothing is ever dialled there",
        ),
        (
            "[egress]\nconnect_ports = [99999]",
            "2:18: expected a number from 0 to 65535, found integer `99999` / it is out of range",
        ),
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
            "3:7: the address of a parent holds no name and no password: write those as `username` and `password`",
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
            "4:12: a name with a colon cannot be sent to an HTTP proxy",
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
            "1:1: nodes that share a store need a `secret` / write the same random text on all nodes: openssl rand -base64 32",
        ),
        (
            "[session.redis]\nservers = ['redis://a:1']\nsecret = 'short'",
            "3:10: the secret can be guessed / take at least 32 random characters: openssl rand -base64 32",
        ),
        (
            "[session.redis]\nservers = ['redis://a:1']\nsecret = '01234567890123456789012345678901'\nother_secrets = ['short']",
            "4:18: the secret can be guessed / take at least 32 random characters: openssl rand -base64 32",
        ),
        (
            "[session.redis]\nservers = ['redis://u:p@a:1']",
            "2:11: a server's address holds no secrets: use `username` and `password`",
        ),
        (
            "[session.redis]\nservers = ['redis://u:p@a:99999']",
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
            "4:16: a rule with `authenticate = false` cannot name realms, users or groups / nobody is asked who they are, so it \
             would never match",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nreauthenticate = '30s'",
            "4:18: `reauthenticate` is at least \"1m\" / people need that long to come back from the sign-in page",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\nreauthenticate = '1h'",
            "4:18: `reauthenticate` cannot stand in a rule that blocks or asks nobody / remove it: nobody is let through by \
             this rule because of who they are",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\nremember = '1h'",
            "4:12: `remember` belongs to a rule with `effect = \"warn\"` / it says how long a warning counts as read",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'warn'\nremember = '31d'",
            "4:12: `remember` is at least \"1m\" and at most \"30d\" / people would see the page at each click, or never again; the \
             default is \"1h\"",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'warn'\nauthenticate = false",
            "4:16: a rule that asks nobody who they are cannot warn / it is remembered for each person: let another rule before it \
             allow what needs no sign-in",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'warn'\nmessage = ' '",
            "4:11: a `message` has between 1 and 2000 bytes / one or two sentences in your own words; the page shows the rule's \
             name beside it",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\noverride = { groups = ['g'] }",
            "4:12: `override` belongs to a rule with `effect = \"block\"` / a rule that lets through has nothing to override",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\noverride = { for = '5m' }",
            "4:12: nobody could override it / add `groups`, or a `password` that `vestibule policy hash-password` has hashed",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\noverride = { groups = ['g'], for = '2d' }",
            "4:36: `for` is at least \"1m\" and at most \"1d\" / what is open for longer is not blocked: let a rule allow it; the \
             default is \"15m\"",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\nauthenticate = false\noverride = { groups = ['g'] }",
            "5:12: a rule that asks nobody who they are cannot be overridden / who overrides it is a person: let it ask who they \
             are, or write no `override`",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\noverride = { password = 'hunter2' }",
            "4:25: it is no hash by Argon2id: `vestibule policy hash-password` makes one of a password",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\noverride = { groop = ['g'] }",
            "4:14: unknown key `groop` in `[policy.rule.override]` / did you mean `groups`?",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\nlisteners = ['proxi']",
            "4:14: there is no listener `proxi` / did you mean `proxy`?",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\nnot = { networks = ['ofice'] }",
            "4:21: there is no network `ofice` / there are: `elsewhere`",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\nnot = { clients = ['10.0.0.1/8'] }",
            "4:20: `10.0.0.1/8` is an address inside a range / write \"10.0.0.0/8\" for the range, or \"10.0.0.1/32\" for the \
             address",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\nnot = { user = ['b.simon@contoso.com'] }",
            "4:9: unknown key `user` in `[policy.rule.not]` / did you mean `users`?",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'block'\nnot = { users = ['eve@other.example'] }",
            "4:18: no realm here speaks for `eve@other.example`, so it means nobody / people are named by the identity claim of \
             their realm, in one of its `domains`, or by their object ID",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nauthenticate = false\nnot = { groups = ['g'] }",
            "4:16: a rule with `authenticate = false` cannot leave people out / whoever it leaves out would be let through as soon \
             as they sign out: let another rule before it block them",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nauthenticate = false\nevidence = 'weak'",
            "4:16: a rule with `authenticate = false` cannot want evidence / nobody is asked who they are, so there is no evidence \
             of it",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nevidence = 'none'",
            "4:12: `none` is not accepted here / accepted: `weak`, `medium`, `strong`",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nfinish = true",
            "4:10: `finish` belongs to a rule that lets something through by a `schedule`, a warning or an `override` / it says \
             that what is open may finish when the hours of the rule end, or when what somebody has passed is over",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nschedule = {}",
            "4:12: a schedule without days and hours is always on / such as `{ days = [\"mon-fri\"], hours = \
             [\"08:00-18:00\"] }`",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nschedule = { days = ['holiday'] }",
            "4:12: there are no holidays / add `holidays = [\"12-25\"]` to `[policy]`",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nschedule = { hours = ['8-17'] }",
            "4:23: `8-17` is no time of day: write \"08:00-17:30\", up to \"24:00\", or \"22:00-06:00\" for a night",
        ),
        (
            "[[policy.rule]]\nname = 'a'\neffect = 'allow'\nmethods = ['post']",
            "4:12: `post` is no method: they are written in capitals, such as \"POST\"",
        ),
        (
            "[[policy.test]]\nname = 'a'\nurl = 'http://a.test/'\nfrom = '10.0.0.1'",
            "1:1: a case that wants nothing shows nothing / add `decision = \"block\"`, or the `rule` that must decide",
        ),
        (
            "[[policy.test]]\nname = 'a'\nurl = 'http://a.test/'\nfrom = '10.0.0.1'\nrule = 'defalt'",
            "5:8: there is no rule `defalt` / did you mean `default`?",
        ),
        (
            "[[policy.test]]\nname = 'a'\nurl = 'http://a.test/'\nfrom = '10.0.0.1'\ndecision = 'deny'",
            "5:12: `deny` is not accepted here / accepted: `allow`, `monitor`, `overridden`, `warn`, `override`, `block`, \
             `sign-in`, `sign-in-again`",
        ),
        ("[policy]\ndefault = 'deny'", "2:11: `deny` is not accepted here / accepted: `allow`, `block`"),
        // PAC.
        (
            "[[pac.file]]\nname = 'a'\ntemplate = 'standart'",
            "3:12: the template `standart` cannot be read / built-in templates: `standard`, `all`; anything else is the path of a \
             file",
        ),
        (
            "[[pac.file]]\nname = 'A b'",
            "2:8: `A b` cannot be the name of a PAC file: only a-z, 0-9, `-` and `_` are allowed",
        ),
        (
            "[[pac.file]]\nname = 'a'\nproxies = ['proxy']",
            "3:12: `proxy` is not a proxy: it needs a port from 1 to 65535, as in `proxy.example.com:8080`",
        ),
        (
            "[[pac.file]]\nname = 'a'\n[pac.file.networks]\nlab = ['a:1']",
            "4:7: there is no network `lab` / there are: `elsewhere`",
        ),
        (
            "[[pac.file]]\nname = 'a'\ntemplate = 'minimal.toml'",
            "3:12: the template cannot be served: it has no `function FindProxyForURL(url, host)` at the top level; a `const` \
             or `let` is not found / a browser that cannot run its PAC file goes direct, past the proxy, and says nothing",
        ),
    ] {
        assert_eq!(said_of(more), [problem], "{more}");
    }
}

#[test]
fn the_portal_has_an_https_address_of_its_own() {
    for (url, message) in [
        ("https://localhost:8443", "browsers never ask a proxy for `localhost`, so they would not find the portal"),
        ("https://portal..test", "no browser could ask for this host and port"),
        ("https://portal.test:0", "no browser could ask for this host and port"),
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

/// What is said of the smallest good file with these lines in `[portal]`, and of what is only a warning.
fn found_in_portal(lines: &str) -> (Vec<String>, Vec<String>) {
    let text = GOOD.replace("portal.contoso.com\"\n\n", &format!("portal.contoso.com\"\n{lines}\n\n"));
    let messages = |list: &[Problem]| list.iter().map(|problem| problem.message.clone()).collect();
    match parse_whole(Source { text, file: "a.toml".into(), joined: None }, &folder(), &|_| None, &|_, _| {}) {
        Ok(loaded) => (vec![], messages(&loaded.warnings)),
        Err(problems) => (messages(&problems.list), messages(&problems.warnings)),
    }
}

#[test]
fn certificates_and_keys_are_read_and_held_against_each_other() {
    use crate::authority::Authority;
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::ephemeral("test", crate::clock::Clock::system()).unwrap();
    let other = Authority::ephemeral("other", crate::clock::Clock::system()).unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (leaf, key) = authority.issue_pem("portal.contoso.com").unwrap();
    let (certificate, key) = (write("a.crt", &leaf), write("a.key", &key));
    let (foreign, foreign_key) = other.issue_pem("proxy.contoso.com").unwrap();
    let (foreign, foreign_key) = (write("b.crt", &foreign), write("b.key", &foreign_key));
    let empty = write("c.crt", "");
    let lines = |certificate: &str, key: &str| format!("certificate = {certificate:?}\nkey = {key:?}");
    let none: (Vec<String>, Vec<String>) = (vec![], vec![]);
    assert_eq!(found_in_portal(&lines(&certificate, &key)), none);
    for (certificate, key, said) in [
        (&key, &certificate, "it holds a private key and no certificate"),
        (&certificate, &foreign_key, "this key belongs to another certificate"),
        (&empty, &key, "it is empty"),
        (&certificate, &certificate, "it holds a certificate and no private key"),
    ] {
        let (problems, _) = found_in_portal(&lines(certificate, key));
        assert!(problems.len() == 1 && problems[0].ends_with(said), "{problems:?}");
        let listener = format!(
            "[[listener]]\nname = 'b'\naddress = '127.0.0.1:1443'\n[listener.tls]\n{}",
            lines(certificate, key)
        );
        let problems = said_of(&listener);
        assert!(problems.len() == 1 && problems[0].contains(said), "{problems:?}");
    }
    let (problems, warnings) = found_in_portal(&lines(&foreign, &foreign_key));
    assert_eq!((problems.len(), warnings), (0, vec!["the certificate is not for `portal.contoso.com`".to_owned()]));
    for (text, key) in [
        (format!("[egress]\ntrust = [{empty:?}]"), "2:10"),
        (format!("[egress]\ntrust = [{key:?}]"), "2:10"),
        (
            format!(
                "[[listener]]\nname = 'b'\naddress = '127.0.0.1:1443'\ntls = {{ names = ['a.test'], client_ca = {empty:?} }}"
            ),
            "4:41",
        ),
    ] {
        let problems = said_of(&text);
        assert!(problems.len() == 1 && problems[0].starts_with(key), "{problems:?}");
    }
}

#[test]
fn one_mistake_gives_one_message() {
    for (more, start) in [
        ("[sesion]\nlifetime = '8h'", "1:2: unknown key `sesion`"),
        (
            "[[network]]\nnam = 'office'\naddresses = ['10.0.0.0/8']\n[[policy.rule]]\nname = 'a'\neffect = 'block'\nnetworks = ['office']",
            "2:1: unknown key `nam`",
        ),
        (
            "[[network]]\nname = 'office'\naddresses = ['10.0.0.0/33']\n[[pac.file]]\nname = 'a'\n[pac.file.networks]\noffice = ['a:1']",
            "3:14: `10.0.0.0/33` is neither",
        ),
        ("[session]\nlifetime = '1h'\nidle = '2h'", "3:8: a session ends after 1h in any case"),
        ("[session]\nlifetime = 5\nidle = '2h'", "2:12: expected a duration"),
        (
            "[[network]]\nname = 'a'\naddresses = ['10.0.0.0/8']\nlifetime = '1h'\nidle = '2h'",
            "5:8: a session ends after 1h",
        ),
        (
            "[session]\nidle = '12h'\n[[network]]\nname = 'a'\naddresses = ['10.0.0.0/8']\nlifetime = '1h'",
            "6:12: a session ends after 1h",
        ),
        (
            "[[listener]]\nname = 'portal'\naddress = '127.0.0.1:1'",
            "2:8: `portal` is the name of a listener of our own",
        ),
        (
            "[[listener]]\nname = 'metrics'\naddress = '127.0.0.1:1'",
            "2:8: `metrics` is the name of a listener of our own",
        ),
        ("[metrics]\nlisten = '127.0.0.1:8080'", "2:10: the listener `proxy` takes 0.0.0.0:8080 already"),
        ("[metrics]\nlisten = '127.0.0.1:8443'", "2:10: the listener `portal` takes 0.0.0.0:8443 already"),
        ("[limits]\nworkers = 100000", "2:11: more than 1024 threads"),
        (
            "[[listener]]\nname = 'b'\naddress = '127.0.0.1:1'\ntls = { names = ['*.bücher.test'] }",
            "4:18: certificates hold names in ASCII / write \"*.xn--bcher-kva.test\"",
        ),
        (
            "[[listener]]\nname = 'b'\naddress = '127.0.0.1:1'\ntls = { names = ['.a.test'] }",
            "4:18: `.a.test` is not a name",
        ),
        ("[policy]\nblocked = ['a..b.test']", "2:12: `a..b.test` is no destination"),
        ("[egress]\ndirect = ['a.test', '*']", "2:21: `*` is no destination"),
        ("[pac]\nmax_age = 300", "2:11: expected a duration"),
        ("[log]\naccess = true", "2:10: expected a string"),
    ] {
        let found = said_of(more);
        assert!(found.len() == 1 && found[0].starts_with(start), "{more}: {found:#?}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_shown_as_it_would_be_right() {
    for (more, help) in [
        ("[session]\nlifetime = 30", "in quotes: \"30s\" or \"30h\""),
        ("[limits]\nhead_bytes = 64", "in quotes: \"64KiB\" or \"64MiB\""),
        ("[session]\nmax = '100'", "write it without quotes: 100"),
        ("[log]\nnode = 1", "put it in quotes: \"1\""),
        ("[policy]\nblocked = 'a.test'", "write a list: [\"a.test\"]"),
        ("[egress]\nconnect_ports = 443", "write a list: [443]"),
        ("[[listener]]\nname = 'b'\naddress = '127.0.0.1:1'\nguest = 'yes'", "write true or false, without quotes"),
        ("[log]\nrotate = 5", "{ key = \"value\" }"),
        ("[[network]]\nname = 'a'\naddresses = ['10.0.0']", "such as \"192.0.2.1\" or \"10.0.0.0/8\""),
    ] {
        let found = said_of(more);
        assert!(found.len() == 1 && found[0].contains(help), "{more}: {found:#?}");
    }
}

#[test]
fn an_address_without_a_prefix_length_is_taken_wherever_a_range_is() {
    for more in [
        "[[network]]\nname = 'a'\naddresses = ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.0/120']",
        "[[listener]]\nname = 'b'\naddress = '127.0.0.1:1'\nproxy_protocol = ['192.0.2.1']\nforwarders = ['2001:db8::1']",
        "[egress]\nallow = ['192.0.2.1']\nrefuse = ['2001:db8::1']\ndirect = ['2001:db8::1', '.corp.test']",
        "[policy]\nblocked = ['192.0.2.1', '2001:db8::1', '.bets.test', '*.bets.test']",
        "[[pac.file]]\nname = 'a'\nskip = ['192.0.2.1', '2001:db8::1', '.corp.test']",
        "[[policy.rule]]\nname = 'a'\neffect = 'block'\nclients = ['192.0.2.1', '::ffff:192.0.2.0/120']\n\
         not = { clients = ['2001:db8::1'] }",
    ] {
        assert_eq!(said_of(more), [""; 0], "{more}");
    }
}

#[test]
fn the_state_folder_is_found_in_a_file_that_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    for (text, state) in [
        ("state = 'here'\n[portal\nurl = 5", folder.path().join("here")),
        ("state = '/there'\nunknown = 1", PathBuf::from("/there")),
        ("watch = true", PathBuf::from("/var/lib/vestibule")),
        ("state = 5", PathBuf::from("/var/lib/vestibule")),
    ] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(state_folder(&file), state, "{text}");
    }
    assert_eq!(state_folder(Path::new("/nowhere/a.toml")), Path::new("/var/lib/vestibule"));
}

#[test]
fn a_relative_path_begins_at_the_folder_of_the_file_wherever_it_stands() {
    #[derive(Debug, Deserialize)]
    struct Holder {
        one: Option<ConfigPath>,
        many: Vec<ConfigPath>,
        inner: Vec<Inner>,
    }
    #[derive(Debug, Deserialize)]
    struct Inner {
        log: section::AccessLog,
        template: pac::Template,
    }
    let text = "one = 'a.pem'\nmany = ['same', '/whole', 'same']\n\
                [[inner]]\nlog = 'logs/x'\ntemplate = 'own.pac'\n[[inner]]\nlog = 'stdout'\ntemplate = 'all'";
    let read = |folder: &str| {
        let reading = read::read::<Holder>(text, &secrets::Secrets::new(Path::new(folder), &|_| None));
        assert_eq!(reading.problems, []);
        assert_eq!(reading.damaged, [] as [Vec<Step>; 0]);
        reading.value.unwrap()
    };
    let holder = read("/etc/vestibule");
    assert_eq!(holder.one.as_deref(), Some(Path::new("/etc/vestibule/a.pem")));
    assert_eq!(
        holder.many.iter().map(|path| &**path).collect::<Vec<_>>(),
        [Path::new("/etc/vestibule/same"), Path::new("/whole"), Path::new("/etc/vestibule/same"),]
    );
    let logs = holder.inner.iter().map(|inner| match &inner.log {
        section::AccessLog::File(path) => path.to_path_buf(),
        section::AccessLog::Stdout => PathBuf::new(),
    });
    assert_eq!(logs.collect::<Vec<_>>(), [Path::new("/etc/vestibule/logs/x"), Path::new("")]);
    let templates = holder.inner.iter().map(|inner| match &inner.template {
        pac::Template::File { path, .. } => path.display().to_string(),
        pac::Template::BuiltIn { name, .. } => name.clone(),
    });
    assert_eq!(templates.collect::<Vec<_>>(), ["/etc/vestibule/own.pac", "all"]);
    // A file that is named without a folder.
    let here = std::env::current_dir().unwrap();
    assert_eq!(read("").one.as_deref(), Some(&*here.join("a.pem")));
    assert!(toml::from_str::<Holder>(text).unwrap_err().message().contains("was not resolved"));
    let empty = said_of("[session.redis]\nca = ''").join("; ");
    assert!(empty.contains("2:6: a path is empty: leave its key out if there is no file"), "{empty}");
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
fn the_policy_can_have_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let whole = GOOD.replace("contoso.xml", &self::folder().join("contoso.xml").display().to_string());
    let write = |policy: &str| {
        std::fs::write(folder.path().join("a.toml"), format!("policy = \"p.toml\" # the rules\n{whole}")).unwrap();
        std::fs::write(folder.path().join("p.toml"), policy).unwrap();
        load_with_text(&folder.path().join("a.toml"), &|_| None)
    };
    let rule =
        |effect: &str| format!("[policy]\ndefault = 'block'\n[[policy.rule]]\nname = 'a'\neffect = '{effect}'\n");
    let first = write(&rule("allow")).unwrap();
    assert_eq!((first.config.policy.default, first.config.policy.rules.len()), (policy::Fallback::Block, 1));
    assert_eq!(first.config.policy_file, Some(folder.path().join("p.toml")));
    let second = write(&rule("block")).unwrap();
    let changed: Vec<_> = changes(&first.text, &second.text).iter().map(Change::to_string).collect();
    assert_eq!(changed, ["policy: rule \"a\".effect"]);
    let shadowed = write(&(rule("allow") + "[[policy.rule]]\nname = 'b'\neffect = 'block'\n")).unwrap();
    let remarks = &shadowed.warnings;
    let place = remarks[0].place.as_ref().unwrap();
    assert_eq!((place.line, place.file.as_deref()), (7, Some(&*folder.path().join("p.toml").display().to_string())));
    assert!(remarks[0].message.contains("`a` (line 4) stands before it"), "{remarks:?}");
    let said = |policy: &str| {
        let problems = write(policy).unwrap_err();
        problems.to_string().replace(&format!("{}/", folder.path().display()), "")
    };
    let wrong = said(&rule("alow"));
    assert!(wrong.contains("`alow` is not accepted here") && wrong.contains("--> p.toml:5:10"), "{wrong}");
    for (policy, message) in [
        ("[egress]\nallow = []\n[policy]", "`p.toml` holds `egress`, and nothing but `[policy]` belongs there"),
        ("default = 'block'", "`p.toml` holds `default`, and nothing but `[policy]` belongs there"),
        ("# nothing", "`p.toml` has no `[policy]`"),
    ] {
        let said = said(policy);
        assert!(said.contains(message) && said.contains("--> a.toml:1:10"), "{policy}: {said}");
    }
    assert!(said("[policy]\ndefault = ").contains("p.toml:2"), "{}", said("[policy]\ndefault = "));
    std::fs::remove_file(folder.path().join("p.toml")).unwrap();
    let gone = load_with_text(&folder.path().join("a.toml"), &|_| None).unwrap_err().to_string();
    assert!(gone.contains("p.toml` cannot be read") && gone.contains("a.toml:1:10"), "{gone}");
}

#[test]
fn a_file_that_is_not_there_is_one_problem() {
    let problems = load(Path::new("/nowhere/a.toml"), &|_| None).unwrap_err();
    assert_eq!(problems.list.len(), 1);
    assert!(problems.to_string().contains("the file cannot be read: No such file"), "{problems}");
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
            "10:1: a rule with `authenticate = false` cannot name realms, users or groups / nobody is asked who they are, so it \
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

/// What is said of the realm with this line.
fn said_of_realm(line: &str) -> Vec<String> {
    said_of(line)
        .into_iter()
        .map(|said| said.split_once(": ").map_or(said.clone(), |(_, said)| said.to_owned()))
        .collect()
}

#[test]
fn answers_are_taken_at_paths_that_the_portal_does_not_use_itself() {
    for good in ["'/sso'", "'/saml/acs'", "'/ssoAssert?cmpID=1&x=2'", "'/t/a/b'"] {
        assert_eq!(said_of_realm(&format!("acs = {good}")), [""; 0], "{good}");
        assert_eq!(said_of_realm(&format!("acs_aliases = ['/a', {good}]")), [""; 0], "{good}");
    }
    for own in ["/logon", "/", "/me", "/saml/slo", "/saml/metadata?x=1", "/t/a", "/confirm", "/.well-known/vestibule/x"]
    {
        let said = said_of_realm(&format!("acs = '{own}'"));
        assert!(said.len() == 1 && said[0].contains("the portal has a page of its own there"), "{own}: {said:?}");
        let said = said_of_realm(&format!("acs_aliases = ['{own}']"));
        assert!(said.len() == 1 && said[0].starts_with("answers cannot be taken at"), "{own}: {said:?}");
    }
    for (bad, why) in [
        ("/a/:b", "a part of it begins with `:` or `*`"),
        ("/{a}", "browsers would write it in another way"),
        ("saml/acs", "it is not a path that begins with `/`"),
        ("", "it is not a path that begins with `/`"),
        ("https://portal.test/saml/acs", "it is a whole address"),
    ] {
        let said = said_of_realm(&format!("acs = '{bad}'"));
        assert!(said.len() == 1 && said[0].contains(why), "{bad}: {said:?}");
    }
}

#[test]
fn what_a_realm_cannot_do_without_is_wanted() {
    let good = GOOD.lines().find(|line| line.starts_with("entity_id = ")).unwrap();
    let said = said(&GOOD.replace(good, "entity_id = ' '"));
    assert!(said.len() == 1 && said[0].contains("`entity_id` is empty"), "{said:?}");
    let said = said_of_realm("identity_claims = []");
    assert!(said.len() == 1 && said[0].starts_with("no claim would name anybody"), "{said:?}");
    assert_eq!(said_of_realm("identity_claims = ['NameID']"), [""; 0]);
}

#[test]
fn what_stands_in_the_place_of_a_file_or_in_a_file_is_named() {
    let by_hand = |certificate: &str| {
        format!(
            "[[realm]]\nname = 'b'\ndomains = ['b.example']\nentity_id = 'b'\nissuer = 'urn:b'\nlogin_url = 'https://b.example/'\n\
             certificate = {certificate}"
        )
    };
    let pem = "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----";
    for itself in [format!("\"{pem}\""), format!("\"MII{}\"", "A".repeat(800))] {
        let said = said_of(&by_hand(&itself));
        assert!(
            said.len() == 1 && said[0].starts_with("7:15: `certificate` names a file, and here stands"),
            "{said:?}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    for (content, found) in [
        (String::new(), "this is nothing"),
        (key.serialize_pem(), "this is a private key"),
        ("-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----".to_owned(), "this is PKCS #7 (.p7b)"),
        ("<EntityDescriptor/>".to_owned(), "this is XML: if it is metadata, name it as `metadata`"),
    ] {
        let file = folder.path().join("idp.cer");
        std::fs::write(&file, content).unwrap();
        let said = said_of(&by_hand(&format!("'{}'", file.display())));
        assert!(said.len() == 1 && said[0].contains(found), "{said:?}");
    }
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let said = said_of(&format!("require_ca_signed = '{}'", empty.display()));
    assert!(said.len() == 1 && said[0].contains("wanted are the certificates of authorities"), "{said:?}");
}

#[test]
fn a_realm_says_for_whom_it_speaks() {
    for (from, to, message) in [
        ("'fabrikam.com'", "'*.fabrikam.com'", "`*.fabrikam.com` is not a domain"),
        ("'fabrikam.com'", "'fabrikam.com.'", "`fabrikam.com.` is not a domain"),
        ("'fabrikam.com'", "", "a realm without domains speaks for nobody"),
        ("entity_id", "foreign_names = ['a b']\nentity_id", "`a b` is not a domain"),
        ("entity_id", "foreign_names = 'yes'\nentity_id", "it is `true`, `false` or a list of domains"),
        ("'fabrikam'", "'fabri/kam'", "a realm's name cannot hold `/`"),
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
    assert!(found[0].contains("`idp_initiated` cannot stand beside `force_authn`"), "{found:?}");
}

/// What is read of this text.
fn loaded(text: &str) -> Loaded {
    let source = Source { text: text.to_owned(), file: "a.toml".to_owned(), joined: None };
    parse_whole(source, &folder(), &|_| None, &|_, _| {}).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The remarks on these rules, each with its line, counted from the first rule's header.
fn remarks_on(rules: &str) -> Vec<String> {
    let before = GOOD.lines().count();
    let line = |line: usize| line - before;
    let warnings = loaded(&format!("{GOOD}{rules}")).warnings;
    let said =
        warnings.iter().map(|remark| format!("{}: {}", line(remark.place.as_ref().unwrap().line), remark.message));
    said.map(|text| match text.split_once("(line ").and_then(|(head, rest)| Some((head, rest.split_once(')')?))) {
        Some((head, (number, rest))) => format!("{head}(line {}){rest}", line(number.parse().unwrap())),
        None => text,
    })
    .collect()
}

#[test]
fn a_rule_that_never_decides_is_pointed_out_with_both_lines() {
    let two = |first: &str, second: &str| {
        remarks_on(&format!("[[policy.rule]]\nname = 'a'\n{first}\n[[policy.rule]]\nname = 'b'\n{second}"))
    };
    let behind = |line: usize| {
        format!(
            "{line}: the rule `b` never decides: the rule `a` (line 2) stands before it and matches all that it does"
        )
    };
    for (first, second, is_said) in [
        ("effect = 'block'", "effect = 'allow'\nusers = ['eve@contoso.com']", true),
        (
            "effect = 'block'\ndestinations = ['a.test', '10.0.0.0/8']",
            "effect = 'allow'\ndestinations = ['=x.a.test', '10.1.0.0/16']",
            true,
        ),
        ("effect = 'block'\ndestinations = ['=a.test']", "effect = 'allow'\ndestinations = ['a.test']", false),
        ("effect = 'block'\ndestinations = ['a.test']", "effect = 'allow'\ndestinations = ['xa.test']", false),
        ("effect = 'block'\ndestinations = ['a.test']", "effect = 'allow'", false),
        (
            "effect = 'block'\nusers = ['Eve@contoso.com']",
            "effect = 'block'\nusers = ['eve@CONTOSO.com']\nports = [80]",
            true,
        ),
        (
            "effect = 'block'\nusers = ['eve@contoso.com']",
            "effect = 'block'\nusers = ['eve@contoso.com']\ngroups = ['g']",
            false,
        ),
        // Where nobody knows the groups, one counts and the other one does not.
        ("effect = 'allow'\ngroups = ['g']", "effect = 'block'\ngroups = ['g']", false),
        ("effect = 'block'\ngroups = ['g']", "effect = 'block'\ngroups = ['g']", true),
        ("effect = 'block'\nnot = { ports = [80] }", "effect = 'allow'", false),
        ("effect = 'block'\nnot = { ports = [80] }", "effect = 'allow'\nnot = { ports = ['1-100'] }", true),
        ("effect = 'block'\nschedule = { days = ['mon'] }", "effect = 'allow'", false),
        ("effect = 'allow'\nproven = '8h'", "effect = 'allow'\nproven = '1h'", true),
        ("effect = 'allow'\nproven = '1h'", "effect = 'allow'\nproven = '8h'", false),
        ("effect = 'allow'\nevidence = 'weak'", "effect = 'allow'\nevidence = 'strong'", true),
        ("effect = 'allow'\nevidence = 'strong'", "effect = 'allow'\nevidence = 'weak'", false),
        ("effect = 'block'\npaths = ['/a']", "effect = 'allow'\npaths = ['/a/b']", true),
        ("effect = 'block'\npaths = ['/a']", "effect = 'allow'\npaths = ['/ab']", false),
        // Rules without sign-in come first.
        ("effect = 'block'", "effect = 'allow'\nauthenticate = false", false),
        ("effect = 'block'\nauthenticate = false", "effect = 'allow'", true),
    ] {
        let line = 5 + first.matches('\n').count();
        let wanted = if is_said { vec![behind(line)] } else { vec![] };
        assert_eq!(two(first, second), wanted, "{first}\n{second}");
    }
    for (rule, why) in [
        ("destinations = ['a.test']\nnot = { destinations = ['test'] }", "it leaves out all that it is about"),
        (
            "users = ['eve@contoso.com']\nnot = { users = ['eve@contoso.com'], ports = [80] }",
            "it leaves out all that it is about",
        ),
        ("kinds = ['tunnel']\npaths = ['/a']", "it is about tunnels, and nobody sees paths or methods in them"),
    ] {
        let found = remarks_on(&format!("[[policy.rule]]\nname = 'a'\neffect = 'block'\n{rule}"));
        assert_eq!(found, [format!("2: the rule `a` never decides: {why}")], "{rule}");
    }
    let lists = "[policy]\napproved = ['a.test']\nblocked = ['b.test']\n[[policy.rule]]\nname = 'a'\ndestinations = ['x.a.test']\n\
                 effect = 'block'\n[[policy.rule]]\nname = 'b'\ndestinations = ['b.test']\neffect = 'allow'\nauthenticate = false\n\
                 [[policy.rule]]\nname = 'c'\ndestinations = ['a.test', 'c.test']\neffect = 'allow'";
    let said = |line: usize, rule: &str, list: &str| {
        format!(
            "{line}: the rule `{rule}` never decides: `{list}` holds all its destinations, and stands before the rules"
        )
    };
    assert_eq!(remarks_on(lists), [said(5, "a", "approved"), said(9, "b", "blocked")]);
    let example = load_with_text(&folder().join("vestibule.toml"), &|_| None).unwrap();
    assert_eq!(example.warnings, []);
    // Half a rule looks like a wider one.
    let broken = format!(
        "{GOOD}[[policy.rule]]\nname = 'a'\neffect = 'block'\nports = ['x']\n[[policy.rule]]\nname = 'b'\neffect = 'allow'"
    );
    let problems = parse(&broken, "a.toml", &folder(), &|_| None).unwrap_err();
    assert_eq!((problems.list.len(), problems.warnings), (1, vec![]));
}

#[test]
fn rules_about_lists_are_compared_by_the_names_of_the_lists_alone() {
    let lists = "[[list]]\nname = 'one'\nentries = ['a.test']\n[[list]]\nname = 'two'\nentries = ['a.test']\n";
    let said = |first: &str, second: &str| {
        let rules = format!("[policy]\n{first}\n[[policy.rule]]\nname = 'b'\n{second}");
        loaded(&format!("{GOOD}{lists}{rules}"))
            .warnings
            .iter()
            .map(|warning| warning.message.clone())
            .collect::<Vec<_>>()
    };
    let rule = |lines: &str| format!("[[policy.rule]]\nname = 'a'\n{lines}");
    for (first, second, is_said) in [
        ("effect = 'block'\nlists = ['one']", "effect = 'allow'\nlists = ['one']", true),
        ("effect = 'block'\nlists = ['one', 'two']", "effect = 'allow'\nlists = ['one']\nports = [80]", true),
        ("effect = 'block'\nlists = ['one']", "effect = 'allow'\nlists = ['one', 'two']", false),
        // The same content today, and perhaps not tomorrow.
        ("effect = 'block'\nlists = ['one']", "effect = 'allow'\nlists = ['two']", false),
        ("effect = 'block'\nlists = ['one']", "effect = 'allow'\ndestinations = ['a.test']", false),
        ("effect = 'block'\nlists = ['one']", "effect = 'allow'", false),
        ("effect = 'block'", "effect = 'allow'\nlists = ['one']", true),
        ("effect = 'block'\nnot = { lists = ['one'] }", "effect = 'block'\nnot = { lists = ['one', 'two'] }", true),
        ("effect = 'block'\nnot = { lists = ['one'] }", "effect = 'block'\nnot = { lists = ['two'] }", false),
        // Where nobody sees the path of a listed URL, one counts and the other one does not.
        ("effect = 'allow'\nnot = { lists = ['one'] }", "effect = 'block'\nnot = { lists = ['one'] }", false),
    ] {
        let found = said(
            &rule(first),
            &format!(
                "{second}\n[[policy.rule]]\nname = 'uses both'\neffect = 'allow'\nlists = ['two', 'one']\nports = [1]\nauthenticate = false"
            ),
        );
        assert_eq!(
            found.iter().any(|message| message.contains("`b` never decides")),
            is_said,
            "{first}\n{second}: {found:?}"
        );
    }
    let own = said("blocked_lists = ['one', 'two']", "effect = 'allow'\nlists = ['two']");
    assert_eq!(own, ["the rule `b` never decides: `blocked_lists` holds all its lists, and stands before the rules"]);
    let left_out = said("approved_lists = ['two']", "effect = 'block'\nlists = ['one']\nnot = { lists = ['one'] }");
    assert_eq!(left_out, ["the rule `b` never decides: it leaves out all that it is about"]);
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

/// A packed archive of these files.
fn archive_of(paths: &[&str]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for path in paths {
        let mut header = tar::Header::new_gnu();
        header.set_size(7);
        archive.append_data(&mut header, path, &b"a.test\n"[..]).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

#[test]
fn an_archive_that_is_cut_short_is_a_problem_and_so_is_a_message_in_place_of_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    let whole = archive_of(&["adult/domains"]);
    for (octets, wanted) in [
        (&whole[..], ""),
        (&whole[..whole.len() - 4], "cannot be used: it cannot be read: "),
        (b"Maintenance\n", "is no list that is known here: it holds single words alone"),
        (&archive_of(&["readme"]), "cannot be used: the archive holds no category"),
    ] {
        std::fs::write(&file, octets).unwrap();
        let said =
            said_of(&format!("[policy]\nblocked_lists = ['a']\n[[list]]\nname = 'a'\nfile = {file:?}")).join("; ");
        assert!(if wanted.is_empty() { said.is_empty() } else { said.contains(wanted) }, "{wanted}: {said}");
    }
}

#[test]
fn what_is_wrong_with_a_list_is_said() {
    let one = "a list has one of `entries`, `file`, `folder` and `url`";
    let write = "write `example.com` (with everything below it), `=example.com` (that host alone), `example.com/path` or a \
                 range such as `192.0.2.0/24`";
    for (lines, wanted) in [
        ("entries = ['a.test', '=b.test', '10.0.0.0/8', 'c.test/x', '||d.test^']", String::new()),
        ("", format!("1:1: nothing says what is in the list `a` / {one}")),
        ("entries = []\nfile = 'contoso.xml'", format!("4:8: `file` cannot stand beside `entries` / {one}")),
        (
            "entries = ['a.test', 'a b', '# c']",
            format!(
                "3:22: `a b` cannot be used: this is neither a name nor an address / {write}; \
                 3:29: `# c` cannot be used: this lists nothing / {write}"
            ),
        ),
        ("file = 'none.txt'", "3:8: `none.txt` cannot be read: No such file or directory (os error 2)".into()),
        ("file = 'contoso.xml'", "3:8: `contoso.xml` is no list that is known here: it is a web page, not a list".into()),
        ("folder = 'none'", "3:10: `none` cannot be read: No such file or directory (os error 2)".into()),
        (
            "folder = '.'",
            "3:10: `.` holds no category / a category is a folder in it, with a file `domains` or `urls`".into(),
        ),
        (
            "url = 'http://a.test/x'",
            "3:7: `url` is not an https address / anybody on the way could write the list; a copy can be read as a `file`"
                .into(),
        ),
        ("url = 'https://eve:x@a.test/'", "3:7: a name and a password in an address are not sent / remove them".into()),
        (
            "entries = []\nsha256_url = 'https://a.test/'",
            "4:14: `sha256_url` is for lists that are fetched / remove it, or give a `url`".into(),
        ),
        ("url = 'https://a.test/'\nrefresh = '0s'", "4:11: it would be fetched all the time / the default is \"1d\"".into()),
    ] {
        assert_eq!(said_of(&format!("[[list]]\nname = 'a'\n{lines}")).join("; "), wanted, "{lines}");
    }
    for (lines, wanted) in [
        ("lists = ['own', 'cats/a']", ""),
        ("lists = ['onw']", "there is no list `onw` / did you mean `own`?"),
        ("lists = ['quite another']", "there is no list `quite another` / there are: `own`, `cats`, `packed`, `plain`"),
        ("lists = ['own/adult']", "the list `own` has no categories / write `own`"),
        ("not = { lists = ['cats'] }", ""),
        ("lists = ['packed', 'packed/adult', 'packed/finance/trading']", ""),
        ("lists = ['packed/adlut']", "the list `packed` has no category `adlut` / did you mean `packed/adult`?"),
        (
            "not = { lists = ['packed/quite-another'] }",
            "the list `packed` has no category `quite-another` / `vestibule lists` shows which it has",
        ),
        ("lists = ['plain/adult']", "the list `plain` has no categories / write `plain`"),
        (
            "lists = ['cats/b']",
            "the list `cats` has no category `b` / a category is a folder in `FOLDER`, with a file `domains` or `urls`",
        ),
    ] {
        let cats = tempfile::tempdir().unwrap();
        std::fs::create_dir(cats.path().join("a")).unwrap();
        std::fs::write(cats.path().join("a/domains"), "a.test\n").unwrap();
        let folder = cats.path().display().to_string();
        let packed = archive_of(&["all/adult/domains", "all/finance/trading/urls"]);
        std::fs::write(cats.path().join("packed.tar.gz"), packed).unwrap();
        std::fs::write(cats.path().join("plain.txt"), "a.test\n").unwrap();
        let lists = format!(
            "[[list]]\nname = 'own'\nentries = []\n[[list]]\nname = 'cats'\nfolder = '{folder}'\n\
             [[list]]\nname = 'packed'\nfile = '{folder}/packed.tar.gz'\n[[list]]\nname = 'plain'\nfile = '{folder}/plain.txt'\n"
        );
        let said = said_of(&format!("{lists}[[policy.rule]]\nname = 'r'\neffect = 'block'\n{lines}\n"));
        let said: Vec<&str> = said.iter().filter_map(|line| line.split_once(": ")).map(|(_, said)| said).collect();
        assert_eq!(said.join("; "), wanted.replace("FOLDER", &folder), "{lines}");
    }
    let wrong = said_of("[policy]\nblocked_lists = ['none']");
    assert_eq!(wrong, ["2:18: there is no list `none` / add a `[[list]]` with `name = \"none\"`"]);
    let config = parse(
        &format!(
            "{GOOD}\n[policy]\nblocked_lists = ['a']\n[[list]]\nname = 'a'\nentries = []\n[[list]]\nname = 'b'\nentries = []"
        ),
        "a.toml",
        &folder(),
        &|_| None,
    );
    assert_eq!(unused_lists(&config.unwrap()), ["b"]);
    let twice = said_of("[[list]]\nname = 'a'\nentries = []\n[[list]]\nname = 'a'\nentries = []");
    assert!(twice.len() == 1 && twice[0].contains("two entries of `[[list]]` are called `a`"), "{twice:?}");
    let slash = said_of("[[list]]\nname = 'a/b'\nentries = []");
    assert!(slash.len() == 1 && slash[0].contains("the name `a/b` cannot hold a slash"), "{slash:?}");
    let digest = said_of("[[list]]\nname = 'a'\nurl = 'https://a.test/'\nsha256 = 'abc'");
    assert!(digest.len() == 1 && digest[0].contains("a SHA-256 is 64 hexadecimal digits"), "{digest:?}");
}

#[test]
fn names_that_anybody_may_give_a_group_are_warned_of() {
    let warnings = |names: &str| {
        let directory = format!("[[directory]]\nname = 'a'\nrealms = ['contoso']\nscim = true\ngroup_names = {names}");
        loaded(&format!("{GOOD}[scim]\nlisten = '127.0.0.1:8444'\n{directory}")).warnings
    };
    assert!(warnings("['object-id', 'on-premises', 'sam-account-name']").is_empty());
    let warned = warnings("['object-id', 'display-name']");
    assert!(warned.len() == 1 && warned[0].message.contains("whoever may make groups"), "{warned:?}");
}

#[test]
fn any_of_several_nodes_can_be_pushed_to() {
    let config = |redis: &str, pinned: &str| {
        said_of(&format!(
            "[scim]\nlisten = '127.0.0.1:8444'\n{pinned}\n[[directory]]\nname = 'a'\nrealms = ['contoso']\nscim = true\n{redis}"
        ))
    };
    let redis = "[session.redis]\nservers = ['redis://a:1']\nsecret = '01234567890123456789012345678901'";
    assert_eq!(config("", ""), Vec::<String>::new());
    assert_eq!(config(redis, ""), Vec::<String>::new());
    assert_eq!(config(redis, "pinned = true"), Vec::<String>::new());
}

#[test]
fn a_directory_has_realms_a_source_and_addresses_that_may_see_its_secrets() {
    let directory = |own: &str, graph: &str, credential: &str| {
        said_of(&format!(
            "[[directory]]\nname = 'a'\nrealms = ['contoso']\n{own}\n[directory.graph]\ntenant = 'x.com'\n\
             client_id = 'app'\n{graph}\n[[directory.graph.credential]]\n{credential}\n"
        ))
    };
    let secret = "secret = 'x'";
    assert_eq!(directory("", "", secret), Vec::<String>::new());
    assert_eq!(
        directory("", "login_url = 'http://127.0.0.1:1'\ngraph_url = 'http://[::1]:1'", secret),
        Vec::<String>::new()
    );
    for (own, graph, credential, part) in [
        ("", "graph_url = 'https://graph.test'", secret, "only one of `login_url` and `graph_url` is given"),
        ("", "login_url = 'http://a.test'\ngraph_url = 'https://b.test'", secret, "is not an https address"),
        ("", "login_url = 'https://a.test/x'\ngraph_url = 'https://b.test'", secret, "is more than an origin"),
        ("", "delta = '5s'", secret, "it would be asked all the time"),
        ("", "most_removed = 101", secret, "there are no more than 100 percent"),
        ("", "", "secret = 'x'\nfederated_token = 'y'", "it is not clear what the credential is"),
        ("", "", "certificate = 'x'", "it is not clear what the credential is"),
        ("", "tenant_id = 'x'", secret, "tenant"),
        ("group_names = ['name']", "", secret, "`name` is not accepted here"),
    ] {
        let said = directory(own, graph, credential);
        assert!(said.iter().any(|line| line.contains(part)), "{part}: {said:?}");
    }
    let none = said_of("[[directory]]\nname = 'A b'\nrealms = ['contosa']\n");
    for part in ["cannot be the name of a directory", "did you mean `contoso`?", "has no source"] {
        assert!(none.iter().any(|line| line.contains(part)), "{part}: {none:?}");
    }
    let two = "[[directory]]\nname = 'a'\nrealms = ['contoso', 'contoso']\n";
    assert!(said_of(two).iter().any(|line| line.contains("two directories are of the realm `contoso`")));
}

#[test]
fn whoever_tells_of_revoked_sessions_is_known_and_speaks_of_somebody() {
    let signals = |more: &str| {
        said_of(&format!(
            "[[signals]]\nname = 'idp'\nissuer = 'https://tr.test/'\naudience = ['me']\nrealms = ['contoso']\n{more}"
        ))
    };
    let good = "push_tokens = ['0123456789abcdef0123456789abcdef']";
    assert_eq!(signals(good), Vec::<String>::new());
    assert_eq!(signals("delivery = 'poll'\npoll_url = 'https://tr.test/poll'"), Vec::<String>::new());
    for (more, wanted) in [
        ("", "whoever pushes would not be known"),
        ("push_tokens = ['short']", "the token could be guessed"),
        ("push_tokens = ['0123456789abcdef0', '0123456789abcdef1', '0123456789abcdef2']", "more than two tokens"),
        ("poll_url = 'https://tr.test/poll'\npush_tokens = ['0123456789abcdef0']", "nobody is asked"),
        ("push_tokens = ['0123456789abcdef0']\nmax_age = '0s'", "every signal would be too old"),
        ("push_tokens = ['0123456789abcdef0']\njwks_url = 'http://tr.test'", "is not an https address"),
        ("push_token = ['0123456789abcdef0']", "did you mean `push_tokens`?"),
    ] {
        let said = signals(more);
        assert!(said.iter().any(|line| line.contains(wanted)), "{more}: {said:?}");
    }
    for (from, to, wanted) in [
        ("name = 'idp'", "name = 'I D P'", "cannot be a name"),
        ("['me']", "[]", "no token could be meant"),
        ("['contoso']", "['nobody']", "there is no realm `nobody`"),
        ("['contoso']", "[]", "it would speak of nobody"),
    ] {
        let text = "[[signals]]\nname = 'idp'\nissuer = 'https://tr.test/'\naudience = ['me']\nrealms = ['contoso']\n";
        let said = said_of(&format!("{}{good}", text.replace(from, to)));
        assert!(said.iter().any(|line| line.contains(wanted)), "{to}: {said:?}");
    }
}

#[test]
fn the_risk_of_accounts_is_read_where_rules_go_by_it_and_risk_rules_can_do_what_they_say() {
    let base = "[[directory]]\nname = 'contoso'\nrealms = ['contoso']\n[directory.graph]\ntenant = 't'\nclient_id = 'c'\n\
                [[directory.graph.credential]]\nsecret = 'x'\n[directory.actions]\n[[directory.actions.credential]]\nsecret = 'y'\n";
    let rule = "[[directory.risk_rule]]\nname = 'a'\nrisk = ['high']\n";
    let policy = "[[policy.rule]]\nname = 'a'\neffect = 'block'\n";
    let risk = "[directory.risk]\n";
    let good = format!("{base}{risk}{rule}action = 'disable'\nrevoke = {{}}\n{policy}risk = {{ at_least = 'medium' }}");
    assert_eq!(said_of(&good), [""; 0]);
    for (more, part) in [
        (format!("{risk}every = '30s'"), "it would be asked all the time"),
        (format!("{risk}stale_after = '9m'"), "nobody's risk would count as known whenever a single reading is late"),
        (format!("{risk}most_per_hour = 0\n{rule}action = 'disable'"), "no rule could do anything"),
        (format!("{rule}action = 'disable'"), "the risk of accounts is not read, so the rule would never act"),
        (format!("{risk}{rule}action = 'enable'"), "a risk rule does not do `enable`"),
        (format!("{risk}{rule}action = 'sign-out'\nrevoke = {{}}"), "nothing takes `sign-out` back"),
        (format!("{risk}{rule}action = 'disable'\nrevoke = {{ states = [] }}"), "nothing would take it back"),
        (
            format!("{risk}{rule}action = 'disable'\nstates = ['dismissed']"),
            "nobody in the state `dismissed` is at risk",
        ),
        (format!("{risk}{rule}action = 'disable'\nstates = []"), "the rule is about no state"),
        (format!("{risk}{rule}action = 'disable'\n{rule}action = 'sign-out'"), "two risk rules are called `a`"),
        (format!("{risk}{rule}action = 'disable'\nstates = ['unknown']"), "`unknown` is no state"),
        (format!("{risk}{rule}action = 'disable'\nstates = ['atrisk']"), "`atrisk`"),
        (format!("{risk}{rule}action = 'lock'"), "`lock`"),
        (format!("{risk}{}action = 'disable'", rule.replace("high", "severe")), "`severe` is no level of risk"),
        (format!("{policy}risk = ['high']"), "the risk of the people of realm `contoso` is not read"),
        (format!("{policy}not = {{ risk = ['none'] }}"), "the risk of the people of realm `contoso` is not read"),
        (
            format!(
                "{risk}[[policy.rule]]\nname = 'a'\neffect = 'allow'\nauthenticate = false\nrisk = ['low']\ndestinations = ['a.test']"
            ),
            "cannot want evidence",
        ),
    ] {
        let said = said_of(&format!("{base}{more}"));
        assert!(said.iter().any(|line| line.contains(part)), "{part}: {said:?}");
    }
    let without = base.replace("[directory.actions]\n[[directory.actions.credential]]\nsecret = 'y'\n", "");
    let said = said_of(&format!("{without}{risk}{rule}action = 'disable'"));
    assert!(said.iter().any(|line| line.contains("nothing can act on accounts of this directory")), "{said:?}");
    let said = said_of(&base.replace("realms = ['contoso']", "realms = ['contoso']\nforget_deleted = '30d'"));
    assert!(said.iter().any(|line| line.contains("would be forgotten too soon")), "{said:?}");
    for key in ["most_disabled", "most_left"] {
        let said = said_of(&base.replace("client_id = 'c'", &format!("client_id = 'c'\n{key} = 101")));
        assert!(said.iter().any(|line| line.contains("there are no more than 100 percent")), "{said:?}");
    }
}
