//! Every state of the pages of Test SSO.

use super::*;

/// A test that has not begun, one that has failed in every way, and one that has passed.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn test_sso(brand: &Brand, locale: &Locale) -> Vec<(&'static str, Html)> {
    use TestCheck::*;
    let text = |text: &str| text.to_owned();
    let start = TestStart {
        realm: text("contoso"),
        entity_id: text("https://auth.test/0123"),
        acs_url: text("https://portal.test/saml/acs"),
        issuer: text("https://sts.windows.net/x/"),
        waits_for_test: true,
        link: Some(text("sealed")),
        csrf: text("token"),
        identity_providers: vec![text("https://login.example")],
    };
    const CHECKS: &[TestCheck] = &[
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
    ];
    let steps = |outcome: &dyn Fn(usize) -> TestOutcome| {
        let compared = Some((text("<wanted>"), text("<b>not</b> found")));
        let steps = CHECKS.iter().enumerate();
        let step = |(at, check): (usize, &TestCheck)| TestStep {
            check: *check,
            outcome: outcome(at),
            compared: compared.clone(),
            is_algorithm: at == 1,
        };
        steps.map(step).collect()
    };
    let certificate = TestCertificate { thumbprint: text("AB12"), name: text("<b>not</b> ours"), until: text("2027") };
    let failed = TestReport {
        passed: false,
        steps: steps(&|at| if at == 16 { TestOutcome::NotReached } else { TestOutcome::Failed(text("<b>not</b> so")) }),
        refused: Some(text("Responder: AADSTS50105: <b>not</b>")),
        response: Some(text("<Response/>")),
        assertion: Some(text("<Assertion/>")),
        strangers: vec![certificate.clone()],
        trusted: vec![certificate],
        claims: Vec::new(),
    };
    let fields = [
        TestField::Name,
        TestField::Id,
        TestField::DisplayName,
        TestField::SamAccountName,
        TestField::Upn,
        TestField::Email,
        TestField::Groups,
        TestField::TooManyGroups,
        TestField::Tenant,
    ];
    let claim = |name: &str, fields: &[TestField]| TestClaim {
        name: text(name),
        values: vec![text("<b>not</b>"), text("b")],
        fields: fields.to_vec(),
        unused: fields.is_empty().then(|| text("<b>not</b> readable")),
    };
    let passed = TestReport {
        passed: true,
        steps: steps(&|_| TestOutcome::Passed),
        claims: vec![
            claim("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", &fields),
            claim("uPN", &[]),
        ],
        ..TestReport::default()
    };
    let result = TestResult {
        realm: text("contoso"),
        entity_id: text("https://auth.test/0123"),
        acs_url: text("https://portal.test/saml/acs"),
        request: Some(text("<AuthnRequest/>")),
        report: failed.clone(),
        switched_on: false,
        csrf: text("token"),
        identity_providers: vec![text("https://login.example")],
    };
    let unsigned = TestReport { strangers: Vec::new(), ..failed };
    let good = TestResult { report: passed, switched_on: true, ..result.clone() };
    let bad = TestResult { report: unsigned, ..result.clone() };
    vec![
        ("test-start", start.render(brand, locale)),
        ("test-result", result.render(brand, locale)),
        ("test-result-unsigned", bad.render(brand, locale)),
        ("test-result-good", good.render(brand, locale)),
    ]
}
