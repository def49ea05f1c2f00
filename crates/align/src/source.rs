//! A set whose pictures are aligned as they are read.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ffc_data::{
    Content, Dataset, Fingerprint, FingerprintWriter, ImageRef, Index, IndexBuilder, Source,
};

use crate::picture::Picture;
use crate::set::{Faces, Landmarks, Missing, chosen};
use crate::similarity::Similarity;
use crate::warp::warp;
use crate::{Error, Result};

/// The pictures of a set that had no face, counted as they are read.
#[derive(Debug, Clone, Default)]
pub struct WithoutFace(Arc<AtomicU64>);

impl WithoutFace {
    /// How many times such a picture was read so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
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
    without_face: WithoutFace,
}

/// The same set with every picture aligned as it is read, `size_px` x `size_px`: for a set that is read once. What is read again and again is
/// better aligned into a folder first, by [`align_set`](crate::align_set). Gives also how many pictures had no face.
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
) -> Result<(Dataset, WithoutFace)> {
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
    let without_face = WithoutFace::default();
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
        without_face: without_face.clone(),
    };
    Ok((Dataset::from_parts(Box::new(source), index), without_face))
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
            let Some(face) = chosen(faces, picture, self.faces).into_iter().next() else {
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
            (None, Missing::Crop) => {
                self.without_face.0.fetch_add(1, Ordering::Relaxed);
                Similarity::of_middle([width, height], self.size_px)
            }
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

    fn identity_name(&self, _index: &Index, identity: u64) -> ffc_data::Result<String> {
        self.parent.identity_name(identity)
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        self.parent.origin(image.image())
    }
}
