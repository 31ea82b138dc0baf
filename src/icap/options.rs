//! What a service can do, as it says itself (RFC 3507 §4.10.2).

use std::time::Duration;

use super::head::{AnswerHead, Direction};

/// For how long an answer to OPTIONS counts, whatever it says: at least and at most.
const TTL: (Duration, Duration) = (Duration::from_secs(30), Duration::from_hours(1));

/// The most octets that are shown first.
pub const MOST_PREVIEW: usize = 64 * 1024;

/// How many names of files a list has at most.
const MOST_NAMES: usize = 1000;

/// What a service can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether it looks at requests, and at answers.
    pub directions: (bool, bool),
    /// What it calls itself.
    pub service: String,
    /// The state of its rules and patterns: another one means that it may decide otherwise now.
    pub istag: Option<String>,
    /// How much of a body it wants to be shown first.
    pub preview: Option<usize>,
    /// Whether it can answer 204 after the preview.
    pub allows_204: bool,
    /// How many connections it takes from us.
    pub connections: Option<usize>,
    /// For how long that counts.
    pub ttl: Duration,
    /// What becomes of files by the ends of their names.
    pub transfer: TransferLists,
}

/// What a service wants of files, by the ends of their names (RFC 3507 §4.10.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferLists {
    preview: Vec<String>,
    ignore: Vec<String>,
    complete: Vec<String>,
}

/// What a service wants of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// A preview first.
    Preview,
    /// Nothing.
    Ignore,
    /// All of it, without a preview.
    Complete,
}

impl Options {
    /// What this answer says. None unless it is good.
    pub fn of(head: &AnswerHead) -> Option<Self> {
        if head.status != 200 {
            return None;
        }
        let fields = &head.fields;
        let number = |name: &str| fields.text(name).and_then(|value| value.trim().parse::<usize>().ok());
        let has = |method: Direction| {
            fields.items("methods").any(|item| item.eq_ignore_ascii_case(method.as_str().as_bytes()))
        };
        let ttl = number("options-ttl").map_or(TTL.1, |seconds| Duration::from_secs(seconds as u64));
        Some(Self {
            directions: (has(Direction::Reqmod), has(Direction::Respmod)),
            service: super::finding::plain(fields.get("service").unwrap_or_default()),
            istag: istag(head),
            preview: number("preview").map(|most| most.min(MOST_PREVIEW)),
            allows_204: fields.items("allow").any(|item| item == b"204"),
            connections: number("max-connections").filter(|most| *most > 0),
            ttl: ttl.clamp(TTL.0, TTL.1),
            transfer: TransferLists {
                preview: names(head, "transfer-preview"),
                ignore: names(head, "transfer-ignore"),
                complete: names(head, "transfer-complete"),
            },
        })
    }

    /// Whether it looks at what goes in this direction.
    pub fn looks_at(&self, direction: Direction) -> bool {
        match direction {
            Direction::Reqmod => self.directions.0,
            Direction::Respmod => self.directions.1,
        }
    }
}

/// The state of a service, as an answer shows it (RFC 3507 §4.7).
pub fn istag(head: &AnswerHead) -> Option<String> {
    head.fields.get("istag").map(super::finding::plain)
}

fn names(head: &AnswerHead, field: &str) -> Vec<String> {
    let items = head.fields.items(field).filter_map(|item| std::str::from_utf8(item).ok());
    items.take(MOST_NAMES).map(|item| item.trim_start_matches('.').to_ascii_lowercase()).collect()
}

impl TransferLists {
    /// What is wanted of the file at this path. One of the lists may be `*`, for all files that no other list names;
    /// where none is, and none names the file, it is sent whole.
    pub fn of(&self, path: &str) -> Transfer {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        let end = file.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
        let lists = [
            (Transfer::Ignore, &self.ignore),
            (Transfer::Complete, &self.complete),
            (Transfer::Preview, &self.preview),
        ];
        let by =
            |name: &str| lists.iter().find(|(_, list)| list.iter().any(|one| one == name)).map(|(wanted, _)| *wanted);
        let said = (!end.is_empty()).then(|| by(&end)).flatten().or_else(|| by("*"));
        let says_nothing = lists.iter().all(|(_, list)| list.is_empty());
        said.unwrap_or(if says_nothing { Transfer::Preview } else { Transfer::Complete })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(fields: &str) -> Option<Options> {
        Options::of(&AnswerHead::parse(format!("ICAP/1.0 200 OK\r\n{fields}\r\n").as_bytes(), 50).unwrap())
    }

    #[test]
    fn what_a_service_says_of_itself_is_read_within_bounds() {
        let found = options(
            "Methods: RESPMOD, reqmod\r\nService: C-ICAP/0.5.10 server\r\nISTag: \"CI0001-x\"\r\nTransfer-Preview: *\r\n\
             Options-TTL: 3600\r\nPreview: 1024\r\nAllow: 204, 206\r\nMax-Connections: 20\r\n",
        );
        let found = found.unwrap();
        assert!(found.looks_at(Direction::Reqmod) && found.looks_at(Direction::Respmod) && found.allows_204);
        assert_eq!((found.preview, found.connections), (Some(1024), Some(20)));
        assert_eq!((found.istag.as_deref(), found.ttl.as_secs()), (Some("\"CI0001-x\""), 3600));
        let found =
            options("Methods: RESPMOD\r\nOptions-TTL: 1\r\nPreview: 99999999\r\nMax-Connections: 0\r\n").unwrap();
        assert!(!found.looks_at(Direction::Reqmod) && !found.allows_204);
        assert_eq!((found.preview, found.connections, found.ttl.as_secs()), (Some(MOST_PREVIEW), None, 30));
        let odd = options("Options-TTL: forever\r\nPreview: -1\r\nAllow: 2040\r\n").unwrap();
        assert_eq!((odd.preview, odd.allows_204, odd.ttl.as_secs()), (None, false, 3600));
        assert!(Options::of(&AnswerHead::parse(b"ICAP/1.0 404 No\r\n\r\n", 9).unwrap()).is_none());
    }

    #[test]
    fn files_are_told_apart_by_the_ends_of_their_names() {
        use Transfer::{Complete, Ignore, Preview};
        let lists = |fields| options(fields).unwrap().transfer;
        let all = lists("Transfer-Preview: *\r\nTransfer-Ignore: html, .GIF\r\nTransfer-Complete: asp, exe\r\n");
        for (path, wanted) in [
            ("/a.html", Ignore),
            ("/a.GIF?b.exe", Ignore),
            ("/b/a.exe", Complete),
            ("/a.zip", Preview),
            ("/a", Preview),
            ("/a.exe/b", Preview),
            ("/", Preview),
        ] {
            assert_eq!(all.of(path), wanted, "{path}");
        }
        assert_eq!(lists("").of("/a.exe"), Preview);
        assert_eq!(lists("Transfer-Ignore: gif\r\n").of("/a.exe"), Complete);
        assert_eq!(lists("Transfer-Ignore: *\r\nTransfer-Complete: exe\r\n").of("/a.exe"), Complete);
    }
}
