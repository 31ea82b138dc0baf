//! Checks the authority that the operator has named, and whether it may issue what the configuration needs.

use super::{Check, at};
use crate::authority::{Names, Whereabouts};
use crate::clock::Clock;
use crate::config::{Config, Step};
use crate::page::TRUST_HOST;
use crate::policy::Pattern;

/// Checks `[authority]`.
pub(super) fn authority(config: &Config, check: &mut Check<'_>) {
    if check.is_damaged("authority") {
        return;
    }
    let now = Clock::system().now();
    let own = &config.authority;
    check.ask(at!["authority"], |faults| own.check(now, faults));
    if own.is_given() {
        let source = Whereabouts { folder: config.state.to_path_buf(), config: own.clone(), own_names: Vec::new() };
        if let Ok(issuing) = source.open(now) {
            permitted(config, issuing.certificate_names(), check);
        }
    }
    if !own.permitted_names.is_empty()
        && let Ok(names) = Names::listed(own.permitted_names.iter().map(String::as_str))
    {
        // The names that it needs itself are always among them.
        rules(config, &names, check);
    }
}

/// Says for what the authority may issue no certificate, although the configuration needs one.
pub fn permitted(config: &Config, names: &Names, check: &mut Check<'_>) {
    if names.is_any() {
        return;
    }
    let limits = names.described().join("; ");
    let help = format!("by its name constraints it may vouch for: {limits}");
    let portal = config.portal.url.host();
    if config.portal.certificate.is_none() && !names.permits(portal) {
        let message = format!("the authority may not issue a certificate for the portal, `{portal}`");
        check.note(at!["portal", "url"], message, &format!("{help}. Name a `certificate` and `key` in `[portal]`"));
    }
    for (index, listener) in config.listeners.iter().enumerate() {
        let Some(tls) = listener.tls.as_ref().filter(|tls| tls.certificate.is_none()) else { continue };
        for name in tls.names.iter().filter(|name| !names.permits(name)) {
            let message = format!("the authority may not issue a certificate for `{name}`");
            check.note(
                at!["listener", index, "tls", "names"],
                message,
                &format!("{help}. Name a `certificate` and `key`"),
            );
        }
    }
    if !names.permits(TRUST_HOST) {
        let message = format!(
            "the portal's page cannot show whether a browser trusts the authority: that may not vouch for {TRUST_HOST}"
        );
        check.warn(at!["authority"], message, &help);
    }
    rules(config, names, check);
}

/// Says which rules have sites intercepted that the authority may not vouch for.
fn rules(config: &Config, names: &Names, check: &mut Check<'_>) {
    let rules = config.policy.rules.iter().map(|rule| (rule.intercept, rule.conditions()));
    let standing = config.policy.standing.iter().map(|rule| (rule.intercept, rule.conditions()));
    let all = rules.enumerate().map(|it| ("rule", it)).chain(standing.enumerate().map(|it| ("standing", it)));
    for (section, (index, (intercept, when))) in all {
        if intercept != Some(true) {
            continue;
        }
        let is_outside = |pattern: &&Pattern| match pattern {
            Pattern::Domain(host) | Pattern::Exact(host) => !names.permits(host),
            Pattern::Addresses(net) => !names.permits(&net.addr().to_string()),
        };
        let Some(outside) = when.destinations.iter().find(is_outside) else { continue };
        let path: [Step; 4] = ["policy".into(), section.into(), index.into(), "destinations".into()];
        let outside = match outside {
            Pattern::Domain(host) | Pattern::Exact(host) => host.clone(),
            Pattern::Addresses(net) => net.to_string(),
        };
        let message = format!("the authority may not vouch for all of `{outside}`, so what it may not is refused");
        let help = format!("by its name constraints it may vouch for: {}", names.described().join("; "));
        check.warn(&path, message, &help);
    }
}
