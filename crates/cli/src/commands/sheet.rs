use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffc_align::{Face, read_landmarks};
use ffc_data::{Dataset, ErrorChain, ListLoader, LoaderConfig};
use image::{Rgb, RgbImage, imageops};

use crate::error::{Error, Result};
use crate::output::say;

/// Of a box.
const BOX: Rgb<u8> = Rgb([0, 230, 0]);
/// Of a picture without a face.
const NONE: Rgb<u8> = Rgb([230, 0, 0]);
/// Of eyes, nose and corners of the mouth, as `Face::landmarks` has them.
const POINTS: [Rgb<u8>; 5] = [
    Rgb([255, 60, 60]),
    Rgb([60, 120, 255]),
    Rgb([255, 255, 0]),
    Rgb([255, 0, 255]),
    Rgb([0, 255, 255]),
];

/// A picture of pictures: an identity a row, or one after the other where each identity has a single one.
pub struct Sheet {
    /// Identities.
    pub rows: usize,
    /// Pictures of each at most.
    pub columns: usize,
    /// Side of a picture in pixels.
    pub size: usize,
    /// A table of faces, which are drawn.
    pub landmarks: Option<PathBuf>,
}

impl Sheet {
    /// Draws it as a PNG file.
    ///
    /// # Errors
    /// [`Error::Usage`] for sizes out of range and other endings; where a picture or the table cannot be read.
    pub fn write(&self, dataset: &Arc<Dataset>, out: &Path) -> Result<()> {
        let Self {
            rows,
            columns,
            size,
            ..
        } = *self;
        if out.extension().is_none_or(|ending| ending != "png") {
            let problem = format!("{} has an unknown ending; expected .png", out.display());
            return Err(Error::Usage(problem));
        }
        let fits = |value: usize, most: usize| (1..=most).contains(&value);
        if !fits(rows, 100) || !fits(columns, 100) || !fits(size, 512) {
            let problem = "a sheet has 1 to 100 rows and columns, and pictures of 1 to 512 pixels";
            return Err(Error::Usage(problem.into()));
        }
        let places = self.places(dataset);
        let filled = places.iter().map(|(_, [_, row])| row + 1).max();
        let height = filled.unwrap_or_default() * size;
        let mut sheet = RgbImage::new((columns * size) as u32, height as u32);
        let images = places.iter().map(|(image, _)| *image).collect();
        let pictures = match &self.landmarks {
            None => self.pictures(dataset, images)?,
            Some(table) => self.pictures_with_faces(dataset, images, table)?,
        };
        for (picture, (_, place)) in pictures.iter().zip(&places) {
            let [x, y] = place.map(|place| (place * size) as i64);
            imageops::replace(&mut sheet, picture, x, y);
        }
        sheet
            .save_with_format(out, image::ImageFormat::Png)
            .map_err(|error| Error::Failed(format!("cannot write {}: {error}", out.display())))?;
        say!("{}", out.display());
        Ok(())
    }

    /// Pictures with the column and row that each has.
    fn places(&self, dataset: &Dataset) -> Vec<(u64, [usize; 2])> {
        let (index, columns) = (dataset.index(), self.columns);
        if index.images() == index.identities() {
            let images = (0..index.images()).take(self.rows * columns).enumerate();
            let place = |(at, image)| (image, [at % columns, at / columns]);
            return images.map(place).collect();
        }
        let rows = self.rows.min(index.identities() as usize);
        let of_row = |row: usize| {
            let images = index.images_of(row as u64).take(columns).enumerate();
            images.map(move |(column, image)| (image, [column, row]))
        };
        (0..rows).flat_map(of_row).collect()
    }

    /// As a network sees them.
    fn pictures(&self, dataset: &Arc<Dataset>, images: Vec<u64>) -> Result<Vec<RgbImage>> {
        let size = self.size;
        let config = LoaderConfig {
            batch: 32,
            height_px: size,
            width_px: size,
            ..Default::default()
        };
        let mut pictures = Vec::new();
        for batch in ListLoader::new(dataset.clone(), images, &config)? {
            let batch = batch?;
            let pixels = batch.pixels().chunks_exact(3 * size * size);
            pictures.extend(pixels.filter_map(|pixels| {
                RgbImage::from_raw(size as u32, size as u32, pixels.to_vec())
            }));
        }
        Ok(pictures)
    }

    /// Whole, as large as fits, with boxes and landmarks; a red frame where the table has no face.
    fn pictures_with_faces(
        &self,
        dataset: &Dataset,
        images: Vec<u64>,
        table: &Path,
    ) -> Result<Vec<RgbImage>> {
        let bytes = std::fs::read(table).map_err(Error::io("read", table))?;
        let mut faces: HashMap<String, Vec<Face>> = HashMap::new();
        let mut first = None;
        for row in read_landmarks(&bytes[..], table)? {
            let face = row.face();
            first.get_or_insert_with(|| row.image.clone());
            faces.entry(row.image).or_default().extend(face);
        }
        let (mut pixels, mut found) = (Vec::new(), 0);
        let mut pictures = Vec::new();
        for image in images {
            let [width, height] = match dataset.picture(image, &mut pixels) {
                Ok(size) => size,
                // As a black square without a face.
                Err(error @ (ffc_data::Error::Image { .. } | ffc_data::Error::Record { .. })) => {
                    tracing::warn!("{}", ErrorChain(&error));
                    pixels.clear();
                    pixels.resize(3 * self.size * self.size, 0);
                    [self.size; 2]
                }
                Err(error) => return Err(error.into()),
            };
            let picture = RgbImage::from_raw(width as u32, height as u32, pixels.clone());
            let picture = picture
                .ok_or_else(|| Error::Failed(format!("{} has no pixels", dataset.origin(image))))?;
            let of_picture = faces.get(&dataset.display_name(image)?);
            found += usize::from(of_picture.is_some());
            let faces = of_picture.map_or(&[][..], Vec::as_slice);
            pictures.push(self.with_faces(&picture, faces));
        }
        if found == 0 {
            return Err(Error::Usage(format!(
                "{} names none of these pictures: its first is `{}`, the set's `{}`; the set must be that of the photographs",
                table.display(),
                first.unwrap_or_default(),
                dataset.display_name(0)?
            )));
        }
        Ok(pictures)
    }

    fn with_faces(&self, picture: &RgbImage, faces: &[Face]) -> RgbImage {
        let size = self.size as u32;
        let longest = picture.width().max(picture.height()).max(1);
        let scale = size as f32 / longest as f32;
        let side = |side: u32| ((side as f32 * scale).round() as u32).clamp(1, size);
        let (width, height) = (side(picture.width()), side(picture.height()));
        let small = imageops::thumbnail(picture, width, height);
        let mut tile = RgbImage::new(size, size);
        imageops::replace(&mut tile, &small, 0, 0);
        let place = |value: f32| (value * scale).round() as i64;
        for face in faces {
            frame(&mut tile, face.bounds.map(place), BOX);
            for (point, colour) in face.landmarks.iter().zip(POINTS) {
                let [x, y] = point.map(place);
                for (x, y) in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (x + dx, y + dy))) {
                    put(&mut tile, x, y, colour);
                }
            }
        }
        if faces.is_empty() {
            let [right, bottom] = [width, height].map(|side| i64::from(side) - 1);
            frame(&mut tile, [0, 0, right, bottom], NONE);
        }
        tile
    }
}

fn frame(tile: &mut RgbImage, [left, top, right, bottom]: [i64; 4], colour: Rgb<u8>) {
    let side = i64::from(tile.width());
    let (columns, rows) = (left.max(0)..=right.min(side), top.max(0)..=bottom.min(side));
    for x in columns {
        put(tile, x, top, colour);
        put(tile, x, bottom, colour);
    }
    for y in rows {
        put(tile, left, y, colour);
        put(tile, right, y, colour);
    }
}

/// What lies outside is not drawn.
fn put(tile: &mut RgbImage, x: i64, y: i64, colour: Rgb<u8>) {
    if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
        && x < tile.width()
        && y < tile.height()
    {
        tile.put_pixel(x, y, colour);
    }
}
