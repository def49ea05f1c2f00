/// A face in a picture. Places are in pixels, x to the right and y downwards, from the centre of the first pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Face {
    /// Left, top, right and bottom of its box, which may reach beyond the picture.
    pub bounds: [f32; 4],
    /// How sure the detector is, 0 to 1.
    pub score: f32,
    /// x and y of the left eye, the right eye, the nose, the left and the right corner of the mouth, as seen in the picture.
    pub landmarks: [[f32; 2]; 5],
}

impl Face {
    /// Area of its box in square pixels.
    pub fn area(&self) -> f32 {
        let [left, top, right, bottom] = self.bounds;
        (right - left) * (bottom - top)
    }

    /// The centre of its box.
    pub fn centre(&self) -> [f32; 2] {
        let [left, top, right, bottom] = self.bounds;
        [(left + right) / 2.0, (top + bottom) / 2.0]
    }
}
