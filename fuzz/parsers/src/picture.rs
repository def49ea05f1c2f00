use ffc_data::{Dataset, Files};

use crate::scratch;

/// A picture, turned as its EXIF data say and as it is stored: as many pixels both times.
pub fn picture(bytes: &[u8]) -> bool {
    let path = scratch::file("picture", bytes);
    let [turned, stored] = [false, true].map(|as_stored| {
        let files = Files::new(vec![path.clone()]).expect("a file");
        let dataset = Dataset::files(files).expect("a file");
        let mut pixels = Vec::new();
        let size = dataset.as_stored(as_stored).picture(0, &mut pixels);
        size.ok().map(|[width, height]| {
            assert_eq!(pixels.len(), width * height * 3, "bytes of a picture");
            width * height
        })
    });
    assert_eq!(turned, stored);
    turned.is_some()
}
