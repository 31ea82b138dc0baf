//! The result of a test, in the types of its page.

use crate::page::{TestCertificate, TestCheck, TestClaim, TestField, TestOutcome, TestReport, TestStep};
use crate::saml::claims::Field;
use crate::saml::response::Check;
use crate::saml::trial::{Certificate, Outcome, Report};

/// Translates a report for the page.
pub(in crate::portal) fn of(report: Report) -> TestReport {
    let steps = report.steps.into_iter().map(|step| TestStep {
        check: check(step.check),
        outcome: match step.outcome {
            Outcome::Passed => TestOutcome::Passed,
            Outcome::Failed(reason) => TestOutcome::Failed(reason),
            Outcome::NotReached => TestOutcome::NotReached,
        },
        compared: step.compared,
        is_algorithm: step.is_algorithm,
    });
    let claims = report.claims.into_iter().map(|claim| TestClaim {
        name: claim.name,
        values: claim.values,
        fields: claim.fields.into_iter().map(field).collect(),
        unused: claim.unused,
    });
    TestReport {
        passed: report.passed,
        steps: steps.collect(),
        refused: report.status.map(|status| status.to_string()),
        response: report.response,
        assertion: report.assertion,
        strangers: report.strangers.into_iter().map(certificate).collect(),
        trusted: report.trusted.into_iter().map(certificate).collect(),
        claims: claims.collect(),
    }
}

fn certificate(Certificate { thumbprint, name, until }: Certificate) -> TestCertificate {
    TestCertificate { thumbprint, name, until }
}

fn check(check: Check) -> TestCheck {
    match check {
        Check::Age => TestCheck::Age,
        Check::Shape => TestCheck::Shape,
        Check::Version => TestCheck::Version,
        Check::Destination => TestCheck::Destination,
        Check::Issuer => TestCheck::Issuer,
        Check::Request => TestCheck::Request,
        Check::Issued => TestCheck::Issued,
        Check::Status => TestCheck::Status,
        Check::Signature => TestCheck::Signature,
        Check::Assertion => TestCheck::Assertion,
        Check::AssertionIssuer => TestCheck::AssertionIssuer,
        Check::AssertionIssued => TestCheck::AssertionIssued,
        Check::Validity => TestCheck::Validity,
        Check::Audience => TestCheck::Audience,
        Check::Authentication => TestCheck::Authentication,
        Check::Context => TestCheck::Context,
        Check::Anew => TestCheck::Anew,
        Check::Confirmation => TestCheck::Confirmation,
        Check::Identity => TestCheck::Identity,
        Check::Domain => TestCheck::Domain,
    }
}

fn field(field: Field) -> TestField {
    match field {
        Field::Name => TestField::Name,
        Field::Id => TestField::Id,
        Field::DisplayName => TestField::DisplayName,
        Field::SamAccountName => TestField::SamAccountName,
        Field::Upn => TestField::Upn,
        Field::Email => TestField::Email,
        Field::Groups => TestField::Groups,
        Field::TooManyGroups => TestField::TooManyGroups,
        Field::Tenant => TestField::Tenant,
    }
}
