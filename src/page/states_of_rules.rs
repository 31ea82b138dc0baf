//! Every state of the pages of people whom a rule has stopped.

use super::*;

/// Warnings, overrides, and the request for a review.
pub(super) fn stopped(brand: &Brand, locale: &Locale) -> Vec<(&'static str, Html)> {
    let text = |text: &str| text.to_owned();
    let mut pages = Vec::new();
    let warning = Warning {
        place: Some(text("bets.test")),
        rule: text("Gambling: <b>not</b> at work"),
        message: Some(text("Bets are your own affair, at your own cost.\n\nThe works council has agreed to this.")),
        lasts: jiff::SignedDuration::from_hours(1),
        action: text("/rule/0123456789abcdef0123456789abcdef"),
        returning: Some(text("sealed")),
        request_id: text("q1"),
        is_late: false,
        csrf: text("token"),
    };
    pages.push(("warning", warning.render(brand, locale)));
    pages.push(("warning-late", Warning { is_late: true, ..warning.clone() }.render(brand, locale)));
    let lasts = jiff::SignedDuration::from_mins(90);
    let bare = Warning { place: None, message: None, returning: None, lasts, ..warning };
    pages.push(("warning-plain", bare.render(brand, locale)));
    let denied = Denied {
        place: text("games.test"),
        rule: text("No games at work"),
        message: Some(text("Games are for the <b>not</b> so busy.")),
        user: Some(text("B.Simon@contoso.com")),
        guest: false,
        pass: None,
        review: Some(text("https://portal.contoso.com/review?q=sealed")),
        portal: text("https://portal.contoso.com"),
        request_id: text("q1"),
    };
    let page = Override {
        denied: denied.clone(),
        key: Some(OverrideKey::Password),
        reason: true,
        written: String::new(),
        mistake: None,
        lasts: jiff::SignedDuration::from_mins(15),
        action: text("/rule/0123456789abcdef0123456789abcdef"),
        returning: Some(text("sealed")),
        csrf: text("token"),
    };
    pages.push(("override", page.render(brand, locale)));
    for mistake in [OverrideMistake::Password, OverrideMistake::Reason, OverrideMistake::TooMany] {
        let wrong = Override { mistake: Some(mistake), written: text("\"<b>not</b> much\""), ..page.clone() };
        pages.push(("override-mistake", wrong.render(brand, locale)));
    }
    let guest = Override { denied: Denied { guest: true, ..denied.clone() }, ..page.clone() };
    pages.push(("override-guest", guest.render(brand, locale)));
    let lasts = jiff::SignedDuration::from_hours(24);
    let member = Override { key: Some(OverrideKey::Member), reason: false, lasts, ..page.clone() };
    pages.push(("override-member", member.render(brand, locale)));
    let alone = Denied { place: String::new(), message: None, review: None, ..denied.clone() };
    let closed = Override { denied: alone, key: None, reason: false, ..page };
    pages.push(("override-closed", closed.render(brand, locale)));
    pages.push(("denied-message", denied.render(brand, locale)));
    let pass = Some(text("https://portal.contoso.com/rule/0123456789abcdef0123456789abcdef"));
    pages.push(("denied-pass", Denied { pass, ..denied }.render(brand, locale)));
    for guest in [false, true] {
        let weak = TooWeak(Denied {
            place: text("payroll.test"),
            rule: text("Payroll: <b>no</b> strangers"),
            message: (!guest).then(|| text("Salaries are nobody else's affair.")),
            user: (!guest).then(|| text("B.Simon@contoso.com")),
            guest,
            pass: None,
            review: None,
            portal: text("https://portal.contoso.com"),
            request_id: text("q1"),
        });
        pages.push(("too-weak", weak.render(brand, locale)));
    }
    for (user, rule, guest) in [
        (Some(text("B.Simon@contoso.com")), "No games at work", false),
        (Some(text("guest")), "No games at work", true),
        (None, "blocked-list", false),
    ] {
        let asked = AskReview {
            place: text("games.test"),
            rule: text(rule),
            request_id: text("q1"),
            user,
            guest,
            sealed: text("sealed"),
            csrf: text("token"),
        };
        pages.push(("review", asked.render(brand, locale)));
    }
    for is_told in [true, false] {
        let asked = ReviewAsked { is_told, place: text("games.test"), request_id: text("q1") };
        pages.push(("review-asked", asked.render(brand, locale)));
    }
    let each = [
        ("consent-granted", ConsentOutcome::Granted),
        ("consent-refused", ConsentOutcome::Refused(text("AADSTS65004: <b>declined</b>"))),
        ("consent-stale", ConsentOutcome::Stale),
    ];
    let consented = |outcome| Consented { outcome, directory: text("contoso") }.render(brand, locale);
    pages.extend(each.map(|(name, outcome)| (name, consented(outcome))));
    pages
}
