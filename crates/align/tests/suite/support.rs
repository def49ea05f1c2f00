use std::path::PathBuf;

/// A picture that was decoded.
pub struct Decoded {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

impl Decoded {
    pub fn read(path: &std::path::Path) -> Self {
        let picture = image::open(path).unwrap().into_rgb8();
        Self {
            width: picture.width() as usize,
            height: picture.height() as usize,
            rgb: picture.into_raw(),
        }
    }

    pub fn picture(&self) -> ffc_align::Picture<'_> {
        ffc_align::Picture::new(self.width, self.height, &self.rgb).unwrap()
    }
}

/// A file of `../shared` beside the checkout. Its absence is printed, for tests to skip what needs it; where `FFC_REQUIRE_SHARED` is set, it is a
/// failure.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var_os("FFC_REQUIRE_SHARED").is_some_and(|value| !value.is_empty());
    assert!(!required, "{} is missing", path.display());
    println!("skipped: {name} is not at hand");
    None
}
