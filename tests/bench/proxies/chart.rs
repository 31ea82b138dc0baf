//! The chart: what an operation costs each proxy, as many times what it costs Vestibule. It is drawn without a background
//! and in colours that can be read in the light and in the dark.

use std::fmt::Write as _;

/// One row of the chart.
pub(crate) struct Measured {
    pub(crate) title: String,
    /// Each proxy, and how many times ours it costs. Ours is the first.
    pub(crate) bars: Vec<(String, f64)>,
}

/// Where the bars begin and how long they are at most.
const LEFT: f64 = 150.0;
const LONGEST: f64 = 480.0;

/// What is longer is cut off, and says so.
const MOST: f64 = 6.0;

const LINE: f64 = 15.0;
const WIDTH: f64 = 700.0;

const STYLE: &str = "text{font:11px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.own{fill:#1a7f5a}\
    .other{fill:#8c959f}.one{stroke:#1a7f5a;stroke-dasharray:2 3}.more{fill:#57606a}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.own{fill:#3fb98a}.other{fill:#6e7681}.one{stroke:#3fb98a}\
    .more{fill:#9198a1}}";

/// Draws it. The last line says what was measured on.
pub(crate) fn draw(all: &[Measured], machine: &str) -> String {
    let lines: usize = all.iter().map(|row| row.bars.len() + 2).sum();
    #[expect(clippy::cast_precision_loss, reason = "few lines")]
    let height = LINE * (lines as f64 + 2.0);
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' role='img' \
         aria-label='CPU time an operation takes each proxy, as many times what it takes Vestibule'>\n<style>{STYLE}</style>\n"
    );
    let mut y = LINE;
    for row in all {
        line(&mut svg, "title", 4.0, y, &row.title);
        y += LINE;
        for (place, (name, ratio)) in row.bars.iter().enumerate() {
            let class = if place == 0 { "own" } else { "other" };
            let width = ratio.min(MOST) / MOST * LONGEST;
            line(&mut svg, "name", 14.0, y, name);
            // Writing into memory does not fail.
            let top = y - LINE * 0.7;
            writeln!(svg, "<rect class='{class}' x='{LEFT}' y='{top:.1}' width='{width:.1}' height='11' rx='2'/>")
                .unwrap_or_default();
            let cut = if *ratio > MOST { " →" } else { "" };
            line(&mut svg, "more", LEFT + width + 6.0, y, &format!("{ratio:.2}{cut}"));
            y += LINE;
        }
        y += LINE;
    }
    let (one, end) = (LEFT + LONGEST / MOST, y - LINE);
    writeln!(svg, "<path class='one' d='M{one:.1} {LINE}V{end:.1}'/>").unwrap_or_default();
    line(&mut svg, "more", 4.0, y, machine);
    svg.push_str("</svg>\n");
    svg
}

fn line(svg: &mut String, class: &str, x: f64, y: f64, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(svg, "<text class='{class}' x='{x:.1}' y='{y:.1}'>{text}</text>").unwrap_or_default();
}
