//! Asks the policy once more where a scanner wants another request sent than the one that is permitted.

use std::sync::Arc;

use super::Proxy;
use super::answer::Refusal;
use super::client::Client;
use super::decide::Sought;
use super::exchange::Request;
use super::identity::Identity;
use super::scan::{Scanning, Stop};
use super::watch::Watch;
use crate::policy::{Access, Permit};
use crate::wire::h1::Connection;

impl Proxy {
    /// Has a request looked at before it is sent. What a scanner wants sent instead is asked of the policy once more: rules can
    /// be about paths.
    pub(super) async fn scan_first(
        &self,
        scanning: &Scanning<'_>,
        (client, identity, permit): (&Client, Option<&Identity>, &Permit),
        connection: &mut Connection,
        request: &mut Request,
        watch: &mut Watch,
    ) -> Result<(), Stop> {
        let Request { head, destination, kind, recorder } = request;
        let before = head.target.path_and_query().to_owned();
        self.scan_request(scanning, connection, head, recorder, watch).await?;
        if head.target.path_and_query() == before {
            return Ok(());
        }
        let asked = Some((&head.method, head.target.path_and_query()));
        let sought = Sought { destination, access: Access::Request(*kind), request: asked };
        self.permits_instead(client, identity, sought, permit).map_err(|rule| {
            let request_id = recorder.id();
            tracing::warn!(%request_id, rule = &*rule, "a scanner changes a request into one that is not permitted like it: it is refused");
            recorder.rule = Some(Arc::clone(&rule));
            Stop::Refuse(Refusal::Denied(rule.to_string()))
        })
    }
}
