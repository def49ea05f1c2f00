use crate::{Error, Result};

/// Where ArcFace's networks and most others expect the landmarks in a picture of 112 x 112 pixels.
pub const TEMPLATE: [[f64; 2]; 5] = [
    [38.2946, 51.6963],
    [73.5318, 51.5014],
    [56.0252, 71.7366],
    [41.5493, 92.3655],
    [70.7299, 92.2041],
];

/// Side of the picture that [`TEMPLATE`] is of, in pixels.
pub const TEMPLATE_PX: usize = 112;

/// The template for a picture of another size.
pub fn template(size_px: usize) -> [[f64; 2]; 5] {
    let scale = size_px as f64 / TEMPLATE_PX as f64;
    TEMPLATE.map(|point| point.map(|value| value * scale))
}

/// Turns, scales and moves the plane: (x, y) becomes (a x - b y + shift x, b x + a y + shift y).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    a: f64,
    b: f64,
    shift: [f64; 2],
}

impl Similarity {
    /// The one that brings `from` nearest to `to` by the sum of squared distances; as Umeyama's (1991) with a scale.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where the points of `from` are one, or a number is not finite.
    pub fn fit(from: &[[f64; 2]; 5], to: &[[f64; 2]; 5]) -> Result<Self> {
        let mean = |points: &[[f64; 2]; 5]| {
            let sum = |axis: usize| points.iter().map(|point| point[axis]).sum::<f64>();
            [sum(0) / 5.0, sum(1) / 5.0]
        };
        let (of_from, of_to) = (mean(from), mean(to));
        let (mut n, mut a, mut b) = (0.0, 0.0, 0.0);
        for (from, to) in from.iter().zip(to) {
            let [x, y] = [from[0] - of_from[0], from[1] - of_from[1]];
            let [u, v] = [to[0] - of_to[0], to[1] - of_to[1]];
            n += x * x + y * y;
            a += x * u + y * v;
            b += x * v - y * u;
        }
        let (a, b) = (a / n, b / n);
        let shift = [
            of_to[0] - (a * of_from[0] - b * of_from[1]),
            of_to[1] - (b * of_from[0] + a * of_from[1]),
        ];
        let found = Self { a, b, shift };
        match found.scale() > 0.0
            && [a, b, shift[0], shift[1]]
                .iter()
                .all(|value| value.is_finite())
        {
            true => Ok(found),
            false => Err(Error::Setting {
                setting: "landmarks",
                value: format!("{from:?}"),
                expected: "five points that are not one",
            }),
        }
    }

    /// The one that brings the square in the middle of a picture of this width and height to `size_px` x `size_px`.
    pub(crate) fn of_middle([width, height]: [usize; 2], size_px: usize) -> Self {
        let a = size_px as f64 / width.min(height) as f64;
        let middle = |side: usize| (side as f64 - 1.0) / 2.0;
        let shift = [width, height].map(|side| middle(size_px) - a * middle(side));
        Self { a, b: 0.0, shift }
    }

    /// The rows of its matrix.
    pub fn matrix(&self) -> [[f64; 3]; 2] {
        [
            [self.a, -self.b, self.shift[0]],
            [self.b, self.a, self.shift[1]],
        ]
    }

    /// Where a point comes to lie.
    pub fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [
            self.a * x - self.b * y + self.shift[0],
            self.b * x + self.a * y + self.shift[1],
        ]
    }

    /// How much longer things become.
    pub fn scale(&self) -> f64 {
        self.a.hypot(self.b)
    }

    /// The one that undoes it.
    pub fn inverse(&self) -> Self {
        let square = self.a * self.a + self.b * self.b;
        let (a, b) = (self.a / square, -self.b / square);
        let [x, y] = self.shift;
        Self {
            a,
            b,
            shift: [-(a * x - b * y), -(b * x + a * y)],
        }
    }
}
