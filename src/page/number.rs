//! Whole numbers, as people of a language write them.

use fluent_bundle::FluentValue;

/// For Fluent: 12,345, as in English and Japanese.
pub(super) fn with_commas<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    grouped(value, ',', 4)
}

/// For Fluent: 12.345, as in German.
pub(super) fn with_points<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    grouped(value, '.', 4)
}

/// For Fluent: 12 345 with a narrow space, as in French.
pub(super) fn with_narrow_spaces<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    grouped(value, '\u{202f}', 4)
}

/// For Fluent: 12 345, and 1234 without a space, as in Spanish.
pub(super) fn with_spaces<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    grouped(value, '\u{a0}', 5)
}

/// A whole number in groups of three digits, if it has at least `from` digits.
fn grouped(value: &FluentValue<'_>, mark: char, from: usize) -> Option<String> {
    let FluentValue::Number(number) = value else { return None };
    let digits = format!("{:.0}", number.value);
    if digits.len() < from {
        return Some(digits);
    }
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(mark);
        }
        text.push(digit);
    }
    Some(text)
}
