//! The templates, run in a JavaScript engine.

use super::*;
use crate::config_path::ConfigPath;

/// What a browser on `network` that fetched `/proxy.pac` from `proxy.test:8080` does with each address.
fn answers(file: &File, network: &str, hosts: &[(&str, &str)]) {
    let facts = Facts {
        portal_host: "Portal.Example.com".into(),
        idp_hosts: vec!["login.microsoftonline.com".into(), "login.live.com".into()],
        proxy: None,
    };
    let pac = Pac::build(&Config { file: vec![file.clone()], ..Config::default() }, &facts).unwrap();
    let document = pac.serve("/proxy.pac", network, Some("proxy.test:8080")).unwrap();
    let runtime = rquickjs::Runtime::new().unwrap();
    rquickjs::Context::full(&runtime).unwrap().with(|context| {
        context.eval::<(), _>(document.body.to_vec()).unwrap();
        let find: rquickjs::Function<'_> = context.globals().get("FindProxyForURL").unwrap();
        for &(host, wanted) in hosts {
            let url = format!("http://{host}/a?b=c");
            let answer: String = find.call((url.as_str(), host)).unwrap();
            assert_eq!(answer, wanted, "{host} by {:?}", document.etag);
        }
    });
}

const PROXY: &str = "PROXY proxy.test:8080";

/// What is said of a template of the operator's.
fn tried(text: &str) -> Result<Vec<String>, String> {
    let template = Template::File { path: ConfigPath::at("own.pac"), text: Some(text.to_owned()) };
    let file = File { template, ..File::named("own") };
    let pac = Pac::build(&Config { file: vec![file], ..Config::default() }, &Facts::default());
    pac.map(|pac| pac.slips().map(|(_, slip)| slip.to_string()).collect()).map_err(|error| error.to_string())
}

#[test]
fn a_template_that_no_engine_runs_is_refused_with_its_line_and_column() {
    const GOOD: &str = "function FindProxyForURL(url, host) { return vestibule.proxy; }";
    for (text, place, part) in [
        // Two strokes are missing.
        (
            "function FindProxyForURL(url, host) {\n    if (host == 'a.test' host == 'b.test') { return 'DIRECT'; }\n\
             return vestibule.proxy;\n}",
            "line 2, column 26",
            "",
        ),
        (
            "function FindProxyForURL(url, host) {\n  return 'PROXY a:1'\n  else return 'DIRECT';\n}",
            "line 3, column 3",
            "",
        ),
        ("function FindProxyForURL(url, host) { var = 5; }", "line 1, column 43", ""),
        ("function FindProxyForURL(url, host) { return host.; }", "line 1, column 51", ""),
        ("let a = 1;\nlet a = 2;\nfunction FindProxyForURL(url, host) { return 'DIRECT'; }", "line 2", ""),
        // It is read, and fails before anybody asks it.
        (&format!("var list = vestibule.lists.direct;\n{GOOD}"), "line 1, column ", "undefined"),
        (&format!("{GOOD}\nfirewalls.push('a');"), "line 2, column ", "not defined"),
        (&format!("{GOOD}\nwhile (true) {{}}"), "", "it does not come to an end"),
        // Few steps, and each of them takes long.
        (
            &format!("{GOOD}\nvar a = new Array(100000); a.fill(0); for (var i = 0; i < 1e7; i++) a.sort();"),
            "",
            "it does not come to an end within 5 seconds",
        ),
        (&format!("{GOOD}\nvar a = 'a'; for (;;) a += a;"), "", ""),
    ] {
        let said = tried(text).unwrap_err();
        assert!(said.starts_with(place) && said.contains(part), "{text}\n{said}");
    }
}

#[test]
fn a_name_that_nothing_declares_is_pointed_out() {
    let slips = tried(
        "var nets = [1], own = {a: 1, b: nets}; const {c, d: e} = own;\n\
         function inside(host, net) { try { return shExpMatch(host, net) && c + e; } catch (error) { alert(error); } }\n\
         function FindProxyForURL(url, host) {\n\
           for (var i = 0, n = nets.length; i < n; i++) { if (inside(host, nets[i])) return directly; }\n\
           total = [1].map(x => x + 1).reduce((a, b) => a + b, 0);\n\
           if (typeof optional === 'function') return optional();\n\
           return isPlainHostname(host) ? 'DIRECT' : vestibule.proxy.replace(/;.*/, '');\n}",
    );
    let slips = slips.unwrap();
    assert_eq!(slips.len(), 2, "{slips:#?}");
    assert!(slips[0].starts_with("line 4, column 82: nothing declares `directly`"), "{slips:#?}");
    assert!(slips[1].starts_with("line 7, column 8: nothing declares `isPlainHostname`"), "{slips:#?}");
    // Where the file itself is good, it is tried out.
    let thrown = tried("function FindProxyForURL(url, host) {\n  return vestibule.none.more;\n}").unwrap();
    assert!(thrown[0].starts_with("line 2, column "), "{thrown:#?}");
    assert!(thrown[0].contains("browsers get no answer for http://www.example.com/a?b=c: "), "{thrown:#?}");
    let answer =
        tried("function FindProxyForURL(url, host) { if (host == 'intranet') return 5; return 'DIRECT'; }").unwrap();
    assert!(answer.len() == 1 && answer[0].contains("for https://intranet/ it returns"), "{answer:#?}");
}

#[test]
fn the_standard_file_sends_the_world_to_the_proxy_and_private_destinations_direct() {
    answers(
        &File { portal: Way::Direct, ..File::named("proxy") },
        "elsewhere",
        &[
            ("www.example.com", PROXY),
            ("WWW.Example.COM.", PROXY),
            ("portal.example.com", "DIRECT"),
            ("PORTAL.example.com.", "DIRECT"),
            ("login.microsoftonline.com", "DIRECT"),
            ("evil-login.microsoftonline.com", PROXY),
            ("login.microsoftonline.com.evil.test", PROXY),
            ("portal.example.com.evil.test", PROXY),
            // Names without a dot, and private suffixes.
            ("intranet", "DIRECT"),
            ("printer.", "DIRECT"),
            ("nas.local", "DIRECT"),
            ("NAS.LOCAL", "DIRECT"),
            ("a.localhost", "DIRECT"),
            ("gw.home.arpa", "DIRECT"),
            ("db.internal", "DIRECT"),
            ("local.example.com", PROXY),
            ("notlocal", "DIRECT"),
            ("x.notlocal", PROXY),
            (".local", PROXY),
            ("xn--bcher-kva.example", PROXY),
            // Addresses.
            ("10.1.2.3", "DIRECT"),
            ("172.16.0.1", "DIRECT"),
            ("172.31.255.255", "DIRECT"),
            ("172.32.0.1", PROXY),
            ("192.168.1.1", "DIRECT"),
            ("192.169.1.1", PROXY),
            ("127.0.0.1", "DIRECT"),
            ("169.254.169.254", "DIRECT"),
            ("8.8.8.8", PROXY),
            ("10.1.2.3.example.com", PROXY),
            ("10.1.2", PROXY),
            ("010.1.2.3", PROXY),
            ("10.1.2.256", PROXY),
            ("::1", "DIRECT"),
            ("[::1]", "DIRECT"),
            ("fe80::1", "DIRECT"),
            ("fe80::1%eth0", "DIRECT"),
            ("fd12:3456::1", "DIRECT"),
            ("2001:db8::1", PROXY),
            ("[2001:DB8::1]", PROXY),
            ("::ffff:10.0.0.1", "DIRECT"),
            ("::ffff:8.8.8.8", PROXY),
            ("::ffff:808:808", PROXY),
            ("::", PROXY),
            ("1::2::3", PROXY),
            ("1:2:3:4:5:6:7", PROXY),
            ("1:2:3:4:5:6:7:8:9", PROXY),
            (":::", PROXY),
            // Numbers that a resolver would take for addresses are not plain names.
            ("134744072", PROXY),
            ("0x08080808", PROXY),
            // What no browser should send, and some page will.
            ("", PROXY),
            (".", PROXY),
            ("a b", PROXY),
            ("'; return 'DIRECT", PROXY),
            ("__proto__", "DIRECT"),
            ("constructor.prototype", PROXY),
            ("local\u{2028}host.example", PROXY),
        ],
    );
}

#[test]
fn the_portal_and_the_identity_provider_are_each_reached_through_the_proxy_or_directly() {
    let file = File::named("proxy");
    answers(&file, "elsewhere", &[("portal.example.com", PROXY), ("login.live.com", "DIRECT")]);
    let file = File { portal: Way::Direct, ..file };
    answers(&file, "elsewhere", &[("portal.example.com", "DIRECT"), ("login.live.com", "DIRECT")]);
    let file = File { portal: Way::Proxy, idp: Way::Proxy, ..file };
    answers(&file, "elsewhere", &[("portal.example.com", PROXY), ("login.live.com", PROXY), ("intranet", "DIRECT")]);
    let file = File { skip: vec!["*.example.com".parse().unwrap()], ..file };
    answers(&file, "elsewhere", &[("portal.example.com", PROXY), ("www.example.com", "DIRECT")]);
}

#[test]
fn the_skip_list_takes_domains_hosts_and_ranges() {
    let skip = ["=a.example", "corp.example", "192.0.2.0/25", "198.51.100.7", "2001:db8:40::/42"];
    let file = File {
        skip: skip.iter().map(|skip| skip.parse().unwrap()).collect(),
        private_direct: false,
        ..File::named("proxy")
    };
    answers(
        &file,
        "elsewhere",
        &[
            ("a.example", "DIRECT"),
            ("b.a.example", PROXY),
            ("xa.example", PROXY),
            ("x.corp.example", "DIRECT"),
            ("y.x.corp.example.", "DIRECT"),
            ("corp.example", "DIRECT"),
            ("evilcorp.example", PROXY),
            ("192.0.2.127", "DIRECT"),
            ("192.0.2.128", PROXY),
            ("198.51.100.7", "DIRECT"),
            ("198.51.100.8", PROXY),
            ("2001:db8:7f::1", "DIRECT"),
            ("2001:db8:80::1", PROXY),
            ("intranet", PROXY),
            ("10.0.0.1", PROXY),
            ("nas.local", PROXY),
        ],
    );
}

#[test]
fn a_network_has_its_own_proxies_and_direct_follows_only_when_asked() {
    let mut file = File {
        proxies: vec!["a.test:1".parse().unwrap(), "https://b.test:2".parse().unwrap()],
        ..File::named("proxy")
    };
    file.networks.insert("office".into(), vec!["[2001:db8::1]:3".parse().unwrap()]);
    file.networks.insert("empty".into(), vec![]);
    answers(&file, "elsewhere", &[("example.com", "PROXY a.test:1; HTTPS b.test:2")]);
    answers(&file, "office", &[("example.com", "PROXY [2001:db8::1]:3")]);
    answers(&file, "empty", &[("example.com", "PROXY a.test:1; HTTPS b.test:2")]);
    file.direct_after_proxy = true;
    answers(&file, "office", &[("example.com", "PROXY [2001:db8::1]:3; DIRECT")]);
}

#[test]
fn the_file_for_everything_spares_only_the_portal_and_the_identity_provider() {
    let all = File { template: Template::built_in("all").unwrap(), portal: Way::Direct, ..File::named("proxy") };
    answers(
        &all,
        "elsewhere",
        &[("portal.example.com", "DIRECT"), ("login.live.com.", "DIRECT"), ("intranet", PROXY), ("10.0.0.1", PROXY)],
    );
    let all = File { portal: Way::Proxy, idp: Way::Proxy, ..all };
    answers(&all, "elsewhere", &[("portal.example.com", PROXY), ("login.live.com", PROXY)]);
}

#[test]
fn every_built_in_template_passes_its_own_check() {
    for (name, text) in BUILT_IN {
        assert_eq!(script::check(text, false).map(drop), Ok(()), "{name}");
    }
}

#[test]
fn without_a_configuration_the_host_field_names_the_proxy() {
    let pac = Pac::build(&Config::default(), &Facts::default()).unwrap();
    for (host, proxy) in [
        ("proxy.corp.example:8080", Some("PROXY proxy.corp.example:8080")),
        ("PROXY.corp.example", Some("PROXY proxy.corp.example:80")),
        ("wpad", Some("PROXY wpad:80")),
        ("192.0.2.1:3128", Some("PROXY 192.0.2.1:3128")),
        ("[2001:db8::1]", Some("PROXY [2001:db8::1]:80")),
        ("[2001:db8::1]:8080", Some("PROXY [2001:db8::1]:8080")),
        ("", None),
        (":8080", None),
        ("a:0", None),
        ("a:99999", None),
        ("a:8080:9090", None),
        ("https://a:8080", None),
        ("a/b:80", None),
        ("a\"};alert(1);//:80", None),
        ("a; DIRECT", None),
        ("a b", None),
        ("user@a", None),
    ] {
        let document = pac.serve("/proxy.pac", "elsewhere", Some(host));
        let named = proxy.map(|proxy| format!("var vestibule = {{\"proxy\":\"{proxy}\","));
        match (document, named) {
            (Some(document), Some(named)) => assert!(document.body.starts_with(named.as_bytes()), "{host}"),
            (document, named) => assert_eq!(document.is_some(), named.is_some(), "{host}"),
        }
    }
    assert_eq!(pac.serve("/proxy.pac", "elsewhere", None), None);
}

#[test]
fn files_are_found_by_their_names() {
    let config = Config { file: vec![File::named("office"), File::named("wpad")], ..Config::default() };
    let facts = Facts { proxy: Some("proxy.test:1".parse().unwrap()), ..Facts::default() };
    let pac = Pac::build(&config, &facts).unwrap();
    for (path, found) in [
        ("/proxy.pac", true),
        ("/wpad.dat", true),
        ("/office.pac", true),
        ("/wpad.pac", true),
        ("/other.pac", false),
        ("/office", false),
        ("/", false),
        ("office.pac", false),
    ] {
        assert_eq!(pac.serve(path, "elsewhere", None).is_some(), found, "{path}");
        assert_eq!(pac.has(path), found, "{path}");
    }
}

#[test]
fn the_entity_tag_changes_with_the_content_and_only_then() {
    let pac = Pac::build(&Config::default(), &Facts::default()).unwrap();
    let tag = |host| pac.serve("/proxy.pac", "elsewhere", Some(host)).unwrap().etag.unwrap();
    assert_eq!(tag("a:1"), tag("a:1"));
    assert_ne!(tag("a:1"), tag("a:2"));
    assert!(tag("a:1").starts_with('"') && tag("a:1").ends_with('"'));
}

#[test]
fn a_file_with_a_name_of_ones_own_leads_there_and_never_around_it() {
    let mut file =
        File { names: Some(Names::Always), proxies: vec!["a.test:1".parse().unwrap()], ..File::named("proxy") };
    file.networks.insert("lab".into(), vec!["b.test:2".parse().unwrap()]);
    let facts = Facts { portal_host: "portal.example.com".into(), ..Facts::default() };
    let plain = File { names: Some(Names::Never), ..File::named("plain") };
    let pac = Pac::build(&Config { file: vec![file, plain], ..Config::default() }, &facts).unwrap();
    for (path, network, names) in [
        ("/proxy.pac", "office", true),
        ("/proxy.pac", "lab", false),
        ("/plain.pac", "office", false),
        ("/x", "office", false),
    ] {
        assert_eq!(pac.hands_out_names(path, &on(network, "")), names, "{path} on {network}");
    }
    let proxy = "https://d-abc.proxy.example.com:8443".parse().unwrap();
    let document = pac.serve_own("/proxy.pac", &proxy).unwrap();
    assert_eq!(document.etag, None, "nobody keeps it for others");
    let runtime = rquickjs::Runtime::new().unwrap();
    rquickjs::Context::full(&runtime).unwrap().with(|context| {
        context.eval::<(), _>(document.body.to_vec()).unwrap();
        let find: rquickjs::Function<'_> = context.globals().get("FindProxyForURL").unwrap();
        for (host, wanted) in [
            ("www.example.com", "HTTPS d-abc.proxy.example.com:8443"),
            ("portal.example.com", "HTTPS d-abc.proxy.example.com:8443"),
            ("printer", "DIRECT"),
        ] {
            assert_eq!(find.call::<_, String>((format!("https://{host}/"), host)).unwrap(), wanted, "{host}");
        }
    });
}

#[test]
fn what_cannot_be_served_is_refused_when_it_is_built() {
    let build = |files: Vec<File>| {
        Pac::build(&Config { file: files, ..Config::default() }, &Facts::default()).map(|_| ()).unwrap_err()
    };
    let custom = |text: Option<&str>| File {
        template: Template::File { path: ConfigPath::at("my.pac"), text: text.map(str::to_owned) },
        ..File::named("proxy")
    };
    assert_eq!(build(vec![File::named("a"), File::named("a")]), Error::SameName("a".into()));
    for name in ["", "../a", "A", "a.pac"] {
        assert_eq!(build(vec![File::named(name)]), Error::BadName(name.into()));
    }
    assert_eq!(build(vec![custom(None)]), Error::NotRead("/my.pac".to_owned()));
    assert_eq!(build(vec![custom(Some("let FindProxyForURL = 1;"))]), Error::NoFunction);
}

#[test]
fn nothing_in_the_variable_can_become_code() {
    let hostile = "</script>\u{2028}\"\\\n\u{1f600}\u{7f}";
    let text = javascript(&hostile);
    assert_eq!(text, "\"\\u003c/script\\u003e\\u2028\\\"\\\\\\n\\ud83d\\ude00\\u007f\"");
    let runtime = rquickjs::Runtime::new().unwrap();
    let back: String = rquickjs::Context::full(&runtime).unwrap().with(|context| context.eval(text).unwrap());
    assert_eq!(back, hostile);
}

/// A network with these options.
fn on(name: &str, options: &str) -> Network {
    let text = format!("name = {name:?}\naddresses = ['10.0.0.0/8']\n{options}");
    let config: crate::identity::network::Config = toml::from_str(&text).unwrap();
    Network::from(&config)
}

#[test]
fn names_are_given_out_where_people_share_an_address_unless_something_else_is_said() {
    let named = |text: &str| toml::from_str::<File>(&format!("name = 'proxy'\n{text}"));
    for (text, shared, own) in [
        ("", true, false),
        ("names = 'shared'", true, false),
        ("names = true", true, true),
        ("names = false", false, false),
        ("proxies = ['a.test:1']", false, false),
        ("proxies = ['a.test:1']\nnames = 'shared'", true, false),
        ("networks = { nat = ['b.test:2'] }", false, false),
    ] {
        let config = Config { file: vec![named(text).unwrap()], ..Config::default() };
        let pac = Pac::build(&config, &Facts::default()).unwrap();
        let found = [on("nat", "shared = true"), on("office", "")].map(|it| pac.hands_out_names("/proxy.pac", &it));
        assert_eq!(found, [shared, own], "{text}");
    }
    assert!(
        Pac::build(&Config::default(), &Facts::default())
            .unwrap()
            .hands_out_names("/wpad.dat", &on("a", "shared = true"))
    );
    for wrong in ["names = 'always'", "names = 1"] {
        let error = named(wrong).unwrap_err().to_string();
        assert!(error.contains("\"shared\""), "{error}");
    }
}

#[test]
fn what_the_proxy_takes_to_go_around_it_is_what_the_template_sends_around_it() {
    let skip = ["=printer.contoso.com", "corp.example", "203.0.113.0/24", "2001:db8:5::/48"];
    let skip = skip.map(|text| text.parse().unwrap()).to_vec();
    let facts = Facts {
        portal_host: "portal.example.com".into(),
        idp_hosts: vec!["login.example.com".into()],
        proxy: Some("proxy.test:1".parse().unwrap()),
    };
    let standard = File { skip, ..File::named("proxy") };
    let files = [
        standard.clone(),
        File { private_direct: false, portal: Way::Direct, idp: Way::Proxy, ..standard.clone() },
        File { template: Template::built_in("all").unwrap(), ..standard },
    ];
    for file in files {
        let pac = Pac::build(&Config { file: vec![file.clone()], ..Config::default() }, &facts).unwrap();
        let document = pac.serve("/proxy.pac", "elsewhere", None).unwrap();
        let runtime = rquickjs::Runtime::new().unwrap();
        rquickjs::Context::full(&runtime).unwrap().with(|context| {
            context.eval::<(), _>(document.body.to_vec()).unwrap();
            let find: rquickjs::Function<'_> = context.globals().get("FindProxyForURL").unwrap();
            for host in [
                "portal.example.com",
                "login.example.com",
                "www.example.com",
                "printer.contoso.com",
                "contoso.com",
                "a.printer.contoso.com",
                "corp.example",
                "x.corp.example",
                "xcorp.example",
                "intranet",
                "x_y",
                "x.local",
                "x.y.local",
                "local",
                "gw.home.arpa",
                "db.internal",
                "a.localhost",
                "localhost",
                "127.0.0.1",
                "10.9.8.7",
                "172.16.0.1",
                "172.31.255.255",
                "172.32.0.1",
                "192.168.1.1",
                "192.169.1.1",
                "169.254.1.1",
                "203.0.113.9",
                "203.0.114.9",
                "8.8.8.8",
                "[::1]",
                "[::2]",
                "[fe80::1]",
                "[febf::1]",
                "[fec0::1]",
                "[fd00::1]",
                "[2001:db8:5::1]",
                "[2001:db8:6::1]",
                "[::ffff:10.1.1.1]",
                "[::ffff:8.8.8.8]",
                "xn--bcher-kva.example",
            ] {
                let answer: String = find.call((format!("http://{host}/"), host)).unwrap();
                let destination = crate::wire::Destination::of_authority(crate::wire::Scheme::Http, host).unwrap();
                assert_eq!(pac.sends_direct(&destination.host), answer == "DIRECT", "{host} by {file:?}");
            }
        });
    }
    // Nobody knows which of several files a browser has.
    let all = File { template: Template::built_in("all").unwrap(), ..File::named("all") };
    let pac =
        Pac::build(&Config { file: vec![all.clone(), File::named("proxy")], ..Config::default() }, &facts).unwrap();
    assert!(pac.sends_direct(&Host::Domain("x.local".into())));
    let pac = Pac::build(&Config { file: vec![all], ..Config::default() }, &facts).unwrap();
    assert!(!pac.sends_direct(&Host::Domain("x.local".into())));
}
