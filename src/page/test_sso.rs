//! The pages of Test SSO, for operators: before the test, and what came of it.

use crate::page::html::Forms;
use crate::page::{Locale, page};
use crate::saml::claims::Field;
use crate::saml::response::Check;
use crate::saml::trial::{Outcome, Report, Step};

/// What is going to be tested.
#[derive(Clone, Debug)]
pub struct TestStart {
    /// The realm.
    pub realm: String,
    /// Our entity ID there.
    pub entity_id: String,
    /// Where the Response is to come.
    pub acs_url: String,
    /// The identity provider.
    pub issuer: String,
    /// Whether the realm is off until its test has passed.
    pub waits_for_test: bool,
    /// The operator's link, not used up yet.
    pub link: Option<String>,
    /// The token that shows that a form came from this page.
    pub csrf: String,
    /// The origins that the form leads to in the end.
    pub identity_providers: Vec<String>,
}

page!(TestStart, "test_start.html", |page| Forms::OwnAnd(&page.identity_providers));

/// What came of a test.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The realm.
    pub realm: String,
    /// Our entity ID there.
    pub entity_id: String,
    /// Where the Response is to come.
    pub acs_url: String,
    /// The request, readable.
    pub request: Option<String>,
    /// The checks and the claims.
    pub report: Report,
    /// Whether the test has switched the realm on.
    pub switched_on: bool,
    /// The token that shows that a form came from this page.
    pub csrf: String,
    /// The origins that the form leads to in the end.
    pub identity_providers: Vec<String>,
}

page!(TestResult, "test_result.html", |page| Forms::OwnAnd(&page.identity_providers));

/// Entra's errors that have to do with how an application is set up.
const CODES: [(&str, &str); 7] = [
    ("50011", "entra-50011"),
    ("50058", "entra-50058"),
    ("50105", "entra-50105"),
    ("700016", "entra-700016"),
    ("75011", "entra-75011"),
    ("900236", "entra-900236"),
    ("7500529", "entra-7500529"),
];

/// What to do about one of Entra's errors, with the values of this realm.
fn advice(t: &Locale, key: &str, entity_id: &str, acs_url: &str) -> String {
    t.with_all(key, &[("entity", entity_id), ("acs", acs_url)])
}

impl TestStart {
    fn codes(&self) -> [(&'static str, &'static str); 7] {
        CODES
    }

    fn advice(&self, t: &Locale, key: &str) -> String {
        advice(t, key, &self.entity_id, &self.acs_url)
    }
}

impl TestResult {
    /// What the identity provider said, and what to do about it, if it is one of the usual errors.
    fn refused(&self, t: &Locale) -> Option<(String, Option<String>)> {
        let status = self.report.status.as_ref()?;
        let said = status.to_string();
        let code = said.split_once("AADSTS").map(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next());
        let known = code.flatten().and_then(|code| CODES.into_iter().find(|(known, _)| *known == code));
        Some((said, known.map(|(_, key)| advice(t, key, &self.entity_id, &self.acs_url))))
    }

    /// What to change about a check that failed.
    fn cure(&self, step: &Step, t: &Locale) -> Option<String> {
        let failed = matches!(step.outcome, Outcome::Failed(_));
        let foreign = step.check == Check::Signature && !self.report.strangers.is_empty();
        let part = if foreign { "foreign" } else { "cure" };
        failed.then(|| t.part(key(step.check), part))
    }

    fn key(&self, step: &Step) -> &'static str {
        key(step.check)
    }

    fn class(&self, step: &Step) -> &'static str {
        match step.outcome {
            Outcome::Passed => "pass",
            Outcome::Failed(_) => "fail",
            Outcome::NotReached => "open",
        }
    }

    fn outcome(&self, step: &Step, t: &Locale) -> String {
        t.say(match step.outcome {
            Outcome::Passed => "test-passed",
            Outcome::Failed(_) => "test-failed",
            Outcome::NotReached => "test-not-reached",
        })
    }

    fn reason<'a>(&self, step: &'a Step) -> Option<&'a str> {
        match &step.outcome {
            Outcome::Failed(reason) => Some(reason),
            _ => None,
        }
    }

    fn fields(&self, fields: &[Field], t: &Locale) -> String {
        let names: Vec<_> = fields.iter().map(|field| t.say(field_key(*field))).collect();
        names.join(", ")
    }
}

fn key(check: Check) -> &'static str {
    match check {
        Check::Age => "check-age",
        Check::Shape => "check-shape",
        Check::Version => "check-version",
        Check::Destination => "check-destination",
        Check::Issuer => "check-issuer",
        Check::Request => "check-request",
        Check::Issued => "check-issued",
        Check::Status => "check-status",
        Check::Signature => "check-signature",
        Check::Assertion => "check-assertion",
        Check::AssertionIssuer => "check-assertion-issuer",
        Check::AssertionIssued => "check-assertion-issued",
        Check::Validity => "check-validity",
        Check::Audience => "check-audience",
        Check::Authentication => "check-authentication",
        Check::Confirmation => "check-confirmation",
        Check::Identity => "check-identity",
    }
}

fn field_key(field: Field) -> &'static str {
    match field {
        Field::Name => "field-name",
        Field::Id => "field-id",
        Field::DisplayName => "field-display-name",
        Field::SamAccountName => "field-sam-account-name",
        Field::Upn => "field-upn",
        Field::Email => "field-email",
        Field::Groups => "field-groups",
        Field::TooManyGroups => "field-too-many-groups",
        Field::Tenant => "field-tenant",
    }
}
