//! Terminal sign-in: a terminal asks and waits, a person looks at it in a browser and decides.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::{Request, Response, StatusCode};
use tokio::time::{Instant, sleep};

use super::form::{self, Token};
use super::{Shared, Tools, Visit, files, redirect, show, tokens};
use crate::clock::after;
use crate::page::{TerminalAsks, TerminalScript, TokensNote, Trouble, with_token};
use crate::session::terminal::{Collected, Reason, Terminal};
use crate::session::tool::Kind;
use crate::session::tool::scope::Scope;
use crate::session::{NewTool, SessionId};

type Portal = State<Arc<Shared>>;

/// How long one request of a terminal waits for an answer; it asks again then.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often it is looked whether somebody has decided. It may happen on another node.
const PAUSE: Duration = Duration::from_millis(500);

/// `GET /terminal`: a terminal wants to be signed in. The answer is for `eval`.
pub(super) async fn begin(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let Some(tools) = &portal.parts.tools else { return files::missing(&portal, &visit) };
    let client = visit.peer.client.ip();
    let Some(codes) = tools.terminals.begin(client, visit.user_agent(), Reason::Wanted).await else {
        tracing::warn!(%client, request_id = visit.request_id, "too many terminals ask");
        return text(StatusCode::TOO_MANY_REQUESTS, String::new());
    };
    let script = TerminalScript::Ask {
        address: format!("{}/t/{}", portal.config.url, codes.user_code),
        code: codes.user_code,
        collect: format!("{}/terminal/{}", reached(&portal, &visit), codes.device_code.expose()),
        curl: tools.curl.clone(),
        authority: portal.parts.authority.pem.clone(),
    };
    text(StatusCode::OK, script.render(&portal.parts.brand, visit.locale(&portal)))
}

/// `GET /terminal/{device_code}`: it waits for the answer. Nothing, if there is none yet.
pub(super) async fn collect(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    Path(device_code): Path<String>,
) -> Response<Body> {
    let Some(tools) = &portal.parts.tools else { return files::missing(&portal, &visit) };
    let Ok(_turn) = portal.waiting.try_acquire() else {
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

/// Gives a terminal that was approved its token.
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
        "terminal signed in"
    );
    let reached = Some(reached(portal, visit)).filter(|origin| *origin != portal.config.url.to_string());
    TerminalScript::Approved {
        proxy: with_token(&reached.unwrap_or_else(|| tools.proxy.clone()), &token),
        account: session.user.name.clone(),
        until: session.expires,
    }
}

/// `GET /t/{code}`: a person is asked whether a terminal is theirs.
pub(super) async fn ask(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    Path(code): Path<String>,
) -> Response<Body> {
    let Some(tools) = &portal.parts.tools else { return files::missing(&portal, &visit) };
    let Some(session) = visit.person(&portal).await else { return visit.sign_in_first(&portal, &visit.address).await };
    if !portal.codes.admit_here(visit.peer.client.ip()) {
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
            let mut response = show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)));
            form.set_cookie(&mut response);
            response
        }
        Ok(None) => redirect(StatusCode::SEE_OTHER, &tokens::path(&portal, TokensNote::NoTerminal)),
        Err(_) => busy(&portal, &visit),
    }
}

/// `POST /t/{code}`: the person has decided.
pub(super) async fn decide(
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
    if !portal.codes.admit_here(visit.peer.client.ip()) {
        return busy(&portal, &visit);
    }
    let (decided, note) = match form.only("decision") {
        Some("approve") => (tools.terminals.approve(&code, session.id).await, TokensNote::Approved),
        _ => (tools.terminals.refuse(&code).await, TokensNote::Refused),
    };
    let note = match decided {
        Ok(Some(terminal)) => {
            let (user, approved) = (&session.user.name, note == TokensNote::Approved);
            tracing::info!(%user, terminal = %terminal.client, approved, request_id = visit.request_id, "terminal");
            note
        }
        Ok(None) => TokensNote::NoTerminal,
        Err(_) => return busy(&portal, &visit),
    };
    redirect(StatusCode::SEE_OTHER, &tokens::path(&portal, note))
}

/// The origin by which a terminal has reached us over TLS: the portal's, or that of a listener for tools.
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
    let page = visit.trouble(Trouble::Busy, None);
    show(StatusCode::TOO_MANY_REQUESTS, page.render(&portal.parts.brand, visit.locale(portal)))
}

fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
