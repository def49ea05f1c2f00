//! A set whose pictures are aligned as they are read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ffc_data::{
    Content, Dataset, Fingerprint, FingerprintWriter, ImageRef, Index, IndexBuilder, Source,
};

use crate::face::Face;
use crate::landmarks::Landmarks;
use crate::picture::Picture;
use crate::set::{Faces, Missing};
use crate::similarity::Similarity;
use crate::warp::warp;
use crate::{Error, Result};

/// A face that was taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundFace {
    /// How sure the detector is, 0 to 1.
    pub score: f32,
    /// Side of a square as large as its box, in pixels of the picture.
    pub size_px: f32,
}

/// The faces of a set that is aligned as it is read, noted as they are found.
#[derive(Debug, Clone, Default)]
pub struct FoundFaces(Arc<Mutex<BTreeMap<u64, Option<FoundFace>>>>);

impl FoundFaces {
    /// The face of a picture; none where it has none or was not read so far.
    pub fn of(&self, image: u64) -> Option<FoundFace> {
        self.lock().get(&image).copied().flatten()
    }

    /// The pictures that were read and have no face, in their order.
    pub fn without_face(&self) -> Vec<u64> {
        let faces = self.lock();
        let without = faces.iter().filter(|(_, face)| face.is_none());
        without.map(|(&image, _)| image).collect()
    }

    fn note(&self, image: u64, face: Option<&Face>) {
        let face = face.map(|face| FoundFace {
            score: face.score,
            size_px: face.area().max(0.0).sqrt(),
        });
        self.lock().insert(image, face);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Option<FoundFace>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A set as another shows it, aligned.
#[derive(Debug)]
struct AlignedSource {
    parent: Arc<Dataset>,
    landmarks: Landmarks,
    size_px: usize,
    faces: Faces,
    missing: Missing,
    found: FoundFaces,
}

/// The same set with every picture aligned as it is read, `size_px` x `size_px`: for a set that is read once. What is read again and again is
/// better aligned into a folder first, by [`align_set`](crate::align_set). Gives also the faces that will be found.
///
/// # Errors
///
/// [`Error::Setting`] for [`Faces::All`] and [`Missing::Skip`], which would change which pictures there are; where the set is too large for an
/// index in memory.
pub fn aligned(
    parent: Arc<Dataset>,
    landmarks: Landmarks,
    size_px: usize,
    faces: Faces,
    missing: Missing,
) -> Result<(Dataset, FoundFaces)> {
    let wrong = |setting, value: String, expected| Error::Setting {
        setting,
        value,
        expected,
    };
    if faces == Faces::All {
        let expected = "largest or centre: a picture is one face";
        return Err(wrong("faces", "all".into(), expected));
    }
    if missing == Missing::Skip {
        let expected = "fail or crop: no picture can be left out here";
        return Err(wrong("missing", "skip".into(), expected));
    }
    let found = FoundFaces::default();
    let counts = (0..parent.index().identities()).map(|identity| {
        let images = parent.index().images_of(identity);
        images.end - images.start
    });
    let index = Index::from_counts(counts)?;
    let source = AlignedSource {
        parent: parent.clone(),
        landmarks,
        size_px,
        faces,
        missing,
        found: found.clone(),
    };
    Ok((Dataset::from_parts(Box::new(source), index), found))
}

impl Source for AlignedSource {
    fn path(&self) -> &Path {
        self.parent.source().path()
    }

    fn expects(&self) -> &'static str {
        self.parent.source().expects()
    }

    fn fingerprint(&self) -> ffc_data::Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("aligned faces");
        writer.setting(self.parent.fingerprint()?.to_string().as_bytes());
        let settings = format!(
            "{} {} {:?} {:?}",
            self.landmarks.fingerprint(),
            self.size_px,
            self.faces,
            self.missing
        );
        writer.setting(settings.as_bytes());
        Ok(writer.finish())
    }

    /// The parent's: an aligned set is never indexed anew.
    fn scan(&self, builder: &mut IndexBuilder<'_>) -> ffc_data::Result<()> {
        self.parent.source().scan(builder)
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> ffc_data::Result<Content> {
        let number = image.image();
        let [width, height] = self.parent.picture(number, buffer)?;
        let failed = |problem: String| ffc_data::Error::Image {
            image: number,
            origin: self.parent.origin(number),
            problem,
        };
        let to_face = || -> Result<Option<Similarity>> {
            let picture = Picture::new(width, height, buffer)?;
            let name = self.parent.display_name(number)?;
            let faces = self.landmarks.faces(&name, picture)?;
            let faces = faces.unwrap_or_default();
            let face = self.faces.of(faces, picture).into_iter().next();
            self.found.note(number, face.as_ref());
            let Some(face) = face else {
                return Ok(None);
            };
            let to_face = face.to_template([width, height], self.size_px);
            to_face.map(Some).map_err(Error::Failed)
        };
        let to_face = match (
            to_face().map_err(|error| failed(error.to_string()))?,
            self.missing,
        ) {
            (Some(to_face), _) => to_face,
            (None, Missing::Crop) => Similarity::of_middle([width, height], self.size_px),
            (None, _) => {
                return Err(ffc_data::Error::Format {
                    path: self.parent.origin(number).into(),
                    problem: "there is no face in it".into(),
                });
            }
        };
        let picture = Picture::new(width, height, buffer);
        let picture = picture.map_err(|error| failed(error.to_string()))?;
        *buffer = warp(picture, &to_face, self.size_px);
        Ok(Content::Rgb {
            width: self.size_px,
            height: self.size_px,
        })
    }

    fn file_name(&self, image: &ImageRef<'_>) -> ffc_data::Result<Option<String>> {
        self.parent.file_name(image.image())
    }

    fn knows_identities(&self) -> bool {
        self.parent.source().knows_identities()
    }

    fn identity_name(&self, _index: &Index, identity: u64) -> ffc_data::Result<String> {
        self.parent.identity_name(identity)
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        self.parent.origin(image.image())
    }
}
