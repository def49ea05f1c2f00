use std::path::Path;

use ffc_data::{Dataset, ErrorChain};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use super::config::{AlignConfig, Faces, Format, Missing};
use super::names::Name;
use crate::landmarks::{Landmarks, NO_FACE};
use crate::picture::Picture;
use crate::quality::sharpness;
use crate::similarity::Similarity;
use crate::table::LandmarksRow;
use crate::warp::warp;
use crate::{Error, Result};

/// Aligns the faces of a picture.
pub(super) fn align_one(
    dataset: &Dataset,
    image: u64,
    name: &Name,
    landmarks: &Landmarks,
    out: &Path,
    config: &AlignConfig,
    pixels: &mut Vec<u8>,
) -> Result<Vec<LandmarksRow>> {
    let [width, height] = match dataset.picture(image, pixels) {
        Ok(size) => size,
        Err(
            error @ (ffc_data::Error::Image { .. }
            | ffc_data::Error::Record { .. }
            | ffc_data::Error::Format { .. }),
        ) if config.missing != Missing::Fail => {
            let problem = ErrorChain(&error).to_string();
            return Ok(vec![LandmarksRow::without_face(
                name.shown.clone(),
                problem,
            )]);
        }
        Err(error) => return Err(error.into()),
    };
    let picture = Picture::new(width, height, pixels)?;
    let (faces, problem) = match landmarks.faces(&name.shown, picture)? {
        Ok(faces) => (config.faces.of(faces, picture), NO_FACE),
        Err(problem) => (Vec::new(), problem),
    };
    let mut rows = Vec::new();
    for (number, face) in faces.iter().enumerate() {
        let to_face = match face.to_template([width, height], config.size_px) {
            Ok(to_face) => to_face,
            Err(problem) if config.missing == Missing::Fail => {
                let image = dataset.origin(image);
                return Err(Error::Failed(format!("{image}: {problem}")));
            }
            Err(problem) => {
                let row = LandmarksRow::new(name.shown.clone(), face);
                rows.push(LandmarksRow {
                    problem: Some(problem),
                    ..row
                });
                continue;
            }
        };
        // Of all faces the further ones have a single `~` in their names, which no picture's own name has then.
        let own = match config.faces {
            Faces::All => name.stem.replace('~', "~~"),
            Faces::Largest | Faces::Centre => name.stem.clone(),
        };
        let stem = match number {
            0 => own,
            number => format!("{own}~{number}"),
        };
        let mut row = LandmarksRow::new(name.shown.clone(), face);
        put(picture, &to_face, stem, out, config, &mut row)?;
        rows.push(row);
    }
    if rows.is_empty() {
        let mut row = LandmarksRow::without_face(name.shown.clone(), problem);
        match config.missing {
            Missing::Skip => {}
            Missing::Fail => {
                return Err(Error::NoFace {
                    image: dataset.origin(image),
                });
            }
            Missing::Crop => {
                let middle = Similarity::of_middle([width, height], config.size_px);
                put(picture, &middle, name.stem.clone(), out, config, &mut row)?;
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Writes an aligned face and notes it.
fn put(
    picture: Picture<'_>,
    to_face: &Similarity,
    stem: String,
    out: &Path,
    config: &AlignConfig,
    row: &mut LandmarksRow,
) -> Result<()> {
    let aligned = warp(picture, to_face, config.size_px);
    row.sharpness = Some(sharpness(&aligned, config.size_px) as f32);
    let side = config.size_px as u32;
    let mut bytes = Vec::new();
    let (ending, encoded) = match config.format {
        Format::Png => {
            let encoder = PngEncoder::new(&mut bytes);
            (
                "png",
                encoder.write_image(&aligned, side, side, ExtendedColorType::Rgb8),
            )
        }
        Format::Jpeg(quality) => {
            let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
            (
                "jpg",
                encoder.write_image(&aligned, side, side, ExtendedColorType::Rgb8),
            )
        }
    };
    let file = format!("{stem}.{ending}");
    encoded.map_err(|error| Error::Failed(format!("cannot encode {file}: {error}")))?;
    let path = out.join(&file);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io("make folder", folder))?;
    }
    ffc_files::write(&path, bytes).map_err(Error::io("write", &path))?;
    row.file = Some(file);
    Ok(())
}
