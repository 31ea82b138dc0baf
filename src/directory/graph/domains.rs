//! The domains that the tenant has verified ("List domains"), where the application may read them (`Domain.Read.All`). An
//! administrator sees them beside those of the realms. They widen nothing: a realm speaks for the domains of the configuration.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::asking::{Asking, Wanted};
use super::fault::Fault;

/// Domains that are shown of one tenant. Entra ID has 5,000 of one at most.
const MOST: usize = 5_000;

/// The longest name of a domain, in octets (RFC 1035 §2.3.4).
const LONGEST: usize = 253;

const WANTED: Wanted = Wanted { phrase: "to show domains", permission: "Domain.Read.All" };

/// What is known of the tenant's domains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DomainsReport {
    /// Those that are verified, in lower case and in order.
    pub verified: Vec<String>,
    /// Why they are not known, if they are not.
    pub reason: Option<String>,
    /// What to do about that.
    pub help: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct TenantDomains(Mutex<Option<DomainsReport>>);

#[derive(Deserialize)]
struct Page {
    value: Vec<Domain>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Domain {
    id: String,
    #[serde(default)]
    is_verified: bool,
}

impl TenantDomains {
    /// What was read the last time; `None` if nothing was since the program began to lead.
    pub(super) fn report(&self) -> Option<DomainsReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads them. That fails where the application may not; the rest of the directory does not depend on it.
    pub(super) async fn read(&self, asking: &Asking<'_>, base: &str) {
        let report = match all(asking, base).await {
            Ok(verified) => DomainsReport { verified, ..DomainsReport::default() },
            Err(fault) => {
                DomainsReport { verified: Vec::new(), reason: Some(fault.to_string()), help: Some(fault.help()) }
            }
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
    }
}

async fn all(asking: &Asking<'_>, base: &str) -> Result<Vec<String>, Fault> {
    let (mut verified, mut seen) = (Vec::new(), 0);
    let mut next = Some(format!("{}/v1.0/domains?$select=id,isVerified", base.trim_end_matches('/')));
    while let Some(link) = next {
        let body = asking.get(&link, WANTED).await?;
        let page: Page = serde_json::from_slice(&body).map_err(|error| Fault::Answer(format!("domains: {error}")))?;
        // Whatever is on it, each page counts: there may be endlessly many.
        seen += page.value.len().max(1);
        if seen > MOST {
            return Err(Fault::Answer(format!("the tenant has more than {MOST} domains")));
        }
        next = page.next;
        let domains = page.value.into_iter().filter(|domain| domain.is_verified && is_name(&domain.id));
        verified.extend(domains.map(|domain| domain.id.to_ascii_lowercase()));
    }
    verified.sort();
    verified.dedup();
    Ok(verified)
}

fn is_name(name: &str) -> bool {
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && name.len() <= LONGEST && name.chars().all(is_of_names)
}
