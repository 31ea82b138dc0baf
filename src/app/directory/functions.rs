//! How each function of a directory stands, in an administrator's words.

use serde_json::{Value, json};

use super::Cabinet;
use crate::directory::Tenant;
use crate::directory::action::State;

impl Cabinet {
    /// How each function of a directory stands, in an administrator's words.
    pub(super) fn functions(&self, tenant: &Tenant) -> Value {
        let name = &tenant.config.name;
        let reading = self.sync_of(name).map(|sync| sync.report().status);
        let acting = self.actions_of(name).map(|actions| {
            // A permission is proved by using it.
            match actions.tasks().iter().rev().find(|task| task.state != State::DryRun) {
                None => "Not used yet".to_owned(),
                Some(task) if task.state == State::Successful => "Granted".to_owned(),
                Some(task) => task.reason.clone().unwrap_or_else(|| "Unsuccessful".to_owned()),
            }
        });
        // Identity providers vouch for people by SAML, for which no permission of Microsoft Graph is needed.
        let signing_in = match tenant.config.realms.join(", ") {
            realms if realms.is_empty() => "No realm is of this directory".to_owned(),
            realms => format!("By SAML, in {realms}"),
        };
        let risk = self.watch_of(name).map(|watch| watch.report().status);
        json!({ "sign-in": signing_in, "directory": reading, "response actions": acting, "risk": risk })
    }
}
