//! Checks the directories: that each has a source and realms of its own, and that its secrets go only where they should.

use url::{Host, Url};

use super::{Check, at};
use crate::config::Config;
use crate::config::words::nearest;
use crate::directory::action::config::Config as Actions;
use crate::directory::config::{Config as Directory, GroupName};
use crate::directory::graph::config::{Config as Graph, Credential, CredentialKind};

/// The longest name: it is a file's.
const LONGEST: usize = 64;

pub(super) fn directories(config: &Config, check: &mut Check<'_>) {
    check.unique(&["directory"], config.directories.iter().map(|directory| directory.name.as_str()));
    let mut taken: Vec<&str> = Vec::new();
    for (index, directory) in config.directories.iter().enumerate() {
        name(index, &directory.name, check);
        if directory.realms.is_empty() {
            let help = "name the realm whose people it knows: `realms = [\"…\"]`";
            check.note(
                at!["directory", index, "realms"],
                "the directory is of no realm, so nobody would be looked up in it",
                help,
            );
        }
        for (number, realm) in directory.realms.iter().enumerate() {
            let path = at!["directory", index, "realms", number];
            if !config.realms.iter().any(|known| known.name == *realm) {
                let known: Vec<&str> = config.realms.iter().map(|known| known.name.as_str()).collect();
                let help = nearest(realm, &known).map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
                check.note(path, format!("there is no realm `{realm}`"), &help);
            } else if taken.contains(&realm.as_str()) {
                check.note(
                    path,
                    format!("two directories are of the realm `{realm}`"),
                    "one has to say who its people are",
                );
            }
            taken.push(realm);
        }
        if directory.forget_deleted.signed().as_hours() < 24 * 31 {
            let help = "Entra ID itself keeps them for 30 days, and sessions last as long: the default is 180 days";
            check.note(
                at!["directory", index, "forget_deleted"],
                "whoever was deleted would be forgotten too soon",
                help,
            );
        }
        group_names(index, directory, check);
        owner(index, directory, check);
        if let Some(own) = &directory.actions {
            actions(index, own, directory.graph.as_ref(), check);
        }
        match &directory.graph {
            Some(own) => {
                graph(index, own, check);
                notification(index, &directory.name, own, check);
            }
            None if directory.scim => {}
            None => check.note(
                at!["directory", index],
                "the directory has no source, so nobody would be in it",
                "add `[directory.graph]` with `tenant`, `client_id` and `[[directory.graph.credential]]`, or `scim = true`",
            ),
        }
    }
}

/// Whose word counts is asked only where two have a word.
fn owner(index: usize, directory: &Directory, check: &mut Check<'_>) {
    let help = "it needs both `[directory.graph]` and `scim = true`";
    if directory.graph.is_some() && directory.scim {
        return;
    }
    if directory.owner.is_some() {
        check.note(at!["directory", index, "owner"], "the directory has one source, whose word counts anyway", help);
    }
    if !directory.of_the_other.is_empty() {
        check.note(at!["directory", index, "of_the_other"], "the directory has no other source", help);
    }
}

/// All names of groups are one set of texts: a rule does not say which kind it means.
fn group_names(index: usize, directory: &Directory, check: &mut Check<'_>) {
    if let Some(number) = directory.group_names.iter().position(|name| *name == GroupName::DisplayName) {
        let message = "whoever may make groups can call one like any other, also by the object ID or the on-premises name by which a rule means another group";
        let help = "name groups in rules by object ID, and leave `display-name` out; or let only administrators make groups in Entra ID";
        check.warn(at!["directory", index, "group_names", number], message, help);
    }
}

fn actions(index: usize, actions: &Actions, graph: Option<&Graph>, check: &mut Check<'_>) {
    credentials((index, "actions"), &actions.credentials, check);
    if graph.is_none() {
        let message = "nobody can act on accounts of a tenant that is not named";
        check.note(at!["directory", index, "actions"], message, "`[directory.graph]` names it");
    } else if graph.is_some_and(|graph| graph.credentials == actions.credentials) {
        let help = "register a second application that may write, so that what is read all day long can write nothing";
        check.warn(at!["directory", index, "actions"], "the application that reads is the one that writes", help);
    }
    if actions.most_per_hour == 0 {
        let path = at!["directory", index, "actions", "most_per_hour"];
        check.note(path, "nothing could be done", "the default is 20; without `[directory.actions]` nothing can be");
    }
}

fn name(index: usize, name: &str, check: &mut Check<'_>) {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !name.is_empty() && (name.len() > LONGEST || !name.chars().all(is_plain)) {
        let message = format!("`{name}` cannot be the name of a directory");
        let help = "use small letters, digits, `-` and `_`, 64 at most: its file has that name";
        check.note(at!["directory", index, "name"], message, help);
    }
}

/// Where Graph tells of changes is a page of the portal.
fn notification(index: usize, name: &str, graph: &Graph, check: &mut Check<'_>) {
    if let Some(url) = &graph.notification_url {
        let own = format!("/graph/{name}");
        if url.scheme() != "https" || url.path() != own || url.query().is_some() {
            let help = format!("write https://, the portal's public address, and {own}");
            let message = "Microsoft Graph could not tell of changes at this address";
            check.note(at!["directory", index, "graph", "notification_url"], message, &help);
        }
    }
}

fn graph(index: usize, graph: &Graph, check: &mut Check<'_>) {
    let is_part =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    for (key, text, what) in [
        ("tenant", &graph.tenant, "the Directory (tenant) ID"),
        ("client_id", &graph.client_id, "the Application (client) ID"),
    ] {
        if !is_part(text) {
            let help = format!("{what} stands on the overview page of the app registration in Entra ID");
            check.note(at!["directory", index, "graph", key], format!("`{text}` cannot be it"), &help);
        }
    }
    credentials((index, "graph"), &graph.credentials, check);
    for (key, url) in [("login_url", &graph.login_url), ("graph_url", &graph.graph_url)] {
        if let Some(url) = url {
            origin(index, key, url, check);
        }
    }
    if graph.login_url.is_some() != graph.graph_url.is_some() {
        let key = if graph.login_url.is_some() { "login_url" } else { "graph_url" };
        let help = "the two belong together: a token of one cloud is worth nothing in another";
        check.note(at!["directory", index, "graph", key], "only one of `login_url` and `graph_url` is given", help);
    }
    for (key, every) in [("delta", graph.delta), ("full", graph.full)] {
        if every.signed().as_secs() < 60 {
            let help = "Microsoft Graph counts requests: the defaults are 10 minutes and 8 hours";
            check.note(at!["directory", index, "graph", key], "it would be asked all the time", help);
        }
    }
    for (key, percent) in [("most_disabled", graph.most_disabled), ("most_left", graph.most_left)] {
        if percent > 100 {
            check.note(
                at!["directory", index, "graph", key],
                "there are no more than 100 percent",
                "the default is 10",
            );
        }
    }
    if graph.most_removed > 100 {
        check.note(
            at!["directory", index, "graph", "most_removed"],
            "there are no more than 100 percent",
            "the default is 10",
        );
    }
}

fn credentials((index, section): (usize, &str), credentials: &[Credential], check: &mut Check<'_>) {
    if credentials.is_empty() {
        let help = format!(
            "add `[[directory.{section}.credential]]` with `secret`, with `certificate` and `key`, or with `federated_token`"
        );
        check.note(at!["directory", index, section], "there is nothing by which Microsoft Graph could know us", &help);
    }
    for (number, credential) in credentials.iter().enumerate() {
        match credential.proof() {
            None => {
                let help = "write `secret`, or `certificate` and `key`, or `federated_token`, and nothing else beside";
                let path = at!["directory", index, section, "credential", number];
                check.note(path, "it is not clear what the credential is", help);
            }
            Some(CredentialKind::Certificate(certificate, key)) => {
                check.readable(at!["directory", index, section, "credential", number, "certificate"], certificate);
                check.readable(at!["directory", index, section, "credential", number, "key"], key);
            }
            Some(CredentialKind::Federated(_)) if credential.expires.is_some() => {
                let path = at!["directory", index, section, "credential", number, "expires"];
                check.note(path, "`expires` is for a client secret", "a federated credential does not expire");
            }
            Some(CredentialKind::Secret(_) | CredentialKind::Federated(_)) => {}
        }
    }
}

/// A token and a secret go there: in the clear to this machine alone.
fn origin(index: usize, key: &str, url: &Url, check: &mut Check<'_>) {
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    let path = at!["directory", index, "graph", key];
    if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
        check.note(
            path,
            format!("`{url}` is not an https address"),
            "plain http is for an address of this machine, such as 127.0.0.1",
        );
    } else if url.path() != "/" || url.query().is_some() {
        check.note(path, format!("`{url}` is more than an origin"), "leave out what stands after the host");
    }
}
