//! The page of a person's tokens: makes them, shows each once, lists and revokes them.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, Timestamp, after};
use crate::page::{NewToken, TerminalDecided, TokenDraft, TokenItem, TokenMistake, Tokens, TokensNote, Trouble};
use crate::portal::cookie::{self, SameSite};
use crate::portal::form::{self, Form, Token};
use crate::portal::visit::with_parameters;
use crate::portal::{Shared, Tools, Visit, files, nav, redirect, show, sign_out};
use crate::secret::Secret;
use crate::session::ends::Held;
use crate::session::tool::scope::{self, Scope};
use crate::session::tool::{Kind, MAX_NAME};
use crate::session::{Ending, NewTool, Session, SessionId, store};

type Portal = State<Arc<Shared>>;

/// The lifetimes that the page offers, in days.
const LIFETIMES: [i64; 4] = [7, 30, 90, 365];

/// How long the buttons on the page work.
const PAGE_LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// How long a note in an address is valid, and a new token in its cookie.
const NOTE_LIFETIME: SignedDuration = SignedDuration::from_mins(5);

const NOTE: &str = "tokens note";
const ITEM: &str = "token to revoke";
const NEW: &str = "new token";

/// A token on its way to the one page that shows it, sealed in a cookie.
#[derive(Serialize, Deserialize)]
struct Fresh {
    /// The session of the browser that made it.
    maker: SessionId,
    name: String,
    token: String,
    expires: Timestamp,
}

/// The address of the list, with a note to show.
pub(in crate::portal) fn path(portal: &Shared, note: TokensNote) -> String {
    let until = after(portal.parts.clock.now(), NOTE_LIFETIME);
    with_parameters("/tokens", &[("n", &portal.parts.sealer.seal(NOTE, &note, until))])
}

/// `GET /tokens`.
pub(in crate::portal) async fn list(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let Some(tools) = &portal.parts.tools else { return files::missing(&portal, &visit) };
    let Some(session) = visit.person(&portal).await else { return visit.sign_in_first(&portal, "/tokens").await };
    let note = visit.parameter("n").and_then(|n| portal.parts.sealer.open(NOTE, n, portal.parts.clock.now()).ok());
    // A person who has just decided about a terminal wants to go back to it, and not to see the list.
    if let Some(decision @ (TokensNote::Approved | TokensNote::Refused)) = note {
        let page = TerminalDecided { approved: decision == TokensNote::Approved };
        return show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)));
    }
    let draft = TokenDraft { days: days(tools.tokens.lifetime), ..TokenDraft::default() };
    page(&portal, &visit, tools, &session, Filled { draft, mistakes: Vec::new(), note }).await
}

/// `POST /tokens`.
pub(in crate::portal) async fn make(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let Some(tools) = &portal.parts.tools else { return files::missing(&portal, &visit) };
    let form = match form::take(&portal, &visit, request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let Some(session) = visit.person(&portal).await else { return visit.sign_in_first(&portal, "/tokens").await };
    let draft = read(&form, tools);
    let mistake = match begin(&portal, &visit, tools, &session, &draft).await {
        Ok(response) => return response,
        Err(mistake) => mistake,
    };
    match mistake {
        Refusal::Mistakes(mistakes) => {
            let filled = Filled { draft, mistakes, note: None };
            let mut response = page(&portal, &visit, tools, &session, filled).await;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            response
        }
        Refusal::Store(error) => {
            let trouble = if error == store::Error::Away { Trouble::Away } else { Trouble::Busy };
            let page = visit.trouble(trouble, None);
            show(StatusCode::SERVICE_UNAVAILABLE, page.render(&portal.parts.brand, visit.locale(&portal)))
        }
    }
}

/// `GET /tokens/new`: shows a new token, once.
pub(in crate::portal) async fn show_new(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let Some(tools) = &portal.parts.tools else { return files::missing(&portal, &visit) };
    let Some(session) = visit.person(&portal).await else { return visit.sign_in_first(&portal, "/tokens").await };
    let sealed = visit.cookie(cookie::NEW_TOKEN);
    let fresh = sealed.and_then(|text| portal.parts.sealer.open::<Fresh>(NEW, text, portal.parts.clock.now()).ok());
    let Some(fresh) = fresh.filter(|fresh| fresh.maker == session.id) else {
        return redirect(StatusCode::SEE_OTHER, &path(&portal, TokensNote::Shown));
    };
    let page = NewToken {
        name: fresh.name,
        token: Secret::new(fresh.token),
        expires: fresh.expires,
        proxy: tools.proxy.clone(),
        nav: nav(&portal),
    };
    let mut response = show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)));
    cookie::remove(&mut response, cookie::NEW_TOKEN);
    response
}

/// `POST /tokens/revoke`.
pub(in crate::portal) async fn revoke(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let form = match form::take(&portal, &visit, request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let Some(session) = visit.person(&portal).await else { return visit.sign_in_first(&portal, "/tokens").await };
    let (sealer, now) = (&portal.parts.sealer, portal.parts.clock.now());
    let item = form.only("token").and_then(|token| sealer.open::<SessionId>(ITEM, token, now).ok());
    // Looked for among the person's own tokens: the page with the button may be of another person who has used this
    // browser before.
    let own = portal.parts.sessions.tools_of(&session).await;
    let held = match own.iter().find(|tool| Some(tool.id) == item) {
        Some(tool) => portal.parts.sessions.end(tool.id, Ending::SignedOut).await.held,
        None => Held::Everywhere,
    };
    sign_out::go_on(&portal, &visit, held, &path(&portal, TokensNote::Revoked))
}

/// Why no token was made.
enum Refusal {
    Mistakes(Vec<TokenMistake>),
    Store(store::Error),
}

async fn begin(
    portal: &Shared,
    visit: &Visit,
    tools: &Tools,
    maker: &Session,
    draft: &TokenDraft,
) -> Result<Response<Body>, Refusal> {
    let mistakes = mistakes(tools, draft);
    let Ok(scope) = Scope::parse(&draft.networks, &draft.destinations, &tools.networks) else {
        return Err(Refusal::Mistakes(mistakes));
    };
    if !mistakes.is_empty() {
        return Err(Refusal::Mistakes(mistakes));
    }
    let new = NewTool {
        maker,
        name: draft.name.trim(),
        kind: Kind::Personal,
        scope,
        lifetime: SignedDuration::from_hours(24 * draft.days).min(tools.tokens.max_lifetime),
        client: visit.peer.client.ip(),
        user_agent: visit.user_agent(),
    };
    let (session, token) = portal.parts.sessions.begin_tool(new).await.map_err(|error| match error {
        store::Error::Full => Refusal::Mistakes(vec![TokenMistake::Full]),
        store::Error::Away => Refusal::Store(error),
    })?;
    tracing::info!(
        user = session.user.name,
        realm = session.user.realm,
        session = session.id.short(),
        token = draft.name,
        expires = %session.expires,
        client = %visit.peer.client.ip(),
        request_id = visit.request_id,
        "a person has made a token"
    );
    let now = portal.parts.clock.now();
    let fresh =
        Fresh { maker: maker.id, name: draft.name.clone(), token: token.expose().to_owned(), expires: session.expires };
    let sealed = portal.parts.sealer.seal(NEW, &fresh, after(now, NOTE_LIFETIME));
    let mut response = redirect(StatusCode::SEE_OTHER, "/tokens/new");
    cookie::set(&mut response, cookie::NEW_TOKEN, &sealed, SameSite::Lax, Some(NOTE_LIFETIME));
    Ok(response)
}

/// All that is wrong with what was typed.
fn mistakes(tools: &Tools, draft: &TokenDraft) -> Vec<TokenMistake> {
    let mistake = |networks: &str, destinations: &str| {
        let error = Scope::parse(networks, destinations, &tools.networks).err()?;
        Some(match error {
            scope::Error::Network(entry) => TokenMistake::Network(entry),
            scope::Error::Destination(entry) => TokenMistake::Destination(entry),
            scope::Error::TooMany if destinations.is_empty() => TokenMistake::TooManyNetworks,
            scope::Error::TooMany => TokenMistake::TooManyDestinations,
        })
    };
    let name = draft.name.trim().is_empty().then_some(TokenMistake::NoName);
    name.into_iter().chain(mistake(&draft.networks, "")).chain(mistake("", &draft.destinations)).collect()
}

fn read(form: &Form, tools: &Tools) -> TokenDraft {
    let text = |name: &str, most: usize| form.value(name).unwrap_or_default().chars().take(most).collect::<String>();
    let most = days(tools.tokens.max_lifetime);
    let chosen = form.value("days").and_then(|days| days.parse().ok());
    TokenDraft {
        name: text("name", MAX_NAME),
        networks: text("networks", 2000),
        destinations: text("destinations", 4000),
        days: chosen.unwrap_or_else(|| days(tools.tokens.lifetime)).clamp(1, most.max(1)),
    }
}

/// What the page shows.
struct Filled {
    draft: TokenDraft,
    mistakes: Vec<TokenMistake>,
    note: Option<TokensNote>,
}

async fn page(portal: &Shared, visit: &Visit, tools: &Tools, session: &Session, filled: Filled) -> Response<Body> {
    let form = Token::issue(portal, visit);
    let held = portal.parts.sessions.tools_of(session).await;
    let page = Tokens {
        account: session.user.name.clone(),
        items: held.iter().filter_map(|tool| item(portal, tool)).collect(),
        note: filled.note,
        draft: filled.draft,
        mistakes: filled.mistakes,
        lifetimes: lifetimes(tools),
        client: visit.peer.client.ip().to_canonical().to_string(),
        network: visit.peer.network.name.to_string(),
        curl: tools.curl.clone(),
        most: tools.tokens.max_per_person,
        nav: nav(portal),
        csrf: form.text.clone(),
    };
    form.show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(portal)))
}

fn item(portal: &Shared, session: &Session) -> Option<TokenItem> {
    let tool = session.tool.as_ref()?;
    let until = after(portal.parts.clock.now(), PAGE_LIFETIME);
    Some(TokenItem {
        name: tool.name.to_string(),
        is_terminal: tool.kind == Kind::Terminal,
        made: session.started,
        expires: session.expires,
        last_use: tool.last_client().map(|client| (session.last_used(), client.to_string())),
        networks: tool.scope.networks().join(", "),
        destinations: tool.scope.destinations().join(", "),
        end: portal.parts.sealer.seal(ITEM, &session.id, until),
    })
}

/// The lifetimes to choose from, in days.
fn lifetimes(tools: &Tools) -> Vec<i64> {
    let most = days(tools.tokens.max_lifetime);
    let mut all: Vec<_> = LIFETIMES.into_iter().chain([days(tools.tokens.lifetime), most]).collect();
    all.retain(|days| *days <= most);
    all.sort_unstable();
    all.dedup();
    all
}

fn days(span: SignedDuration) -> i64 {
    (span.as_hours() / 24).max(1)
}
