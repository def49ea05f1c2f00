//! A contact sheet of synthetic identities, a row each.
//!
//! `cargo run --release --example synthetic_sheet -- docs/synthetic.jpg`

use ffc_data::{Content, Dataset, ImageCounts, SyntheticConfig};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};

const ROWS: u32 = 7;
const COLUMNS: u32 = 9;
const SIZE_PX: u32 = 112;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("name the file to write, for example sheet.jpg")?;
    let dataset = Dataset::synthetic(SyntheticConfig {
        identities: ROWS.into(),
        images: ImageCounts::Equal {
            images: COLUMNS.into(),
        },
        size_px: SIZE_PX as usize,
        ..Default::default()
    })?;
    let mut sheet = RgbImage::new(COLUMNS * SIZE_PX, ROWS * SIZE_PX);
    let mut pixels = Vec::new();
    for (row, identity) in (0..dataset.index().identities()).enumerate() {
        for (column, number) in dataset.index().images_of(identity).enumerate() {
            let Content::Rgb { .. } = dataset.read(number, &mut pixels)? else {
                continue;
            };
            let picture =
                RgbImage::from_raw(SIZE_PX, SIZE_PX, pixels.clone()).ok_or("wrong size")?;
            let (x, y) = (
                column as i64 * i64::from(SIZE_PX),
                row as i64 * i64::from(SIZE_PX),
            );
            image::imageops::replace(&mut sheet, &picture, x, y);
        }
    }
    let file = std::fs::File::create(&path)?;
    JpegEncoder::new_with_quality(file, 85).encode(
        &sheet,
        sheet.width(),
        sheet.height(),
        ExtendedColorType::Rgb8,
    )?;
    println!("{path}: {ROWS} identities, {COLUMNS} pictures each");
    Ok(())
}
