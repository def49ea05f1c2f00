//! Folders are walked once: a set keeps the fingerprint that its source had when it was opened.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ffc_data::{
    Content, Dataset, Fingerprint, FingerprintWriter, Folder, ImageRef, IndexBuilder, Result,
    Source,
};
use tempfile::TempDir;

use super::support::{copies, fixture, open, synthetic};

fn pictures() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a/1.png", "a/2.png", "b/1.png"] {
        let picture = folder.path().join("set").join(name);
        std::fs::create_dir_all(picture.parent().unwrap()).unwrap();
        std::fs::copy(fixture("made/images/png_rgb.png"), picture).unwrap();
    }
    folder
}

/// A folder that counts how often it is gone through.
#[derive(Debug)]
struct Counting {
    folder: Folder,
    walks: Arc<AtomicU64>,
}

impl Counting {
    fn walk(&self) -> &Folder {
        self.walks.fetch_add(1, Ordering::Relaxed);
        &self.folder
    }
}

impl Source for Counting {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn expects(&self) -> &'static str {
        self.folder.expects()
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        self.walk().fingerprint()
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        self.walk().scan(builder)
    }

    fn scan_with_fingerprint(&self, builder: &mut IndexBuilder<'_>) -> Result<Fingerprint> {
        self.walk().scan_with_fingerprint(builder)
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        self.folder.read(image, buffer)
    }
}

#[test]
fn an_opening_walks_a_folder_once() {
    let folder = pictures();
    let index = folder.path().join("index");
    // The first builds the index, the second opens it.
    for _ in 0..2 {
        let walks = Arc::new(AtomicU64::new(0));
        let source = Counting {
            folder: Folder::open(&folder.path().join("set")).unwrap(),
            walks: walks.clone(),
        };
        let build = Default::default();
        let dataset =
            Dataset::open_or_build_at(Box::new(source), &index, &build, &mut |_| {}).unwrap();
        dataset.fingerprint().unwrap();
        let dataset = Arc::new(Arc::new(dataset).select(vec![1, 0]).unwrap());
        dataset.fingerprint().unwrap();
        dataset.with_rotations().unwrap().fingerprint().unwrap();
        assert_eq!(walks.load(Ordering::Relaxed), 1);
    }
}

/// Fingerprints are those that the sources give, for old runs name them; a folder that is gone is not asked.
#[test]
fn fingerprints_are_the_sources() {
    let folder = pictures();
    let set = folder.path().join("set");
    let source = Folder::open(&set).unwrap();
    let before = source.fingerprint().unwrap();
    let built = open(&set).unwrap();
    let opened = Arc::new(open(&set).unwrap());
    let selected = Arc::new(opened.clone().select(vec![1]).unwrap());
    let rotated = selected.clone().with_rotations().unwrap();
    std::fs::remove_dir_all(&set).unwrap();
    assert!(source.fingerprint().is_err());
    for dataset in [&built, &opened] {
        assert_eq!(*dataset.fingerprint().unwrap(), before);
    }
    let derived = |kind, parent: &Fingerprint, identities: &[u64]| {
        let mut writer = FingerprintWriter::new(kind);
        writer.setting(parent.to_string().as_bytes());
        for identity in identities {
            writer.setting(&identity.to_le_bytes());
        }
        writer.finish()
    };
    let of_selected = derived("selected identities", &before, &[1]);
    assert_eq!(*selected.fingerprint().unwrap(), of_selected);
    let of_rotated = derived("rotated identities", &of_selected, &[]);
    assert_eq!(*rotated.fingerprint().unwrap(), of_rotated);

    let synthetic = synthetic(9);
    let of_source = synthetic.source().fingerprint().unwrap();
    assert_eq!(*synthetic.fingerprint().unwrap(), of_source);
    let copies = copies(&["golden/im2rec.rec", "golden/im2rec.idx"]);
    let records = open(&copies.path().join("im2rec.rec")).unwrap();
    assert_eq!(
        *records.fingerprint().unwrap(),
        records.source().fingerprint().unwrap()
    );
}
