//! Microsoft Graph, as Microsoft documents its delta queries, and Entra ID's token endpoint; with every fault on demand.
//!
//! "Use delta query to track changes in Microsoft Graph data", "Get incremental changes to groups", "Microsoft Graph error
//! responses", "Microsoft Graph throttling guidance", "OAuth 2.0 client credentials flow".

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Map, Value, json};

use crate::origin::Origin;
use crate::raw::{Wire, read_head};
use crate::world::{Builder, PATIENCE, World};

pub(super) const GRAPH: &str = "https://graph.test";

/// Where Entra ID Protection is.
const RISKY: &str = "/v1.0/identityProtection/riskyUsers";

/// What goes wrong with the next request for a page.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// An answer: status, more fields, body.
    Answer(u16, &'static str, &'static str),
    /// The connection breaks.
    Broken,
    /// It breaks in the middle of the answer.
    Cut,
    /// The token does not count any more, and it is said why.
    Token(&'static str),
}

/// How pages are made.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) page: usize,
    /// Members of a group on one page.
    pub(super) part: usize,
    /// Whether objects come in another order, some twice, and some pages are empty.
    pub(super) disorder: bool,
}

/// What the tenant is, and what has been asked.
#[derive(Debug)]
pub(super) struct State {
    pub(super) users: BTreeMap<String, Map<String, Value>>,
    pub(super) groups: BTreeMap<String, Map<String, Value>>,
    pub(super) members: BTreeMap<String, BTreeSet<String>>,
    /// What has changed: users and groups by ID, and memberships.
    log: Vec<Change>,
    rounds: Vec<Vec<Value>>,
    pub(super) shape: Shape,
    pub(super) faults: VecDeque<Fault>,
    pub(super) secrets: BTreeMap<String, Option<u32>>,
    tokens: BTreeSet<String>,
    pub(super) claims: Vec<String>,
    /// What is forbidden: `users` or `groups`.
    pub(super) forbidden: Option<&'static str>,
    /// The delta tokens below this number have expired.
    pub(super) oldest: usize,
    /// How many requests for pages there are when nothing comes for a long time.
    pub(super) hangs_at: Option<usize>,
    /// The targets of all requests for pages.
    pub(super) asked: Vec<String>,
    /// What was done to accounts: method, target and body.
    pub(super) acts: Vec<String>,
    /// Who is told of changes, by the subscription's identifier.
    pub(super) subscriptions: BTreeMap<String, Value>,
    /// A link that takes the place of the next one.
    pub(super) astray: Option<String>,
    /// Whether the answer under way breaks off.
    cut: bool,
    /// What Entra ID Protection says of whom, and how many are on a page.
    pub(super) risky: BTreeMap<String, Map<String, Value>>,
    pub(super) risk_page: usize,
    /// What goes wrong with requests for it, and their targets.
    pub(super) risk_faults: VecDeque<Fault>,
    pub(super) risk_asked: Vec<String>,
    /// The domains of the tenant, and whether they are verified; none where the application may not read them.
    pub(super) domains: Option<Vec<(&'static str, bool)>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Change {
    User(String),
    Group(String),
    Member(String, String, bool),
}

/// The fake, and the world in which it is.
#[derive(Clone, Debug)]
pub(super) struct Graph(Arc<Mutex<State>>);

impl Graph {
    /// The origins `graph.test` and `login.test`, in a world.
    pub(super) fn build() -> (Self, Builder) {
        let state = State {
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            members: BTreeMap::new(),
            log: Vec::new(),
            rounds: Vec::new(),
            shape: Shape { page: 50, part: 50, disorder: false },
            faults: VecDeque::new(),
            secrets: BTreeMap::from([("good".to_owned(), None)]),
            tokens: BTreeSet::new(),
            claims: Vec::new(),
            forbidden: None,
            oldest: 0,
            hangs_at: None,
            asked: Vec::new(),
            acts: Vec::new(),
            subscriptions: BTreeMap::new(),
            astray: None,
            cut: false,
            risky: BTreeMap::new(),
            risk_page: 500,
            risk_faults: VecDeque::new(),
            risk_asked: Vec::new(),
            domains: None,
        };
        let graph = Self(Arc::new(Mutex::new(state)));
        let mut build = World::build();
        let [pages, tokens] = [(); 2].map(|()| graph.clone());
        let own = Origin::start_tls(build.certify("graph.test"), move |head, stream| pages.serve(head, stream));
        let login = Origin::start_tls(build.certify("login.test"), move |head, stream| tokens.give_token(head, stream));
        (graph, build.host("graph.test:443", own.address).host("login.test:443", login.address))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A `[[directory]]` that is read from it, with more lines for `[directory.graph]`.
    pub(super) fn config(more: &str) -> String {
        format!(
            "[[directory]]\nname = \"contoso\"\nrealms = [\"contoso\"]\n[directory.graph]\ntenant = \"contoso.com\"\n\
             client_id = \"app\"\nlogin_url = \"https://login.test\"\ngraph_url = \"{GRAPH}\"\n{more}\n\
             [[directory.graph.credential]]\nsecret = \"good\"\n"
        )
    }

    /// All that the tenant is, as `directory dump --canonical` prints it.
    pub(super) fn dump(&self) -> String {
        let state = self.state();
        let text = |user: &Map<String, Value>, name: &str| match user.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Bool(true)) => "True".to_owned(),
            Some(Value::Bool(false)) => "False".to_owned(),
            _ => "None".to_owned(),
        };
        let fields = ["id", "userPrincipalName", "accountEnabled", "mail", "onPremisesSamAccountName", "displayName"];
        let people = state.users.values().map(|user| fields.map(|name| text(user, name)).join("|") + "\n");
        let is_live = |id: &String| state.users.contains_key(id) || state.groups.contains_key(id);
        let edges = state.members.iter().flat_map(|(group, members)| {
            members.iter().filter(|id| is_live(id)).map(move |member| format!("{group}>{member}\n"))
        });
        people.chain(edges).collect()
    }

    /// Answers requests on one connection, one after another.
    fn serve(&self, first: &str, stream: &mut dyn Wire) {
        let mut head = first.to_owned();
        while !head.is_empty() {
            let answer = if head.starts_with("GET ") {
                self.page(&head)
            } else if head.contains(" /v1.0/subscriptions") {
                Some(self.subscribe(&head, stream))
            } else {
                Some(self.act(&head, stream))
            };
            let Some(answer) = answer else { return };
            if std::mem::take(&mut self.state().cut) {
                drop(stream.write_all(&answer[..answer.len() / 2]).and_then(|()| stream.flush()));
                return;
            }
            if stream.write_all(&answer).and_then(|()| stream.flush()).is_err() {
                return;
            }
            head = read_head(stream);
        }
    }

    fn page(&self, head: &str) -> Option<Vec<u8>> {
        let mut state = self.state();
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if target.starts_with(RISKY) {
            return state.risk(&target, head);
        }
        if target.starts_with("/v1.0/domains?") {
            return Some(state.domains(&target));
        }
        state.asked.push(target.clone());
        if state.hangs_at == Some(state.asked.len()) {
            state.hangs_at = None;
            drop(state);
            // Until whoever waits is no longer there, for a part of a test's patience.
            std::thread::sleep(PATIENCE);
            return None;
        }
        match state.faults.pop_front() {
            None => {}
            Some(Fault::Broken) => return None,
            Some(Fault::Cut) => state.cut = true,
            Some(Fault::Answer(status, fields, body)) => return Some(answer(status, fields, body)),
            Some(Fault::Token(challenge)) => {
                state.tokens.clear();
                return Some(answer(401, challenge, "{}"));
            }
        }
        let field = |name: &str| {
            head.lines().find_map(|line| {
                let (own, value) = line.split_once(": ")?;
                own.eq_ignore_ascii_case(name).then(|| value.to_owned())
            })
        };
        let token = field("authorization").and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned));
        if !token.is_some_and(|token| state.tokens.contains(&token)) {
            return Some(answer(401, "", r#"{"error":{"code":"InvalidAuthenticationToken","message":"expired"}}"#));
        }
        let what = if target.starts_with("/v1.0/users/delta?") { "users" } else { "groups" };
        if state.forbidden == Some(what) {
            let body = r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}"#;
            return Some(answer(403, "request-id: 11111111-2222\r\n", body));
        }
        Some(state.answer(what, &target))
    }

    /// "Create subscription" and "Update subscription".
    fn subscribe(&self, head: &str, stream: &mut dyn Wire) -> Vec<u8> {
        let body: Value = serde_json::from_slice(&read_body(head, stream)).unwrap();
        let mut state = self.state();
        if !head.to_lowercase().contains("\r\nauthorization: bearer token-") {
            return answer(401, "", "{}");
        }
        let id = match head.split(' ').nth(1).unwrap().strip_prefix("/v1.0/subscriptions/") {
            Some(id) if state.subscriptions.contains_key(id) => id.to_owned(),
            Some(_) => return answer(404, "", r#"{"error":{"code":"ResourceNotFound","message":"gone"}}"#),
            None => {
                // None is called as another one, which may be gone, was called before it.
                let last =
                    state.subscriptions.keys().filter_map(|id| id.rsplit('-').next()?.parse::<usize>().ok()).max();
                format!("subscription-{}", last.map_or(0, |last| last + 1))
            }
        };
        let mut known = state.subscriptions.get(&id).cloned().unwrap_or_else(|| json!({ "id": id, "renewed": 0 }));
        known["renewed"] = json!(known["renewed"].as_u64().unwrap() + 1);
        known.as_object_mut().unwrap().extend(object(body));
        state.subscriptions.insert(id, known.clone());
        answer(201, "", &known.to_string())
    }

    /// What is done to an account ("Update user", "user: revokeSignInSessions").
    fn act(&self, head: &str, stream: &mut dyn Wire) -> Vec<u8> {
        let body = read_body(head, stream);
        let mut state = self.state();
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        assert!(head.to_lowercase().contains("\r\nauthorization: bearer token-act-"), "by another credential: {head}");
        state.acts.push(format!("{method} {target} {}", String::from_utf8_lossy(&body)));
        if let Some(Fault::Answer(status, fields, body)) = state.faults.pop_front() {
            return answer(status, fields, body);
        }
        if let Some(what) = target.strip_prefix("/v1.0/identityProtection/riskyUsers/") {
            return state.judge(what, &serde_json::from_slice(&body).unwrap());
        }
        let id = target.split('/').nth(3).unwrap().to_owned();
        match serde_json::from_slice::<Value>(&body).unwrap().get("accountEnabled") {
            Some(enabled) => state.user(&id, json!({ "accountEnabled": enabled })),
            None if target.ends_with("/revokeSignInSessions") => {
                return answer(200, "request-id: act-1\r\n", "{\"value\":true}");
            }
            None => {}
        }
        b"HTTP/1.1 204 No Content\r\nrequest-id: act-1\r\n\r\n".to_vec()
    }

    /// The token endpoint.
    fn give_token(&self, head: &str, stream: &mut dyn Wire) {
        let body = read_body(head, stream);
        let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
        assert!(head.starts_with("POST /contoso.com/oauth2/v2.0/token "), "{head}");
        assert_eq!(form["grant_type"], "client_credentials");
        assert_eq!(form["scope"], "https://graph.test/.default");
        let kind = if form["client_id"] == "app" { "" } else { "act-" };
        let mut state = self.state();
        state.claims.extend(form.get("claims").cloned());
        let refused = match state.secrets.get(&form["client_secret"]) {
            Some(None) => {
                let token = format!("token-{kind}{}", state.asked.len() + state.tokens.len());
                state.tokens.insert(token.clone());
                let body = json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token });
                drop(stream.write_all(&answer(200, "", &body.to_string())));
                return;
            }
            Some(Some(code)) => *code,
            None => 7_000_215,
        };
        let error = if refused == 7_000_112 { "unauthorized_client" } else { "invalid_client" };
        let description = format!("AADSTS{refused}: It is refused.\r\nTrace ID: 1");
        let body = json!({ "error": error, "error_description": description, "error_codes": [refused] });
        drop(stream.write_all(&answer(401, "", &body.to_string())));
    }
}

fn read_body(head: &str, stream: &mut dyn Wire) -> Vec<u8> {
    let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    body
}

fn answer(status: u16, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

impl State {
    /// "List domains", a domain a page.
    fn domains(&self, target: &str) -> Vec<u8> {
        let Some(domains) = &self.domains else {
            let body = r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}"#;
            return answer(403, "", body);
        };
        let at = target.split_once("$skiptoken=").map_or(0, |(_, at)| at.parse().unwrap());
        let page: Vec<_> =
            domains.iter().skip(at).take(1).map(|(id, is)| json!({ "id": id, "isVerified": is })).collect();
        let mut body = json!({ "value": page });
        if at + 1 < domains.len() {
            body["@odata.nextLink"] = json!(format!("{GRAPH}/v1.0/domains?$skiptoken={}", at + 1));
        }
        answer(200, "", &body.to_string())
    }

    pub(super) fn user(&mut self, id: &str, properties: Value) {
        let user = self.users.entry(id.to_owned()).or_default();
        user.insert("id".to_owned(), id.into());
        user.extend(object(properties));
        self.log.push(Change::User(id.to_owned()));
    }

    pub(super) fn group(&mut self, id: &str, properties: Value) {
        let group = self.groups.entry(id.to_owned()).or_default();
        group.insert("id".to_owned(), id.into());
        group.extend(object(properties));
        self.members.entry(id.to_owned()).or_default();
        self.log.push(Change::Group(id.to_owned()));
    }

    pub(super) fn join(&mut self, group: &str, member: &str, joins: bool) {
        let members = self.members.get_mut(group).unwrap();
        let has_changed = if joins { members.insert(member.to_owned()) } else { members.remove(member) };
        if has_changed {
            self.log.push(Change::Member(group.to_owned(), member.to_owned(), joins));
        }
    }

    /// Deletes a user or a group: its memberships go with it.
    pub(super) fn delete(&mut self, id: &str) {
        let groups: Vec<String> =
            self.members.iter().filter(|(_, members)| members.contains(id)).map(|(group, _)| group.clone()).collect();
        for group in groups {
            self.join(&group, id, false);
        }
        self.members.remove(id);
        if self.users.remove(id).is_some() {
            self.log.push(Change::User(id.to_owned()));
        }
        if self.groups.remove(id).is_some() {
            self.log.push(Change::Group(id.to_owned()));
        }
    }

    /// Has Entra ID Protection say something of somebody.
    pub(super) fn at_risk(&mut self, id: &str, level: &str, state: &str) {
        let now = jiff::Timestamp::now().to_string();
        let said = json!({
            "@odata.type": "#microsoft.graph.riskyUser", "id": id, "isDeleted": false, "isProcessing": false,
            "riskLevel": level, "riskState": state, "riskDetail": "none", "riskLastUpdatedDateTime": now,
        });
        self.risky.insert(id.to_owned(), object(said));
    }

    /// "List riskyUsers", "Get riskyUser".
    fn risk(&mut self, target: &str, head: &str) -> Option<Vec<u8>> {
        self.risk_asked.push(target.to_owned());
        match self.risk_faults.pop_front() {
            Some(Fault::Answer(status, fields, body)) => return Some(answer(status, fields, body)),
            Some(Fault::Cut) => self.cut = true,
            Some(Fault::Broken) => return None,
            Some(Fault::Token(_)) | None => {}
        }
        let is_known = self.tokens.iter().any(|token| head.contains(&format!("Bearer {token}\r\n")));
        if !is_known {
            return Some(answer(401, "", r#"{"error":{"code":"InvalidAuthenticationToken","message":"expired"}}"#));
        }
        let (path, query) = target.split_once('?').unwrap();
        if let Some(id) = path.strip_prefix(&format!("{RISKY}/")) {
            return Some(match self.risky.get(id) {
                Some(said) => answer(200, "", &json!(said).to_string()),
                None => answer(404, "", r#"{"error":{"code":"Request_ResourceNotFound","message":"no"}}"#),
            });
        }
        let (state, page) = match query.strip_prefix("$skiptoken=").and_then(|token| token.split_once('-')) {
            Some((state, page)) => (state.to_owned(), page.parse().unwrap()),
            None => {
                let filter = query.strip_prefix("$filter=riskState%20eq%20%27").unwrap();
                assert!(query.contains("&$select=id,") && query.ends_with("&$top=500"), "{query}");
                (filter.split('%').next().unwrap().to_owned(), 0)
            }
        };
        let all: Vec<_> = self.risky.values().filter(|said| said["riskState"] == state.as_str()).collect();
        let from = (page * self.risk_page).min(all.len());
        let until = (from + self.risk_page).min(all.len());
        let mut body = json!({ "value": all[from..until] });
        if until < all.len() {
            body["@odata.nextLink"] = format!("{GRAPH}{RISKY}?$skiptoken={state}-{}", page + 1).into();
        }
        Some(answer(200, "request-id: r\r\n", &body.to_string()))
    }

    /// "riskyUser: confirmCompromised", "riskyUser: dismiss".
    fn judge(&mut self, what: &str, body: &Value) -> Vec<u8> {
        for id in body["userIds"].as_array().unwrap() {
            let id = id.as_str().unwrap();
            match what {
                "confirmCompromised" => self.at_risk(id, "high", "confirmedCompromised"),
                "dismiss" => self.at_risk(id, "none", "dismissed"),
                other => panic!("{other}"),
            }
        }
        b"HTTP/1.1 204 No Content\r\nrequest-id: act-1\r\n\r\n".to_vec()
    }

    fn answer(&mut self, what: &str, target: &str) -> Vec<u8> {
        let query = target.split_once('?').unwrap().1;
        let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        let (round, number) = if let Some(token) = parameter("$skiptoken") {
            let (round, number) = token.split_once('-').unwrap();
            (round.parse().unwrap(), number.parse().unwrap())
        } else {
            let since = match parameter("$deltatoken") {
                Some(token) => token.parse().unwrap(),
                None => {
                    assert!(query.contains("$select=id,"), "the first query says what it wants: {query}");
                    0
                }
            };
            if since > 0 && since < self.oldest {
                return answer(410, "", r#"{"error":{"code":"syncStateNotFound","message":"Resync"}}"#);
            }
            let objects = if what == "users" { self.changed_users(since) } else { self.changed_groups(since) };
            let pages = self.pages(what, objects);
            self.rounds.push(pages);
            (self.rounds.len() - 1, 0)
        };
        let mut page = self.rounds[round][number].clone();
        if let Some(link) = self.astray.take() {
            page["@odata.nextLink"] = link.into();
        } else if number + 1 < self.rounds[round].len() {
            let next = format!("{GRAPH}/v1.0/{what}/delta?$skiptoken={round}-{}", number + 1);
            page["@odata.nextLink"] = next.into();
        }
        answer(200, "request-id: r\r\n", &page.to_string())
    }

    fn changed_users(&self, since: usize) -> Vec<Value> {
        let of = |change: &Change| match change {
            Change::User(id) => Some(id.clone()),
            _ => None,
        };
        let changed: BTreeSet<String> = self.log[since..].iter().filter_map(of).collect();
        changed.into_iter().map(|id| self.users.get(&id).map_or_else(|| removed(&id), |user| json!(user))).collect()
    }

    /// Each group once for each part of its members.
    fn changed_groups(&self, since: usize) -> Vec<Value> {
        let mut changed: BTreeMap<&String, BTreeMap<&String, bool>> = BTreeMap::new();
        for change in &self.log[since..] {
            match change {
                Change::Group(id) => drop(changed.entry(id).or_default()),
                Change::Member(group, member, joins) => {
                    changed.entry(group).or_default().insert(member, *joins);
                }
                Change::User(_) => {}
            }
        }
        let mut objects = Vec::new();
        for (id, members) in changed {
            let Some(group) = self.groups.get(id) else {
                objects.push(removed(id));
                continue;
            };
            let members: Vec<Value> = members.into_iter().map(|(member, joins)| self.member(member, joins)).collect();
            if members.is_empty() {
                objects.push(json!(group));
            }
            for part in members.chunks(self.shape.part) {
                let mut object = group.clone();
                object.insert("members@delta".to_owned(), part.into());
                objects.push(json!(object));
            }
        }
        objects
    }

    fn member(&self, id: &str, joins: bool) -> Value {
        let kind = if self.groups.contains_key(id) { "group" } else { "user" };
        let mut member = json!({ "@odata.type": format!("#microsoft.graph.{kind}"), "id": id });
        if !joins {
            member["@removed"] = json!({ "reason": "deleted" });
        }
        member
    }

    fn pages(&self, what: &str, mut objects: Vec<Value>) -> Vec<Value> {
        if self.shape.disorder {
            // In another order, though the parts of one group stay in theirs; some come twice.
            let twice: Vec<Value> = objects.iter().step_by(7).cloned().collect();
            let middle = objects.len() / 2;
            objects.rotate_left(middle);
            objects.extend(twice);
            // One that was deleted before anybody asked.
            objects.insert(0, removed("00000000-dead-0000-0000-000000000000"));
        }
        let mut pages: Vec<Value> = objects.chunks(self.shape.page).map(|some| json!({ "value": some })).collect();
        if self.shape.disorder {
            pages.insert(pages.len() / 2, json!({ "value": [] }));
        }
        if pages.is_empty() {
            pages.push(json!({ "value": [] }));
        }
        let delta = format!("{GRAPH}/v1.0/{what}/delta?$deltatoken={}", self.log.len());
        pages.last_mut().unwrap()["@odata.deltaLink"] = delta.into();
        pages
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}

fn removed(id: &str) -> Value {
    json!({ "id": id, "@removed": { "reason": "changed" } })
}
