//! Carries requests out, once it is clear who sends them and what they say.

use std::collections::HashMap;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::bulk::{self, Bulk};
use super::discovery;
use super::error::Error;
use super::kept::Found;
use super::listing::{Page, View, is_by_index};
use super::members;
use super::patch;
use super::precondition::{Precondition, is_known};
use super::resource;
use super::route::Route;
use super::schema::Resource;
use super::service::{Call, Caller, Reply, Scim, broken_off};
use super::tenant::{Done, NewState, missing};
use super::wishes::Wishes;
use crate::observe::audit::{Entry, What};

impl Scim {
    pub(super) async fn carry_out(&self, caller: &Caller, call: Call) -> Result<Reply, Error> {
        match call.route {
            Route::Bulk => self.bulk(caller, call.body).await,
            _ => self.carry_out_one(caller, call).await,
        }
    }

    async fn carry_out_one(&self, caller: &Caller, call: Call) -> Result<Reply, Error> {
        let Call { method, route, wishes, precondition, body } = call;
        if matches!(method, Method::GET) || matches!(route, Route::Search(_)) {
            // What another node has answered is there. While the store is away, what this node knows is shown.
            drop(caller.tenant.directory.follow().await);
        }
        match route {
            Route::ServiceProvider => one(&wishes, Some(discovery::service_provider(&caller.base))),
            Route::ResourceTypes(name) => some(&wishes, discovery::resource_types(&caller.base), name),
            Route::Schemas(urn) => some(&wishes, discovery::schemas(&caller.base), urn),
            Route::All(resource) if method == Method::POST => self.create(caller, resource, body, &wishes).await,
            Route::All(resource) => list(caller, &[resource], wishes).await,
            Route::Search(Some(resource)) => list(caller, &[resource], Wishes::of_search(body)?).await,
            Route::Search(None) => list(caller, &Resource::ALL, Wishes::of_search(body)?).await,
            Route::One(resource, id) => match method {
                Method::GET => read(caller, resource, id, wishes, precondition).await,
                Method::DELETE => self.delete(caller, resource, &id, precondition).await,
                Method::PUT => {
                    let wanted = whole(resource, body)?;
                    self.change(caller, resource, &id, precondition, wanted, &wishes).await
                }
                _ => {
                    let (operations, members) = members::split(patch::read(resource, body)?)?;
                    let wanted = NewState::Patched(operations, members);
                    let answer = self.change(caller, resource, &id, precondition, wanted, &wishes).await?;
                    // A group may have more members than anybody wants to see.
                    let is_brief = resource == Resource::Group && !wishes.names_attributes();
                    Ok(if is_brief { Reply { status: StatusCode::NO_CONTENT, body: None, ..answer } } else { answer })
                }
            },
            Route::Me | Route::Bulk => Err(Error::new(StatusCode::NOT_FOUND, "there is nothing at this address")),
        }
    }

    async fn create(&self, caller: &Caller, resource: Resource, body: Value, wishes: &Wishes) -> Result<Reply, Error> {
        let NewState::Whole(fields, members) = whole(resource, body)? else {
            return Err(Error::new(StatusCode::BAD_REQUEST, "the body is to be a whole resource"));
        };
        let done = caller.tenant.create(resource, fields, members).await?;
        self.note(caller, "create", resource, &done);
        let answer = shown(caller, resource, done.found, wishes).await?;
        Ok(Reply { status: StatusCode::CREATED, ..answer })
    }

    async fn change(
        &self,
        caller: &Caller,
        resource: Resource,
        id: &str,
        precondition: Precondition,
        wanted: NewState,
        wishes: &Wishes,
    ) -> Result<Reply, Error> {
        let done = caller.tenant.change(resource, id, precondition, wanted).await?;
        if done.is_change() {
            self.note(caller, "change", resource, &done);
        }
        // Members are shown only to whoever asks for them.
        match (resource, wishes.names_attributes()) {
            (Resource::Group, false) => shown(caller, resource, done.found, &Wishes::without_members()).await,
            _ => shown(caller, resource, done.found, wishes).await,
        }
    }

    async fn delete(
        &self,
        caller: &Caller,
        resource: Resource,
        id: &str,
        precondition: Precondition,
    ) -> Result<Reply, Error> {
        let done = caller.tenant.delete(resource, id, precondition).await?;
        self.note(caller, "delete", resource, &done);
        Ok(Reply::new(StatusCode::NO_CONTENT, None))
    }

    /// Carries out several requests. What names the result of another one waits for it.
    async fn bulk(&self, caller: &Caller, body: Value) -> Result<Reply, Error> {
        let Bulk { fail_on_errors, operations } = bulk::read(body)?;
        let (mut known, mut failed) = (HashMap::new(), 0);
        let mut answers: Vec<Option<Value>> = vec![None; operations.len()];
        for _ in 0..bulk::MAX_ROUNDS {
            let before = answers.iter().flatten().count();
            for (operation, answer) in operations.iter().zip(&mut answers) {
                if answer.is_some() || fail_on_errors.is_some_and(|most| failed >= most.max(1)) {
                    continue;
                }
                let Some(resolved) = operation.resolved(&known) else { continue };
                let at = Route::within(&resolved.path).and_then(|route| caller.location(&route));
                let done = self.one_of_many(caller, resolved).await;
                failed += usize::from(done.is_err());
                *answer = Some(self.bulk_answer(operation, at, done, &mut known));
            }
            if answers.iter().flatten().count() == before {
                break;
            }
        }
        let given_up = fail_on_errors.is_some_and(|most| failed >= most.max(1));
        for (operation, answer) in operations.iter().zip(&mut answers) {
            if answer.is_none() && !given_up {
                let detail = format!(
                    "it names a `bulkId` of which nothing has come in {} rounds: put the operation that it names before it",
                    bulk::MAX_ROUNDS
                );
                let error = Error::new(StatusCode::CONFLICT, detail);
                *answer = Some(self.bulk_answer(operation, None, Err(error), &mut known));
            }
        }
        Ok(Reply::new(StatusCode::OK, Some(bulk::answer(answers.into_iter().flatten().collect()))))
    }

    async fn one_of_many(&self, caller: &Caller, operation: bulk::Operation) -> Result<Reply, Error> {
        let method = operation.method.parse().unwrap_or(Method::TRACE);
        let route = Route::within(&operation.path).filter(|route| matches!(route, Route::All(_) | Route::One(..)));
        let route = route.filter(|route| method != Method::GET && route.takes(&method));
        let route = route.ok_or_else(|| {
            Error::new(
                StatusCode::BAD_REQUEST,
                "an operation is POST on a type of resources, or PUT, PATCH or DELETE on a resource",
            )
        })?;
        self.shared.admit(&caller.token)?;
        let precondition = Precondition { one_of: operation.version, none_of: None };
        let call = Call { method, route, wishes: Wishes::default(), precondition, body: operation.data };
        self.carry_out_one(caller, call).await
    }

    fn bulk_answer(
        &self,
        operation: &bulk::Operation,
        at: Option<String>,
        done: Result<Reply, Error>,
        known: &mut HashMap<String, String>,
    ) -> Value {
        match done {
            Ok(answer) => {
                let mut fields = operation.answered(answer.status);
                if let (Some(bulk_id), Some(id)) =
                    (&operation.bulk_id, answer.body.as_ref().and_then(|body| body.get("id")))
                {
                    known.insert(bulk_id.clone(), id.as_str().unwrap_or_default().to_owned());
                }
                fields.extend(answer.location.or(at).map(|location| ("location".to_owned(), json!(location))));
                fields.extend(answer.tag.map(|tag| ("version".to_owned(), json!(tag))));
                Value::Object(fields)
            }
            Err(error) => {
                let mut fields = operation.answered(error.status);
                // Required but for a POST that has failed (RFC 7644 §3.7).
                fields.extend(at.filter(|_| operation.method != "POST").map(|at| ("location".to_owned(), json!(at))));
                fields.insert("response".into(), error.to_json());
                Value::Object(fields)
            }
        }
    }

    /// Writes an audit record of a change.
    fn note(&self, caller: &Caller, verb: &str, resource: Resource, done: &Done) {
        let Done { found, before, members } = done;
        let name = found.kept.called(resource);
        let (added, removed) = (members.added, members.removed);
        let by = format!("scim token {} of {}", caller.token.id(), caller.token.directory());
        if removed > 0 {
            tracing::info!(
                group = name,
                added,
                removed,
                by,
                request_id = caller.request_id,
                "SCIM has taken members out of a group"
            );
        }
        if resource == Resource::User && found.kept.object_id().is_none() && caller.places.is_first_time() {
            tracing::warn!(
                directory = caller.token.directory(),
                user = name,
                request_id = caller.request_id,
                "SCIM has pushed somebody whose `externalId` is no object ID, so that whoever signs in is found by UPN alone, and what Graph says is not joined: map `externalId` to `objectId` in the identity provider (others may be pushed so too)"
            );
        }
        let was_active = before.as_ref().is_none_or(super::kept::Kept::is_active);
        let outcome = match (resource, was_active, found.kept.is_active()) {
            (Resource::Group, ..) if *members != members::Counts::default() => {
                Some(format!("{added} members added, {removed} removed"))
            }
            (Resource::User, true, false) => Some("disabled".to_owned()),
            (Resource::User, false, true) => Some("enabled".to_owned()),
            _ => None,
        };
        let entry = Entry {
            user: (resource == Resource::User).then_some(name),
            client: Some(caller.client),
            by: Some(&by),
            command: Some(&format!("{verb} {}", resource.name())),
            subject: Some(if resource == Resource::User { &found.id } else { name }),
            outcome: outcome.as_deref(),
            request_id: Some(&caller.request_id),
            ..Entry::default()
        };
        self.shared.parts.audit.record(What::Provisioned, entry);
    }
}

impl Caller {
    /// Where the resource of a route is.
    fn location(&self, route: &Route) -> Option<String> {
        let Route::One(resource, id) = route else { return None };
        Some(format!("{}{}/{id}", self.base, resource.endpoint()))
    }
}

/// Reads the body of a POST or a PUT.
fn whole(resource: Resource, mut body: Value) -> Result<NewState, Error> {
    let members = members::take(resource, &mut body)?;
    Ok(NewState::Whole(resource::read(resource, body)?, members))
}

async fn read(
    caller: &Caller,
    resource: Resource,
    id: String,
    wishes: Wishes,
    precondition: Precondition,
) -> Result<Reply, Error> {
    let answer = looking(caller, move |view| {
        let found = view.find(resource, &id)?.ok_or_else(|| missing(resource, &id))?;
        answer_with(view, resource, &found, &wishes)
    });
    let answer = answer.await?;
    let is_known =
        precondition.none_of.as_ref().zip(answer.tag.as_ref()).is_some_and(|(known, tag)| is_known(known, tag));
    Ok(if is_known { Reply { status: StatusCode::NOT_MODIFIED, body: None, ..answer } } else { answer })
}

/// A resource that was written, as it is shown.
async fn shown(caller: &Caller, resource: Resource, found: Found, wishes: &Wishes) -> Result<Reply, Error> {
    let wishes = wishes.clone();
    looking(caller, move |view| answer_with(view, resource, &found, &wishes)).await
}

fn answer_with(view: &View<'_>, resource: Resource, found: &Found, wishes: &Wishes) -> Result<Reply, Error> {
    let (fields, tag, location) = view.answer(resource, found, &wishes.shown(resource))?;
    let answer = Reply::new(StatusCode::OK, Some(Value::Object(fields)));
    Ok(Reply { tag: Some(tag), location: Some(location), ..answer })
}

async fn list(caller: &Caller, resources: &[Resource], wishes: Wishes) -> Result<Reply, Error> {
    let resources = resources.to_vec();
    let start = wishes.start();
    let is_scan = |resource: &Resource| wishes.query(*resource).is_ok_and(|query| !is_by_index(*resource, &query));
    // Nobody else is kept waiting by those who go through everything.
    let _scan = if resources.iter().any(is_scan) { Some(caller.places.take_for_scan().await?) } else { None };
    let page = looking(caller, move |view| {
        let (mut all, count) = (Page::default(), wishes.count());
        for resource in &resources {
            let query = match wishes.query(*resource) {
                Ok(query) => query,
                // What only the other type has is nothing to this one.
                Err(error)
                    if resources.len() == 1 || Resource::ALL.iter().all(|other| wishes.query(*other).is_err()) =>
                {
                    return Err(error);
                }
                Err(_) => continue,
            };
            let query = super::listing::Query {
                start: wishes.start().saturating_sub(all.total).max(1),
                count: if all.is_full { 0 } else { count.saturating_sub(all.resources.len()) },
                ..query
            };
            let page = view.query(*resource, &query)?;
            all.total += page.total;
            all.is_full |= page.is_full;
            all.resources.extend(page.resources);
        }
        Ok(all)
    });
    let Page { total, resources, .. } = page.await?;
    Ok(Reply::new(StatusCode::OK, Some(discovery::list(total, start, resources))))
}

/// Looks into the directory on a thread that may wait for the disk.
async fn looking<T: Send + 'static>(
    caller: &Caller,
    look: impl FnOnce(&View<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (tenant, base) = (caller.tenant.clone(), caller.base.clone());
    let looked = tokio::task::spawn_blocking(move || look(&View::open(&tenant, &base)?));
    looked.await.unwrap_or_else(|error| Err(broken_off(&error)))
}

/// A document that every client may see. Filters on these are forbidden (RFC 7644 §4).
fn one(wishes: &Wishes, document: Option<Value>) -> Result<Reply, Error> {
    if wishes.filter.is_some() {
        return Err(Error::new(StatusCode::FORBIDDEN, "this cannot be filtered (RFC 7644 section 4)"));
    }
    let document = document.ok_or_else(|| Error::new(StatusCode::NOT_FOUND, "there is no such document"))?;
    Ok(Reply::new(StatusCode::OK, Some(document)))
}

/// All documents, or the one with this identifier.
fn some(wishes: &Wishes, documents: Vec<Value>, id: Option<String>) -> Result<Reply, Error> {
    let document = match id {
        None => Some(discovery::list(documents.len(), 1, documents)),
        Some(id) => {
            let is_it = |document: &Value| {
                document.get("id").and_then(Value::as_str).is_some_and(|own| own.eq_ignore_ascii_case(&id))
            };
            documents.into_iter().find(is_it)
        }
    };
    one(wishes, document)
}
