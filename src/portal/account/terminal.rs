//! Terminal sign-in: a terminal asks and waits, and a person decides in a browser.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::{Request, Response, StatusCode};
use tokio::time::{Instant, sleep};

use super::tokens;
use crate::clock::after;
use crate::page::{TerminalAsks, TerminalScript, TokensNote, Trouble, with_token};
use crate::portal::form::{self, Token};
use crate::portal::{Shared, Tools, Visit, fail, files, redirect};
use crate::session::terminal::{Collected, Occasion, Terminal};
use crate::session::tool::Kind;
use crate::session::tool::scope::Scope;
use crate::session::{NewTool, SessionId};

type Portal = State<Arc<Shared>>;

/// How long one request of a terminal is kept waiting. After that the terminal asks again.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often to look whether somebody has decided, which may happen on another node.
const PAUSE: Duration = Duration::from_millis(500);

/// `GET /terminal`: a terminal wants to be signed in. The answer is a script for `eval`.
pub(in crate::portal) async fn begin(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let Some(tools) = &portal.parts.tools else { return files::missing(&portal, &visit) };
    let client = visit.peer.client.ip();
    let Some(codes) = tools.terminals.begin(client, visit.user_agent(), Occasion::Wanted).await else {
        tracing::warn!(%client, request_id = visit.request_id, "a terminal was refused, because too many ask to be signed in, from this client or in all");
        return text(StatusCode::TOO_MANY_REQUESTS, String::new());
    };
    let script = TerminalScript::Ask {
        address: format!("{}/t/{}", portal.config.url, codes.user_code),
        code: codes.user_code,
        collect: format!("{}/terminal/{}", reached(&portal, &visit), codes.device_code.expose()),
        curl: tools.curl.clone(),
        authority: portal.parts.authority.certificate_pem(),
    };
    text(StatusCode::OK, script.render(&portal.parts.brand, visit.locale(&portal)))
}

/// `GET /terminal/{device_code}`: a terminal waits for the decision. The answer is empty if there is none yet.
pub(in crate::portal) async fn collect(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    Path(device_code): Path<String>,
) -> Response<Body> {
    let Some(tools) = &portal.parts.tools else { return files::missing(&portal, &visit) };
    let Ok(_turn) = portal.memory.waiting.try_acquire() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, String::new());
    };
    let begun = Instant::now();
    let script = loop {
        match tools.terminals.collect(&device_code, visit.peer.client.ip()).await {
            Ok(Collected::Waiting) if begun.elapsed() < PATIENCE => sleep(PAUSE).await,
            Ok(Collected::Waiting) => return text(StatusCode::OK, String::new()),
            Ok(Collected::Approved(session, terminal)) => {
                break sign_in(&portal, &visit, tools, session, &terminal).await;
            }
            Ok(Collected::Refused) => break TerminalScript::Refused,
            Ok(Collected::Unknown) => break TerminalScript::Unknown,
            Err(_) => break TerminalScript::Away,
        }
    };
    text(StatusCode::OK, script.render(&portal.parts.brand, visit.locale(&portal)))
}

/// Makes the token of a terminal that was approved.
async fn sign_in(
    portal: &Shared,
    visit: &Visit,
    tools: &Tools,
    approved_in: SessionId,
    terminal: &Terminal,
) -> TerminalScript {
    let Some(maker) = portal.parts.sessions.recall(approved_in).await else { return TerminalScript::Unknown };
    let new = NewTool {
        maker: &maker,
        name: &terminal.user_agent,
        kind: Kind::Terminal,
        scope: Scope::default(),
        lifetime: tools.tokens.terminal_lifetime,
        client: terminal.client,
        user_agent: &terminal.user_agent,
    };
    let Ok((session, token)) = portal.parts.sessions.begin_tool(new).await else { return TerminalScript::Away };
    tracing::info!(
        user = session.user.name,
        realm = session.user.realm,
        session = session.id.short(),
        client = %terminal.client,
        request_id = visit.request_id,
        "a terminal has collected its token, and is signed in"
    );
    let reached = Some(reached(portal, visit)).filter(|origin| *origin != portal.config.url.to_string());
    TerminalScript::Approved {
        proxy: with_token(&reached.unwrap_or_else(|| tools.proxy.clone()), &token),
        account: session.user.name.clone(),
        until: session.expires,
    }
}

/// `GET /t/{code}`: asks a person whether a terminal is theirs.
pub(in crate::portal) async fn ask(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    Path(code): Path<String>,
) -> Response<Body> {
    let Some(tools) = &portal.parts.tools else { return files::missing(&portal, &visit) };
    let Some(session) = visit.person(&portal).await else { return visit.sign_in_first(&portal, &visit.address).await };
    if !portal.memory.codes.admit_here(visit.peer.client.ip()) {
        return busy(&portal, &visit);
    }
    let now = portal.parts.clock.now();
    match tools.terminals.find(&code).await {
        Ok(Some(terminal)) => {
            let form = Token::issue(&portal, &visit);
            let page = TerminalAsks {
                code: code.to_ascii_uppercase(),
                client: terminal.client.to_string(),
                is_elsewhere: terminal.client != visit.peer.client.ip().to_canonical(),
                user_agent: terminal.user_agent,
                asked: terminal.asked,
                until: after(now, tools.tokens.terminal_lifetime).min(session.expires),
                account: session.user.name.clone(),
                csrf: form.text.clone(),
            };
            form.show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)))
        }
        Ok(None) => redirect(StatusCode::SEE_OTHER, &tokens::path(&portal, TokensNote::NoTerminal)),
        Err(_) => busy(&portal, &visit),
    }
}

/// `POST /t/{code}`: the person has decided.
pub(in crate::portal) async fn decide(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    Path(code): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let Some(tools) = &portal.parts.tools else { return files::missing(&portal, &visit) };
    let form = match form::take(&portal, &visit, request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let Some(session) = visit.person(&portal).await else { return visit.sign_in_first(&portal, &visit.address).await };
    if !portal.memory.codes.admit_here(visit.peer.client.ip()) {
        return busy(&portal, &visit);
    }
    let (decided, note) = match form.only("decision") {
        Some("approve") => (tools.terminals.approve(&code, session.id).await, TokensNote::Approved),
        _ => (tools.terminals.refuse(&code).await, TokensNote::Refused),
    };
    let note = match decided {
        Ok(Some(terminal)) => {
            let (user, approved) = (&session.user.name, note == TokensNote::Approved);
            tracing::info!(%user, terminal = %terminal.client, approved, request_id = visit.request_id, "a person has decided about a terminal that asks to be signed in");
            note
        }
        Ok(None) => TokensNote::NoTerminal,
        Err(_) => return busy(&portal, &visit),
    };
    redirect(StatusCode::SEE_OTHER, &tokens::path(&portal, note))
}

/// The origin at which a terminal has reached us over TLS: the portal's, or that of a secure listener.
fn reached(portal: &Shared, visit: &Visit) -> String {
    let host = visit.field(&HOST).unwrap_or_default();
    let is_plain = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
    let own = portal.config.url.to_string();
    if !is_plain || visit.peer.tls.is_none() || own.strip_prefix("https://") == Some(host) {
        return own;
    }
    format!("https://{host}")
}

fn busy(portal: &Shared, visit: &Visit) -> Response<Body> {
    fail(portal, visit, StatusCode::TOO_MANY_REQUESTS, Trouble::Busy)
}

fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
