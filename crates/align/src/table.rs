//! Faces of pictures in a table.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::face::Face;
use crate::{Error, Result};

/// A line of a table of faces: a face of a picture, or a picture without one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LandmarksRow {
    /// The picture, as its set shows it.
    pub image: String,
    /// The aligned face's file below the folder that was written.
    pub file: Option<String>,
    /// The box, in pixels.
    pub left: Option<f32>,
    /// Of the box.
    pub top: Option<f32>,
    /// Of the box.
    pub right: Option<f32>,
    /// Of the box.
    pub bottom: Option<f32>,
    /// How sure the detector is.
    pub score: Option<f32>,
    /// Of the landmarks, as [`Face::landmarks`].
    pub left_eye_x: Option<f32>,
    /// See `left_eye_x`.
    pub left_eye_y: Option<f32>,
    /// See `left_eye_x`.
    pub right_eye_x: Option<f32>,
    /// See `left_eye_x`.
    pub right_eye_y: Option<f32>,
    /// See `left_eye_x`.
    pub nose_x: Option<f32>,
    /// See `left_eye_x`.
    pub nose_y: Option<f32>,
    /// See `left_eye_x`.
    pub left_mouth_x: Option<f32>,
    /// See `left_eye_x`.
    pub left_mouth_y: Option<f32>,
    /// See `left_eye_x`.
    pub right_mouth_x: Option<f32>,
    /// See `left_eye_x`.
    pub right_mouth_y: Option<f32>,
    /// How sharp the aligned face is, by [`sharpness`](crate::sharpness).
    pub sharpness: Option<f32>,
    /// Why there is no face.
    pub problem: Option<String>,
}

impl LandmarksRow {
    /// A face of a picture.
    pub fn new(image: String, face: &Face) -> Self {
        let [left, top, right, bottom] = face.bounds.map(Some);
        let [left_eye, right_eye, nose, left_mouth, right_mouth] = face.landmarks;
        Self {
            image,
            left,
            top,
            right,
            bottom,
            score: Some(face.score),
            left_eye_x: Some(left_eye[0]),
            left_eye_y: Some(left_eye[1]),
            right_eye_x: Some(right_eye[0]),
            right_eye_y: Some(right_eye[1]),
            nose_x: Some(nose[0]),
            nose_y: Some(nose[1]),
            left_mouth_x: Some(left_mouth[0]),
            left_mouth_y: Some(left_mouth[1]),
            right_mouth_x: Some(right_mouth[0]),
            right_mouth_y: Some(right_mouth[1]),
            ..Self::default()
        }
    }

    /// A picture without a face.
    pub fn without_face(image: String, problem: impl Into<String>) -> Self {
        Self {
            image,
            problem: Some(problem.into()),
            ..Self::default()
        }
    }

    /// The face; none where landmarks are missing. Without a box it is the landmarks' own.
    pub fn face(&self) -> Option<Face> {
        let landmarks = [
            [self.left_eye_x?, self.left_eye_y?],
            [self.right_eye_x?, self.right_eye_y?],
            [self.nose_x?, self.nose_y?],
            [self.left_mouth_x?, self.left_mouth_y?],
            [self.right_mouth_x?, self.right_mouth_y?],
        ];
        let around = |axis: usize, extreme: fn(f32, f32) -> f32| {
            let values = landmarks.iter().map(|point| point[axis]);
            values.reduce(extreme).unwrap_or_default()
        };
        Some(Face {
            bounds: [
                self.left.unwrap_or_else(|| around(0, f32::min)),
                self.top.unwrap_or_else(|| around(1, f32::min)),
                self.right.unwrap_or_else(|| around(0, f32::max)),
                self.bottom.unwrap_or_else(|| around(1, f32::max)),
            ],
            score: self.score.unwrap_or(1.0),
            landmarks,
        })
    }

    fn is_finite(&self) -> bool {
        let numbers = [
            self.left,
            self.top,
            self.right,
            self.bottom,
            self.score,
            self.left_eye_x,
            self.left_eye_y,
            self.right_eye_x,
            self.right_eye_y,
            self.nose_x,
            self.nose_y,
            self.left_mouth_x,
            self.left_mouth_y,
            self.right_mouth_x,
            self.right_mouth_y,
            self.sharpness,
        ];
        numbers.iter().flatten().all(|number| number.is_finite())
    }
}

/// Reads a table of faces: a header and a line a face. Of the columns `image` and the ten landmarks must be there; a line without landmarks is a
/// picture without a face. `path` is for messages.
///
/// # Errors
///
/// [`Error::Landmarks`] names the line.
pub fn read_landmarks(table: impl Read, path: &Path) -> Result<Vec<LandmarksRow>> {
    let wrong = |line: u64, problem: String| Error::Landmarks {
        path: path.to_owned(),
        line,
        problem,
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(table);
    let header = reader
        .headers()
        .map_err(|error| wrong(1, error.to_string()))?;
    const NEEDED: [&str; 11] = [
        "image",
        "left_eye_x",
        "left_eye_y",
        "right_eye_x",
        "right_eye_y",
        "nose_x",
        "nose_y",
        "left_mouth_x",
        "left_mouth_y",
        "right_mouth_x",
        "right_mouth_y",
    ];
    // A byte order mark belongs to no name.
    let names: Vec<&str> = header
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}'))
        .collect();
    if names.len() == 1 && names[0].contains([';', '\t']) {
        let problem =
            "its columns are parted by semicolons or tabs; expected commas, and points in numbers";
        return Err(wrong(1, problem.into()));
    }
    if let Some(missing) = NEEDED.iter().find(|name| !names.contains(name)) {
        let problem = format!(
            "there is no column {missing}; expected {}",
            NEEDED.join(", ")
        );
        return Err(wrong(1, problem));
    }
    let header = csv::StringRecord::from(names);
    let mut rows = Vec::new();
    for record in reader.records() {
        let line = |position: Option<&csv::Position>| position.map_or(0, csv::Position::line);
        let record = record.map_err(|error| wrong(line(error.position()), error.to_string()))?;
        let at = line(record.position());
        let row: LandmarksRow = record.deserialize(Some(&header)).map_err(|error| {
            let column = match error.kind() {
                csv::ErrorKind::Deserialize { err, .. } => err.field(),
                _ => None,
            };
            let column = column.and_then(|column| Some((column, header.get(column as usize)?)));
            wrong(
                at,
                column.map_or(error.to_string(), |(column, name)| {
                    let found = record.get(column as usize).unwrap_or_default();
                    format!("{name} is {found:?}; expected a number")
                }),
            )
        })?;
        let count = NEEDED[1..].iter().filter(|name| {
            let column = header.iter().position(|other| other == **name);
            column
                .and_then(|column| record.get(column))
                .is_some_and(|text| !text.is_empty())
        });
        match count.count() {
            _ if row.image.is_empty() => return Err(wrong(at, "it names no image".into())),
            0 | 10 if row.is_finite() => rows.push(row),
            0 | 10 => return Err(wrong(at, "a number is not finite".into())),
            found => return Err(wrong(at, format!("{found} of 10 coordinates"))),
        }
    }
    Ok(rows)
}

/// Writes a table of faces.
///
/// # Errors
///
/// [`Error::Failed`] where it cannot be written.
pub fn write_landmarks(rows: &[LandmarksRow], table: impl Write) -> Result<()> {
    let failed =
        |error: csv::Error| Error::Failed(format!("cannot write the table of faces: {error}"));
    let mut writer = csv::Writer::from_writer(table);
    for row in rows {
        writer.serialize(row).map_err(failed)?;
    }
    writer.flush().map_err(|error| failed(error.into()))
}

/// The faces of each picture of a table.
pub(crate) fn by_image(rows: Vec<LandmarksRow>) -> HashMap<String, Vec<Face>> {
    let mut faces: HashMap<String, Vec<Face>> = HashMap::new();
    for row in rows {
        let face = row.face();
        faces.entry(row.image).or_default().extend(face);
    }
    faces
}
