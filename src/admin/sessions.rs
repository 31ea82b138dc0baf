//! Commands about sessions: who is signed in, where, and an end to it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Admin, Asker, Done};
use crate::session::ends::Held;
use crate::session::{Ending, Session, SessionId, Sessions};

/// How many sessions are read from the store at a time.
const PORTION: usize = 500;

/// The shortest beginning of an identifier that is taken: a shorter one could name another session by a slip.
const SHORTEST: usize = 8;

/// What the commands are told.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Arguments {
    /// The person, by any of their names, with or without the realm before it.
    user: Option<String>,
    /// The beginning of an identifier.
    session: Option<String>,
    /// How many sessions to list.
    most: Option<usize>,
}

/// Adds `sessions list`, `sessions show` and `sessions end`.
#[must_use]
pub fn commands(admin: Admin, sessions: &Arc<Sessions>) -> Admin {
    let [list, show, end] = [(); 3].map(|()| Arc::clone(sessions));
    admin
        .on("sessions list", move |arguments, asker| self::list(Arc::clone(&list), arguments, asker))
        .on("sessions show", move |arguments, asker| self::show(Arc::clone(&show), arguments, asker))
        .on("sessions end", move |arguments, asker| self::end(Arc::clone(&end), arguments, asker))
}

async fn list(sessions: Arc<Sessions>, arguments: Value, asker: Asker) -> Done {
    let wanted = read(arguments)?;
    for session in select(&sessions, &wanted).await? {
        if !asker.tell(brief(&session)).await {
            break;
        }
    }
    Ok(())
}

async fn show(sessions: Arc<Sessions>, arguments: Value, asker: Asker) -> Done {
    let session = one(&sessions, &read(arguments)?).await?;
    let mut item = brief(&session);
    if let Some(fields) = item.as_object_mut() {
        fields.insert("authenticated".into(), json!(session.authenticated.to_string()));
        fields.insert("person".into(), json!(*session.user));
        fields.insert("name_id".into(), json!(session.assertion.name_id));
        fields.insert("session_index".into(), json!(session.assertion.session_index));
    }
    asker.tell(item).await;
    Ok(())
}

async fn end(sessions: Arc<Sessions>, arguments: Value, asker: Asker) -> Done {
    let wanted = read(arguments)?;
    let ending = match (&wanted.user, &wanted.session) {
        (Some(_), None) => select(&sessions, &wanted).await?,
        (None, Some(_)) => vec![one(&sessions, &wanted).await?],
        _ => return Err("name a session, or a person all of whose sessions are to end".into()),
    };
    if ending.is_empty() {
        return Err("there is no such session".into());
    }
    for session in ending {
        let ended = sessions.end_by(session.id, Ending::Operator, &asker.who).await;
        if ended.was_there {
            let mut item = brief(&session);
            if let (Some(fields), true) = (item.as_object_mut(), ended.held != Held::Everywhere) {
                fields.insert("outcome".into(), json!(ended.held.as_str()));
            }
            asker.tell(item).await;
        }
    }
    Ok(())
}

fn read(arguments: Value) -> Result<Arguments, String> {
    if arguments.is_null() {
        return Ok(Arguments::default());
    }
    serde_json::from_value(arguments).map_err(|error| error.to_string())
}

/// The sessions of a person, or all.
async fn select(sessions: &Sessions, wanted: &Arguments) -> Result<Vec<Arc<Session>>, String> {
    let most = wanted.most.unwrap_or(usize::MAX);
    let (mut after, mut found) = (None, Vec::new());
    while found.len() < most {
        let portion = sessions.list(after, PORTION).await.map_err(|error| error.to_string())?;
        let Some(last) = portion.last() else { break };
        after = Some(last.id);
        let is_wanted = |session: &Arc<Session>| wanted.user.as_ref().is_none_or(|name| session.user.answers_to(name));
        found.extend(portion.into_iter().filter(is_wanted));
    }
    found.truncate(most);
    Ok(found)
}

/// The one session whose identifier begins as asked.
async fn one(sessions: &Sessions, wanted: &Arguments) -> Result<Arc<Session>, String> {
    let start = wanted.session.as_deref().unwrap_or_default();
    if start.len() < SHORTEST {
        return Err(format!("give {SHORTEST} characters of the session's identifier, or more"));
    }
    let (first, last) = SessionId::range(start).ok_or("an identifier has hexadecimal digits only")?;
    let mut found: Vec<_> = sessions.recall(first).await.into_iter().collect();
    found.extend(sessions.list(Some(first), 2).await.map_err(|error| error.to_string())?);
    found.retain(|session| session.id <= last);
    match found.as_slice() {
        [] => Err("there is no such session".into()),
        [one] => Ok(Arc::clone(one)),
        _ => Err("there are several whose identifiers begin like this: give more of it".into()),
    }
}

fn brief(session: &Session) -> Value {
    let tool = session.tool.as_ref().map(|tool| {
        json!({
            "name": *tool.name,
            "kind": tool.kind.as_str(),
            "networks": tool.scope.networks(),
            "destinations": tool.scope.destinations(),
            "last_client": tool.last_client().map(|client| client.to_string()),
        })
    });
    json!({
        "session": session.id.hex(),
        "user": session.user.name,
        "realm": session.user.realm,
        "client": session.client.to_canonical().to_string(),
        "user_agent": session.user_agent,
        "started": session.started.to_string(),
        "last_used": session.last_used().to_string(),
        "expires": session.expires.to_string(),
        "tool": tool,
    })
}
