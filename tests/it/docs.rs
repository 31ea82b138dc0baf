//! What the documents say to type: each command is one that there is, and each configuration is understood.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser as _;
use vestibule::cli::Arguments;

use super::node::Setup;
use super::operator::say;
use super::world::World;

/// Every document, by its path from the root.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["", "config", "docker", "pac", "src", "tests"].map(|folder| root.join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let documents = files.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let documents: Vec<_> = documents.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect();
    assert!(documents.len() > 7, "{documents:?}");
    documents
}

/// The fenced blocks of a language, each without the indentation of its fence.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), None::<(usize, bool, String)>);
    for line in text.lines() {
        let bare = line.trim_start();
        match (&mut open, bare.strip_prefix("```")) {
            (Some((_, is_wanted, block)), Some(_)) => {
                if *is_wanted {
                    found.push(std::mem::take(block));
                }
                open = None;
            }
            (None, Some(named)) => open = Some((line.len() - bare.len(), named == language, String::new())),
            (Some((indent, _, block)), None) => {
                block.push_str(line.get(*indent..).unwrap_or_default());
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// What is set as code inside of a sentence.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("```"))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// The words of a command line, up to a comment, a pipe or a redirection. What may be left out is left out.
fn words(line: &str) -> Vec<&str> {
    let ends = |word: &&str| !["#", "|", ">", "&&"].contains(word);
    line.split_whitespace().take_while(ends).filter(|word| !word.starts_with('[')).collect()
}

/// The commands of ours that a document has people type.
fn commands(text: &str) -> Vec<String> {
    let of_blocks = blocks(text, "sh");
    let lines = of_blocks.iter().flat_map(|block| block.lines()).chain(spans(text));
    lines.map(str::trim).filter(|line| line.starts_with("vestibule ")).map(str::to_owned).collect()
}

#[test]
fn every_command_that_is_written_down_is_one() {
    let mut tried = 0;
    for (path, text) in documents() {
        for line in &commands(&text) {
            let parsed = Arguments::try_parse_from(words(line));
            let is_one = parsed.as_ref().err().is_none_or(|error| {
                // A command without all that it wants, in a sentence that is about the command.
                error.kind() == clap::error::ErrorKind::MissingRequiredArgument
            });
            assert!(is_one, "{}: {line}: {}", path.display(), parsed.err().unwrap());
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn every_configuration_that_is_written_down_is_understood() {
    let usual = [
        ("[[listener]]", "[[listener]]\naddress = '127.0.0.1:0'\n"),
        ("[portal]", "[portal]\nurl = 'https://portal.contoso.com'\nlisten = '127.0.0.1:0'\n"),
        (
            "[[realm]]",
            "[[realm]]\nname = 'contoso'\ndomains = ['contoso.com']\nentity_id = 'https://portal.contoso.com'\n\
             metadata = 'contoso.xml'\n",
        ),
    ];
    let mut tried = 0;
    for (path, text) in documents() {
        for block in blocks(&text, "toml") {
            let folder = tempfile::tempdir().unwrap();
            std::fs::copy("config/contoso.xml", folder.path().join("contoso.xml")).unwrap();
            let rest = usual.iter().filter(|(section, _)| !block.contains(section)).map(|(_, text)| *text);
            let state = format!("state = '{}'\n", folder.path().join("state").display());
            let whole: String = [state.as_str()].into_iter().chain([block.as_str()]).chain(rest).collect();
            let file = folder.path().join("vestibule.toml");
            std::fs::write(&file, &whole).unwrap();
            let checked =
                Command::new(env!("CARGO_BIN_EXE_vestibule")).arg("check-config").arg(&file).output().unwrap();
            let said =
                String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
            // The files of an example are not there.
            let problems = said.lines().filter(|line| line.starts_with("error: "));
            let wrong: Vec<_> = problems
                .filter(|line| !line.contains("No such file") && !line.ends_with(&format!("in {}", file.display())))
                .collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}\n{whole}\n{said}", path.display());
            tried += 1;
        }
    }
    assert!(tried > 3, "{tried}");
}

/// What commands say, and rightly, that find nothing to do here.
const NOTHING_TO_DO: [&str; 15] = [
    "no transmitter is heard: the configuration has no `[[signals]]`",
    "nobody's risk is read",
    "no list is fetched: files are read when they change",
    "no list `bets` is fetched",
    "no host of `contoso` waits",
    "no directory `bets` is pushed by SCIM",
    "no token is called `",
    "nothing is read from Microsoft Graph",
    "nobody can act on accounts: no directory has `[directory.actions]`",
    "no directory knows anybody called `",
    "there is a successor already",
    "there is no successor",
    "there is no authority before this one",
    "the authority before this one is still published",
    "the authority in force cannot be retired",
];

/// What stands in documents for something of one's own, and what that is here.
fn filled_in(word: &str, session: &str, request: &str) -> String {
    let own = match word {
        "7k2m-0qx4" | "ID" => request,
        "REALM" => "contoso",
        "GROUP" => "Staff",
        "NAME" => "bets",
        "0b7c91d2" => session,
        word => word,
    };
    own.to_owned()
}

#[test]
fn every_command_that_is_written_down_does_what_it_says_on_a_running_node() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let lists = "[[list]]\nname = \"bets\"\nfile = \"bets.txt\"\n[policy]\nblocked_lists = [\"bets\"]\n\
                 [[policy.test]]\nname = \"no bets\"\nurl = \"https://bets.example/\"\nfrom = \"192.0.2.7\"\nrule = \"blocked-list\"\n\
                 [[directory]]\nname = \"contoso\"\nrealms = [\"contoso\"]\nscim = true\n[scim]\nlisten = \"127.0.0.1:0\"";
    let node = Setup::new(&world, folder.path()).config(lists);
    std::fs::write(folder.path().join("bets.txt"), "bets.example\n").unwrap();
    let node = node.start();
    let signed_in = |user: &str| {
        let browser = node.browser(&world);
        browser.arrive("http://news.test/");
        let (_, listed, _) = say(&node, &["sessions", "list", "--user", user, "--json"]);
        let session: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
        session["session"].as_str().unwrap()[..8].to_owned()
    };
    let session = signed_in("b.simon@contoso.com");
    let config = std::fs::read_to_string(folder.path().join("node.toml")).unwrap();
    for name in ["vestibule.toml", "draft.toml"] {
        std::fs::write(folder.path().join(name), &config).unwrap();
    }
    std::fs::write(folder.path().join("typed"), "correct horse battery staple\n").unwrap();
    let log = std::fs::read_to_string(folder.path().join("access.log")).unwrap();
    let record: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    let request = record["request_id"].as_str().unwrap().to_owned();
    let (mut tried, mut failed) = (0, Vec::new());
    for (path, text) in documents() {
        for line in commands(&text) {
            let words: Vec<_> = words(&line).into_iter().map(|word| filled_in(word, &session, &request)).collect();
            // Others wait for what they start to end, or are named in a sentence without all that they want.
            if matches!(words[1].as_str(), "run" | "demo") || Arguments::try_parse_from(&words).is_err() {
                continue;
            }
            // A node listens here already, and so the ports are taken.
            let file_only = (words[1] == "check-config").then_some("--file-only");
            let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
            command.env_clear().current_dir(folder.path()).env("VESTIBULE_CONFIG", folder.path().join("node.toml"));
            let typed = std::fs::File::open(folder.path().join("typed")).unwrap();
            let output = command.args(&words[1..]).args(file_only).stdin(typed).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            // A list of nothing, and a state that is well.
            let may_be_silent =
                ["healthcheck", "act list", "directory dump"].iter().any(|own| words[1..].join(" ").starts_with(own));
            let is_silent = said.trim().is_empty() && !may_be_silent;
            let is_refused = !output.status.success() && !NOTHING_TO_DO.iter().any(|answer| said.contains(answer));
            if is_silent || is_refused {
                failed.push(format!("{}: {line}: {:?}\n{said}", path.display(), output.status));
            }
            tried += 1;
        }
    }
    assert_eq!(failed, Vec::<String>::new(), "{}", failed.join("\n"));
    assert!(tried > 20, "{tried}");
}
