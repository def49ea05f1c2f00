use crate::similarity::{Similarity, template};

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

    /// How its landmarks are brought where a picture of `size_px` x `size_px` has them.
    ///
    /// # Errors
    ///
    /// What is wrong with them: they are one point, or lie farther outside a picture of this width and height than it is wide and high.
    pub(crate) fn to_template(
        self,
        [width, height]: [usize; 2],
        size_px: usize,
    ) -> std::result::Result<Similarity, String> {
        let points = self.landmarks.map(|point| point.map(f64::from));
        let is_near = |&[x, y]: &[f64; 2]| {
            let near = |value: f64, side: usize| (-1.0..=2.0).contains(&(value / side as f64));
            near(x, width) && near(y, height)
        };
        if !points.iter().all(is_near) {
            return Err("the landmarks lie far outside the picture".into());
        }
        Similarity::fit(&points, &template(size_px))
            .map_err(|_| "the landmarks are a single point".into())
    }

    /// Whether its left and right are plainly exchanged. In a face that is seen from the side the eyes may be one behind the other.
    pub(crate) fn is_mirrored(&self) -> bool {
        let [left_eye, right_eye, _, left_mouth, right_mouth] = self.landmarks;
        let along = [0, 1].map(|i| right_eye[i] - left_eye[i]);
        let down = [0, 1].map(|i| left_mouth[i] + right_mouth[i] - left_eye[i] - right_eye[i]);
        let cross = along[0] * down[1] - along[1] * down[0];
        cross < -0.2 * along[0].hypot(along[1]) * down[0].hypot(down[1])
    }

    /// The centre of its box.
    pub fn centre(&self) -> [f32; 2] {
        let [left, top, right, bottom] = self.bounds;
        [(left + right) / 2.0, (top + bottom) / 2.0]
    }
}
