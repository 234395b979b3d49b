//! The two plots, as PNG: drawn by hand in a few rectangles and an 8 × 8 font, so that no fonts need to be installed.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context;
use font8x8::UnicodeFonts;

use crate::question::Peer;

const WIDTH: usize = 1_000;
const HEIGHT: usize = 560;
const LEFT: f64 = 70.0;
const TOP: f64 = 60.0;
const INNER: (f64, f64) = (700.0, 420.0);
const INK: [u8; 3] = [30, 30, 30];
const FAINT: [u8; 3] = [215, 215, 215];
const COLOURS: [[u8; 3]; 6] = [
    [31, 119, 180],
    [255, 127, 14],
    [44, 160, 44],
    [214, 39, 40],
    [148, 103, 189],
    [140, 86, 75],
];

struct Canvas(Vec<u8>);

impl Canvas {
    fn new() -> Self {
        Self(vec![255; WIDTH * HEIGHT * 3])
    }

    fn dot(&mut self, x: f64, y: f64, colour: [u8; 3]) {
        if (0.0..WIDTH as f64).contains(&x) && (0.0..HEIGHT as f64).contains(&y) {
            let at = (y as usize * WIDTH + x as usize) * 3;
            if let Some(pixel) = self.0.get_mut(at..at + 3) {
                pixel.copy_from_slice(&colour);
            }
        }
    }

    fn fill(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: [u8; 3]) {
        for down in 0..height.max(1.0) as usize {
            for right in 0..width.max(1.0) as usize {
                self.dot(x + right as f64, y + down as f64, colour);
            }
        }
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: [u8; 3]) {
        let steps = (to.0 - from.0)
            .abs()
            .max((to.1 - from.1).abs())
            .ceil()
            .max(1.0);
        for step in 0..=steps as usize {
            let share = step as f64 / steps;
            let at = (
                from.0 + (to.0 - from.0) * share,
                from.1 + (to.1 - from.1) * share,
            );
            self.fill(at, (2.0, 2.0), colour);
        }
    }

    fn text(&mut self, (x, y): (f64, f64), text: &str, colour: [u8; 3]) {
        for (place, letter) in text.chars().enumerate() {
            let rows = font8x8::BASIC_FONTS.get(letter).unwrap_or_default();
            for (down, row) in rows.into_iter().enumerate() {
                for right in (0..8).filter(|right| row & (1 << right) != 0) {
                    self.dot(x + (place * 8 + right) as f64, y + down as f64, colour);
                }
            }
        }
    }

    /// Lines across at these values, and `place`, which says how high a value stands.
    fn scale(&mut self, values: &[f64], place: impl Fn(f64) -> f64) {
        for value in values {
            let y = place(*value);
            self.fill((LEFT, y), (INNER.0, 1.0), FAINT);
            self.text((8.0, y - 4.0), &format!("{value:>6}"), INK);
        }
    }

    fn save(&self, path: &Path) -> anyhow::Result<()> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let (width, height) = (u32::try_from(WIDTH)?, u32::try_from(HEIGHT)?);
        let mut encoder = png::Encoder::new(BufWriter::new(file), width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header()?.write_image_data(&self.0)?;
        eprintln!("wrote {}", path.display());
        Ok(())
    }
}

/// Where a value stands between the least and the greatest of `values`, by its logarithm.
fn logarithmic(values: &[f64]) -> impl Fn(f64) -> f64 {
    let least = values.first().copied().unwrap_or(0.1).log10();
    let greatest = values.last().copied().unwrap_or(10.0).log10();
    move |value: f64| {
        let share = (value.max(f64::MIN_POSITIVE).log10() - least) / (greatest - least);
        TOP + INNER.1 * (1.0 - share.clamp(0.0, 1.0))
    }
}

/// By how much more requests a second caretaker answers than its peers.
///
/// # Errors
/// When it cannot be written.
pub fn ratios(
    path: &Path,
    connections: usize,
    bars: &[(Peer, Vec<(&'static str, f64)>)],
) -> anyhow::Result<()> {
    let mut canvas = Canvas::new();
    let title = format!("caretaker's requests/s by the peer's, {connections} connections");
    canvas.text((LEFT, 20.0), &title, INK);
    let values = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0];
    let place = logarithmic(&values);
    canvas.scale(&values, &place);
    let one = place(1.0);
    for (number, (peer, ratios)) in bars.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let legend = 80.0 + 20.0 * number as f64;
        canvas.text(
            (LEFT + INNER.0 + 20.0, legend),
            &format!("by {peer:?}"),
            colour,
        );
        for (name, ratio) in ratios {
            // Its place is that of the question, whether or not all were asked it.
            let question = name.trim_start_matches('Q').parse::<f64>().unwrap_or(1.0) - 1.0;
            let x = LEFT + 20.0 + question * 115.0 + 45.0 * number as f64;
            let y = place(*ratio);
            canvas.fill((x, y.min(one)), (38.0, (y - one).abs()), colour);
            canvas.text((x + 2.0, y.min(one) - 12.0), &format!("{ratio:.1}"), colour);
            canvas.text(
                (LEFT + 50.0 + question * 115.0, TOP + INNER.1 + 16.0),
                name,
                INK,
            );
        }
    }
    canvas.fill((LEFT, one), (INNER.0, 2.0), INK);
    canvas.save(path)
}

/// What a question costs at each size of the estate.
///
/// # Errors
/// When it cannot be written.
pub fn growth(path: &Path, lines: &[(String, Vec<(f64, f64)>)]) -> anyhow::Result<()> {
    let mut canvas = Canvas::new();
    canvas.text(
        (LEFT, 20.0),
        "caretaker: CPU ms per request by the number of incidents",
        INK,
    );
    let values = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0];
    let place = logarithmic(&values);
    canvas.scale(&values, &place);
    let sizes: Vec<f64> = lines
        .first()
        .map(|(_, points)| points.iter().map(|(size, _)| *size).collect())
        .unwrap_or_default();
    let across = |size: f64| {
        let place = sizes
            .iter()
            .position(|known| *known == size)
            .unwrap_or_default();
        LEFT + 40.0 + place as f64 * 620.0 / (sizes.len().max(2) - 1) as f64
    };
    for size in &sizes {
        canvas.text(
            (across(*size) - 24.0, TOP + INNER.1 + 16.0),
            &format!("{size}"),
            INK,
        );
    }
    for (number, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        canvas.text(
            (LEFT + INNER.0 + 12.0, 80.0 + 20.0 * number as f64),
            name,
            colour,
        );
        for pair in points.windows(2) {
            let at = |point: (f64, f64)| (across(point.0), place(point.1));
            if let [from, to] = pair {
                canvas.line(at(*from), at(*to), colour);
            }
        }
    }
    canvas.save(path)
}
