//! Commands of operators to a running node, over a socket in the state folder.
//!
//! Only the user whose program it is can open it (mode 0600). A connection carries one command and its answer, one JSON
//! document a line: `{"command": "sessions list", "arguments": {…}}` is answered by any number of `{"item": …}` and then
//! `{"done": true}` or `{"error": "…"}`. Parts of the program put their commands in with [`Admin::on`].

pub mod client;
pub mod sessions;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::net::accept;
use crate::observe::audit::{Audit, Entry, What};

/// The socket's name in the state folder.
pub const SOCKET: &str = "admin.sock";

/// The command by which a program is asked whether it is well. Whoever watches gives it all the time, so it is not recorded.
pub const HEALTH: &str = "health";

/// The longest command, in bytes.
const MAX_COMMAND: u64 = 256 * 1024;

/// Commands that are carried out at the same time.
const MAX_CONNECTIONS: usize = 16;

/// How long whoever asks may take to say what.
const PATIENCE: Duration = Duration::from_secs(10);

/// Arguments that say what a command is about, and are recorded. Others are not: some may be secret.
const SUBJECTS: [&str; 4] = ["session", "user", "realm", "name"];

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
struct Command {
    command: String,
    #[serde(default)]
    arguments: Value,
}

/// One line of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Item(Value),
    Done(bool),
    Error(String),
}

/// Who gives a command, and where its answer goes.
#[derive(Debug)]
pub struct Asker {
    /// Who it is, for the audit record.
    pub who: String,
    items: mpsc::Sender<Value>,
}

impl Asker {
    /// Answers with one more item. False when nobody listens any more.
    pub async fn tell(&self, item: Value) -> bool {
        self.items.send(item).await.is_ok()
    }
}

/// What comes of a command: nothing more to say, or why it was not carried out.
pub type Done = Result<(), String>;

type Handler = Arc<dyn Fn(Value, Asker) -> Pin<Box<dyn Future<Output = Done> + Send>> + Send + Sync>;

/// The commands that there are.
#[derive(Clone, Default)]
pub struct Admin {
    commands: BTreeMap<&'static str, Handler>,
    audit: Arc<Audit>,
}

/// The socket, bound.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    path: PathBuf,
}

impl Admin {
    /// Adds a command.
    #[must_use]
    pub fn on<F, T>(mut self, command: &'static str, handler: F) -> Self
    where
        F: Fn(Value, Asker) -> T + Send + Sync + 'static,
        T: Future<Output = Done> + Send + 'static,
    {
        self.commands.insert(command, Arc::new(move |arguments, asker| Box::pin(handler(arguments, asker))));
        self
    }

    /// Records who gives which command.
    #[must_use]
    pub fn recorded(mut self, audit: Arc<Audit>) -> Self {
        self.audit = audit;
        self
    }

    /// Carries commands out until `stop` fires.
    pub async fn serve(self, door: Door, stop: CancellationToken) {
        let answer = |(stream, _)| {
            let admin = self.clone();
            async move {
                if let Err(error) = admin.answer(stream).await {
                    tracing::debug!(%error, "an operator's command was not answered to its end");
                }
            }
        };
        accept::each(|context| door.listener.poll_accept(context), MAX_CONNECTIONS, &stop, answer).await;
        // The next start finds no socket that nobody answers at.
        drop(std::fs::remove_file(&door.path));
    }

    async fn answer(&self, mut stream: UnixStream) -> io::Result<()> {
        let who = match stream.peer_cred() {
            Ok(peer) => format!("operator (uid {})", peer.uid()),
            Err(_) => "operator".to_owned(),
        };
        let (read, mut write) = stream.split();
        let mut line = String::new();
        let mut read = BufReader::new(read.take(MAX_COMMAND));
        timeout(PATIENCE, read.read_line(&mut line)).await??;
        let (items, mut told) = mpsc::channel(16);
        let asker = Asker { who, items };
        let outcome = self.carry_out(&line, asker);
        tokio::pin!(outcome);
        let mut ended = None;
        loop {
            tokio::select! {
                item = told.recv() => match item {
                    Some(item) => say(&mut write, &Line::Item(item)).await?,
                    None => break,
                },
                outcome = &mut outcome, if ended.is_none() => ended = Some(outcome),
            }
        }
        let last = match ended {
            Some(outcome) => outcome,
            None => outcome.await,
        };
        say(&mut write, &last.map_or_else(Line::Error, |()| Line::Done(true))).await
    }

    async fn carry_out(&self, line: &str, asker: Asker) -> Done {
        let command: Command = serde_json::from_str(line).map_err(|error| format!("that is no command: {error}"))?;
        let Some(handler) = self.commands.get(command.command.as_str()) else {
            return Err(format!("this version knows no command `{}`", command.command));
        };
        tracing::debug!(command = command.command, by = asker.who, "an operator's command");
        let named = |field: &str| command.arguments.get(field).and_then(Value::as_str).map(str::to_owned);
        let subject = SUBJECTS.into_iter().find_map(named);
        let by = asker.who.clone();
        let outcome = handler(command.arguments, asker).await;
        if command.command == HEALTH {
            return outcome;
        }
        self.audit.record(
            What::Command,
            Entry {
                by: Some(&by),
                command: Some(&command.command),
                subject: subject.as_deref(),
                outcome: Some(outcome.as_ref().map_or_else(String::as_str, |()| "done")),
                ..Entry::default()
            },
        );
        outcome
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.commands.keys()).finish()
    }
}

async fn say(write: &mut (impl tokio::io::AsyncWrite + Unpin), line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    write.write_all(&text).await
}

impl Door {
    /// Binds the socket in `folder`. One at which nobody answers any more is replaced. Needs a Tokio runtime.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(SOCKET);
        if std::os::unix::net::UnixStream::connect(&path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        // Under another name until nobody else can open it.
        let fresh = folder.join(format!("{SOCKET}.new"));
        drop(std::fs::remove_file(&fresh));
        let listener = UnixListener::bind(&fresh)?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&fresh, &path)?;
        Ok(Self { listener, path })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_command_is_answered_item_by_item_and_only_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let admin = Admin::default()
            .on("count", |arguments, asker| async move {
                for number in 0..arguments["to"].as_u64().ok_or("how far?")? {
                    asker.tell(json!({ "number": number, "by": asker.who })).await;
                }
                Ok(())
            })
            .on("fail", |_, _| async { Err("no".to_owned()) });
        let (door, stop) = (Door::open(folder.path()).unwrap(), CancellationToken::new());
        let path = folder.path().join(SOCKET);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Door::open(folder.path()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let serving = tokio::spawn(admin.serve(door, stop.clone()));
        let place = folder.path().to_owned();
        tokio::task::spawn_blocking(move || {
            let ask = |command: &str, arguments: Value| {
                let mut items = Vec::new();
                let asked = client::ask(&place, command, &arguments, |item| items.push(item));
                asked.map(|()| items).map_err(|error| error.to_string())
            };
            let items = ask("count", json!({ "to": 100 })).unwrap();
            assert_eq!((items.len(), &items[99]["number"]), (100, &json!(99)));
            assert!(items[0]["by"].as_str().unwrap().starts_with("operator (uid "));
            assert_eq!(ask("count", json!({})), Err("how far?".to_owned()));
            assert_eq!(ask("fail", Value::Null), Err("no".to_owned()));
            assert_eq!(ask("fly", Value::Null), Err("this version knows no command `fly`".to_owned()));
            use std::io::{Read as _, Write as _};
            let mut raw = std::os::unix::net::UnixStream::connect(place.join(SOCKET)).unwrap();
            raw.write_all(b"{}\n").unwrap();
            let mut said = String::new();
            raw.read_to_string(&mut said).unwrap();
            assert!(said.starts_with("{\"error\":\"that is no command: "), "{said}");
        })
        .await
        .unwrap();
        stop.cancel();
        serving.await.unwrap();
        assert!(!path.exists());
        let gone = client::ask(folder.path(), "fail", &Value::Null, |_| {}).unwrap_err();
        assert!(gone.to_string().contains("does the program run"), "{gone}");
    }
}
