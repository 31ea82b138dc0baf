//! Colours that the operator chooses, changed no more than text needs to stay readable (WCAG 2.2, 1.4.3).

use serde::Deserialize;

/// A colour in sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Colour([u8; 3]);

/// The text is not a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a colour is written as `#0b57d0`")]
pub struct NotAColour;

impl Colour {
    pub(super) const WHITE: Self = Self([255; 3]);
    pub(super) const BLACK: Self = Self([0; 3]);

    pub(super) const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// WCAG's relative luminance.
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// WCAG's contrast ratio, from 1 to 21.
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// This colour, moved towards white or black until it stands out from `background` by at least `ratio`.
    pub(super) fn readable_on(self, background: Self, ratio: f64) -> Self {
        let towards = if background.luminance() > 0.18 { Self([0; 3]) } else { Self::WHITE };
        let steps = (0..=100).map(|percent| self.mixed(towards, percent));
        steps.into_iter().find(|colour| colour.contrast(background) >= ratio).unwrap_or(towards)
    }

    /// White or black, whichever is easier to read on this colour.
    pub(super) fn text(self) -> Self {
        if self.contrast(Self::WHITE) >= self.contrast(Self::BLACK) { Self::WHITE } else { Self::BLACK }
    }

    fn mixed(self, other: Self, percent: u32) -> Self {
        let mix = |own: u8, its: u8| {
            let sum = u32::from(own) * (100 - percent) + u32::from(its) * percent;
            u8::try_from(sum / 100).unwrap_or(u8::MAX)
        };
        let ([red, green, blue], [r, g, b]) = (self.0, other.0);
        Self([mix(red, r), mix(green, g), mix(blue, b)])
    }
}

impl TryFrom<String> for Colour {
    type Error = NotAColour;

    fn try_from(text: String) -> Result<Self, NotAColour> {
        text.parse()
    }
}

impl std::str::FromStr for Colour {
    type Err = NotAColour;

    fn from_str(text: &str) -> Result<Self, NotAColour> {
        let digits = text.strip_prefix('#').ok_or(NotAColour)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotAColour);
        }
        let number = u32::from_str_radix(digits, 16).map_err(|_| NotAColour)?;
        let [_, red, green, blue] = match digits.len() {
            6 => number.to_be_bytes(),
            3 => (((number & 0xf00) << 8 | (number & 0xf0) << 4 | number & 0xf) * 0x11).to_be_bytes(),
            _ => return Err(NotAColour),
        };
        Ok(Self([red, green, blue]))
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_read_in_two_forms_and_nothing_else_is() {
        for (text, colour) in [("#0b57d0", [0x0b, 0x57, 0xd0]), ("#0Af", [0x00, 0xaa, 0xff])] {
            assert_eq!(text.parse(), Ok(Colour(colour)), "{text}");
        }
        for text in ["", "#", "0b57d0", "#0b57d", "#0b57d0f", "#+b57d0", "red", "#ggg", "url(x)"] {
            assert_eq!(text.parse::<Colour>(), Err(NotAColour), "{text}");
        }
    }

    #[test]
    fn every_accent_becomes_readable_in_light_and_dark() {
        let (card, dark) = (Colour::WHITE, Colour::rgb(0x18, 0x1d, 0x26));
        for text in ["#000", "#fff", "#777", "#ff0", "#0b57d0", "#c00", "#00ff88"] {
            let accent: Colour = text.parse().unwrap();
            for background in [card, dark] {
                assert!(accent.readable_on(background, 4.5).contrast(background) >= 4.5, "{text}");
            }
            assert!(accent.text().contrast(accent) >= 4.5, "{text}");
        }
        let blue: Colour = "#0b57d0".parse().unwrap();
        assert_eq!(blue.readable_on(card, 4.5), blue, "good as it is");
        assert!((Colour::WHITE.contrast(Colour([0; 3])) - 21.0).abs() < 0.001);
    }
}
