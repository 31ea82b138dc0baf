//! The pages of Test SSO, for operators: before the test, and its result.

use crate::page::html::Forms;
use crate::page::{Locale, page};

/// What the test is about to check.
#[derive(Clone, Debug)]
pub struct TestStart {
    /// The realm.
    pub realm: String,
    /// Our entity ID in this realm.
    pub entity_id: String,
    /// The address that the Response is to be sent to.
    pub acs_url: String,
    /// The identity provider.
    pub issuer: String,
    /// Whether the realm is off until its test has passed.
    pub waits_for_test: bool,
    /// The operator's link, not used yet.
    pub link: Option<String>,
    /// The token that shows that a form came from this page.
    pub csrf: String,
    /// The origins that the form may lead to.
    pub identity_providers: Vec<String>,
}

page!(TestStart, "test_start.html", |page| Forms::OwnAnd(&page.identity_providers));

/// The result of a test.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The realm.
    pub realm: String,
    /// Our entity ID in this realm.
    pub entity_id: String,
    /// The address that the Response is to be sent to.
    pub acs_url: String,
    /// The request, formatted for reading.
    pub request: Option<String>,
    /// The checks and the claims.
    pub report: TestReport,
    /// Whether the test has switched the realm on.
    pub switched_on: bool,
    /// The token that shows that a form came from this page.
    pub csrf: String,
    /// The origins that the form may lead to.
    pub identity_providers: Vec<String>,
}

page!(TestResult, "test_result.html", |page| Forms::OwnAnd(&page.identity_providers));

/// The checks and the claims of a test.
#[derive(Clone, Debug, Default)]
pub struct TestReport {
    /// Whether a sign-in would have succeeded.
    pub passed: bool,
    /// Each check, in order.
    pub steps: Vec<TestStep>,
    /// The identity provider's status, if it refused.
    pub refused: Option<String>,
    /// The Response, formatted for reading.
    pub response: Option<String>,
    /// The decrypted assertion, if it was encrypted.
    pub assertion: Option<String>,
    /// Certificates in the message that the realm does not trust.
    pub strangers: Vec<TestCertificate>,
    /// The certificates that the realm trusts, if `untrusted` names any.
    pub trusted: Vec<TestCertificate>,
    /// The claims.
    pub claims: Vec<TestClaim>,
}

/// A check, and its result.
#[derive(Clone, Debug)]
pub struct TestStep {
    /// The check.
    pub check: TestCheck,
    /// Its result.
    pub outcome: TestOutcome,
    /// The expected and the actual value.
    pub compared: Option<(String, String)>,
    /// Whether it failed because of an algorithm.
    pub is_algorithm: bool,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// It failed, for this reason.
    Failed(String),
    /// The test did not get as far as this check.
    NotReached,
}

/// A certificate.
#[derive(Clone, Debug)]
pub struct TestCertificate {
    /// Its thumbprint.
    pub thumbprint: String,
    /// Its name.
    pub name: String,
    /// When it ends.
    pub until: String,
}

/// A claim.
#[derive(Clone, Debug)]
pub struct TestClaim {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
    /// What it became.
    pub fields: Vec<TestField>,
    /// Why it was left out, if it could have become something.
    pub unused: Option<String>,
}

impl TestClaim {
    /// The short name: what follows the last slash of its name, if the name is an address.
    fn short_name(&self) -> &str {
        let last = self.name.rsplit(['/', ':', '#']).next().unwrap_or_default();
        if last.is_empty() { &self.name } else { last }
    }

    fn is_long(&self) -> bool {
        self.short_name() != self.name
    }
}

/// The checks of the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the texts in the locales say it")]
pub enum TestCheck {
    Age,
    Shape,
    Version,
    Destination,
    Issuer,
    Request,
    Issued,
    Status,
    Signature,
    Assertion,
    AssertionIssuer,
    AssertionIssued,
    Validity,
    Audience,
    Authentication,
    Context,
    Anew,
    Confirmation,
    Identity,
    Domain,
}

/// The attribute of a user that a claim sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the texts in the locales say it")]
pub enum TestField {
    Name,
    Id,
    DisplayName,
    SamAccountName,
    Upn,
    Email,
    Groups,
    TooManyGroups,
    Tenant,
}

/// Entra's errors whose cause is the set-up of the application.
const CODES: [(&str, &str); 7] = [
    ("50011", "entra-50011"),
    ("50058", "entra-50058"),
    ("50105", "entra-50105"),
    ("700016", "entra-700016"),
    ("75011", "entra-75011"),
    ("900236", "entra-900236"),
    ("7500529", "entra-7500529"),
];

/// The advice on one of Entra's errors, with the values of this realm.
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
    /// The identity provider's status, and the advice on it if the error is a usual one.
    fn refused(&self, t: &Locale) -> Option<(String, Option<String>)> {
        let said = self.report.refused.clone()?;
        let code = said.split_once("AADSTS").map(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next());
        let known = code.flatten().and_then(|code| CODES.into_iter().find(|(known, _)| *known == code));
        Some((said, known.map(|(_, key)| advice(t, key, &self.entity_id, &self.acs_url))))
    }

    /// What to change about a check that failed.
    fn cure(&self, step: &TestStep, t: &Locale) -> Option<String> {
        let failed = matches!(step.outcome, TestOutcome::Failed(_));
        let foreign = step.check == TestCheck::Signature && !self.report.strangers.is_empty();
        let part = match (step.is_algorithm, foreign) {
            (true, _) if matches!(step.check, TestCheck::Shape | TestCheck::Signature) => "algorithm",
            (_, true) => "foreign",
            _ => "cure",
        };
        failed.then(|| t.part(key(step.check), part))
    }

    fn key(&self, step: &TestStep) -> &'static str {
        key(step.check)
    }

    fn class(&self, step: &TestStep) -> &'static str {
        match step.outcome {
            TestOutcome::Passed => "pass",
            TestOutcome::Failed(_) => "fail",
            TestOutcome::NotReached => "open",
        }
    }

    fn outcome(&self, step: &TestStep, t: &Locale) -> String {
        t.say(match step.outcome {
            TestOutcome::Passed => "test-passed",
            TestOutcome::Failed(_) => "test-failed",
            TestOutcome::NotReached => "test-not-reached",
        })
    }

    fn reason<'a>(&self, step: &'a TestStep) -> Option<&'a str> {
        match &step.outcome {
            TestOutcome::Failed(reason) => Some(reason),
            _ => None,
        }
    }

    fn fields(&self, fields: &[TestField], t: &Locale) -> String {
        let names: Vec<_> = fields.iter().map(|field| t.say(field_key(*field))).collect();
        names.join(", ")
    }
}

fn key(check: TestCheck) -> &'static str {
    match check {
        TestCheck::Age => "check-age",
        TestCheck::Shape => "check-shape",
        TestCheck::Version => "check-version",
        TestCheck::Destination => "check-destination",
        TestCheck::Issuer => "check-issuer",
        TestCheck::Request => "check-request",
        TestCheck::Issued => "check-issued",
        TestCheck::Status => "check-status",
        TestCheck::Signature => "check-signature",
        TestCheck::Assertion => "check-assertion",
        TestCheck::AssertionIssuer => "check-assertion-issuer",
        TestCheck::AssertionIssued => "check-assertion-issued",
        TestCheck::Validity => "check-validity",
        TestCheck::Audience => "check-audience",
        TestCheck::Authentication => "check-authentication",
        TestCheck::Context => "check-context",
        TestCheck::Anew => "check-anew",
        TestCheck::Confirmation => "check-confirmation",
        TestCheck::Identity => "check-identity",
        TestCheck::Domain => "check-domain",
    }
}

fn field_key(field: TestField) -> &'static str {
    match field {
        TestField::Name => "field-name",
        TestField::Id => "field-id",
        TestField::DisplayName => "field-display-name",
        TestField::SamAccountName => "field-sam-account-name",
        TestField::Upn => "field-upn",
        TestField::Email => "field-email",
        TestField::Groups => "field-groups",
        TestField::TooManyGroups => "field-too-many-groups",
        TestField::Tenant => "field-tenant",
    }
}
