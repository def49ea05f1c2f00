use ffc_align::sharpness;
use ffc_data::{ImageBatch, LoaderConfig};
use ffc_eval::Embed;

/// Makes embeddings, and measures how good each picture is.
pub struct Measured<'a> {
    inner: &'a mut dyn Embed,
    lengths: Vec<f32>,
    sharpness: Vec<f32>,
}

impl<'a> Measured<'a> {
    pub fn new(inner: &'a mut dyn Embed) -> Self {
        Self {
            inner,
            lengths: Vec::new(),
            sharpness: Vec::new(),
        }
    }

    /// `length`, of each raw embedding, and `sharpness`, of the picture that the network saw.
    pub fn into_columns(self) -> Vec<(&'static str, Vec<f32>)> {
        vec![("length", self.lengths), ("sharpness", self.sharpness)]
    }
}

impl Embed for Measured<'_> {
    fn pictures(&self) -> LoaderConfig {
        self.inner.pictures()
    }

    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn embed(&mut self, images: &ImageBatch) -> ffc_eval::Result<Vec<f32>> {
        let rows = self.inner.embed(images)?;
        let length = |row: &[f32]| {
            let square: f64 = row.iter().map(|&value| f64::from(value).powi(2)).sum();
            square.sqrt() as f32
        };
        self.lengths.extend(rows.chunks(self.dim()).map(length));
        let [_, height, width, channels] = images.shape();
        for picture in images.pixels().chunks(height * width * channels) {
            let value = match channels {
                3 => sharpness(picture, width),
                _ => {
                    let rgb: Vec<u8> = picture.iter().flat_map(|&grey| [grey; 3]).collect();
                    sharpness(&rgb, width)
                }
            };
            self.sharpness.push(value as f32);
        }
        Ok(rows)
    }
}
