//! A source whose images are what a test wants: each picture is filled with the image's number.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ffc_data::{
    Content, Dataset, Error, Fingerprint, ImageRef, Index, IndexBuilder, Result, Source,
};

/// A source whose reads do what a test wants.
struct Scripted<F> {
    read: F,
    reads: Arc<AtomicU64>,
}

impl<F> std::fmt::Debug for Scripted<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl<F: Fn(u64) -> Result<()> + Send + Sync> Source for Scripted<F> {
    fn path(&self) -> &Path {
        Path::new("script")
    }

    fn expects(&self) -> &'static str {
        "a script"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        Ok(Fingerprint::default())
    }

    fn scan(&self, _: &mut IndexBuilder<'_>) -> Result<()> {
        Ok(())
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        (self.read)(image.image())?;
        buffer.clear();
        buffer.resize(16 * 16 * 3, image.image() as u8);
        Ok(Content::Rgb {
            width: 16,
            height: 16,
        })
    }
}

/// Identities with 1, 2, 3 and 4 images, and the number of reads.
pub fn scripted(
    read: impl Fn(u64) -> Result<()> + Send + Sync + 'static,
) -> (Arc<Dataset>, Arc<AtomicU64>) {
    scripted_with(&[1, 2, 3, 4], read)
}

/// Identities with so many images.
pub fn scripted_with(
    counts: &[u64],
    read: impl Fn(u64) -> Result<()> + Send + Sync + 'static,
) -> (Arc<Dataset>, Arc<AtomicU64>) {
    let reads = Arc::new(AtomicU64::new(0));
    let source = Scripted {
        read,
        reads: reads.clone(),
    };
    let index = Index::from_counts(counts.iter().copied()).unwrap();
    (
        Arc::new(Dataset::from_parts(Box::new(source), index)),
        reads,
    )
}

pub fn bad(image: u64) -> Error {
    Error::Image {
        image,
        origin: "script".into(),
        problem: "bad".into(),
    }
}
