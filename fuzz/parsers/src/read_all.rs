use ffc_data::{BuildConfig, Dataset, Index, IndexBuilder, Source};

use crate::scratch;

/// Pictures that are read of one set.
const PICTURES: u64 = 16;

/// Indexes a source, opens it with its index, and reads its first pictures. Whether it could be indexed and one be read.
pub(crate) fn index_and_read(source: Box<dyn Source>, close_gaps: bool) -> bool {
    let path = scratch::path("index");
    let build = BuildConfig {
        memory_bytes: 1 << 16,
        close_gaps,
    };
    if IndexBuilder::build(&*source, &path, &build, &mut |_| {}).is_err() {
        return false;
    }
    // What was just written must be whole.
    let index = Index::open(&path, &*source).expect("the index of this source");
    index.verify().expect("right checksums");
    read(&Dataset::from_parts(source, index))
}

/// Reads the first pictures of a set and all that is told of them. Whether one could be read.
pub(crate) fn read(dataset: &Dataset) -> bool {
    let (mut pixels, mut any) = (Vec::new(), false);
    for image in 0..dataset.index().images().min(PICTURES) {
        let _ = dataset.display_name(image);
        let _ = dataset.identity_name(dataset.index().identity_of(image));
        if let Ok([width, height]) = dataset.picture(image, &mut pixels) {
            assert_eq!(pixels.len(), width * height * 3, "bytes of a picture");
            any = true;
        }
    }
    any
}
