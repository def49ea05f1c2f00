//! What is behind the face and what is before it.

use ffc_random::CounterRng;

use super::canvas::{joined, point};
use super::colour::Colour;
use super::painter::Painter;
use super::view::{Block, Glasses};

impl Painter<'_> {
    /// Draws a gradient and some blobs and bars over the whole picture.
    pub(super) fn background(&mut self, rng: &mut CounterRng, size: f32) {
        let corners = [Colour::any(rng), Colour::any(rng), Colour::any(rng)];
        for (row, line) in self.canvas.rows().enumerate() {
            let left = corners[0].mixed(corners[1], row as f32 / size);
            gradient(line, left, corners[2], size);
        }
        for _ in 0..rng.below(5) {
            let colour = Colour::any(rng);
            let opacity = rng.between(0.4, 1.0);
            let centre = point(rng.between(0.0, size), rng.between(0.0, size));
            if rng.below(2) == 0 {
                let radii = point(size * rng.between(0.06, 0.3), size * rng.between(0.06, 0.3));
                self.ellipse(centre, radii, colour, opacity);
            } else {
                let half = size * rng.between(0.03, 0.15);
                let lean = size * rng.between(-0.6, 0.6);
                let bar = [
                    point(centre.x - half + lean, 0.0),
                    point(centre.x + half + lean, 0.0),
                    point(centre.x + half - lean, size),
                    point(centre.x - half - lean, size),
                ];
                self.polygon(&bar, colour, opacity);
            }
        }
    }

    /// Draws what hides parts of the face.
    pub(super) fn occlusion(&mut self) {
        let scene = &self.view.scene;
        if let Some(glasses) = &scene.glasses {
            self.glasses(glasses);
        }
        if let Some((colour, rim)) = scene.cap {
            self.cap(colour, rim);
        }
        if let Some((colour, border)) = scene.scarf {
            self.scarf(colour, border);
        }
        if let Some(block) = &scene.block {
            self.block(block);
        }
    }

    fn glasses(&mut self, glasses: &Glasses) {
        let eye = &self.person.eye;
        let thickness = self.view.pose.pixels(glasses.thickness);
        let (w, h) = (glasses.width, glasses.height);
        for side in [-1.0, 1.0] {
            let (x, y) = (side * eye.x.max(w + 0.03), eye.y + 0.02);
            let frame = self.on_surface(
                0.1,
                [
                    point(x - w, y - h),
                    point(x + w, y - h),
                    point(x + w, y + 0.6 * h),
                    point(x + 0.6 * w, y + h),
                    point(x - 0.6 * w, y + h),
                    point(x - w, y + 0.6 * h),
                    point(x - w, y - h),
                ],
            );
            self.polygon(&frame, glasses.colour, glasses.tint);
            self.stroke(&frame, thickness, thickness, glasses.colour);
        }
        let bridge = self.on_surface(0.12, [point(-0.12, eye.y), point(0.12, eye.y)]);
        self.stroke(&bridge, thickness, thickness, glasses.colour);
    }

    fn cap(&mut self, colour: Colour, rim: f32) {
        let width = self.person.head.width + 0.6 * self.person.hair.side + 0.06;
        let top = self.person.head.top - 0.5 * self.person.hair.volume - 0.08;
        let crown = self.on_outline([
            point(-width, rim),
            point(-width, -0.8),
            point(-0.6 * width, top),
            point(0.6 * width, top),
            point(width, -0.8),
            point(width, rim),
        ]);
        let brim = self.on_surface(
            0.1,
            [
                point(0.8 * width, rim),
                point(0.4 * width, rim + 0.1),
                point(-0.4 * width, rim + 0.1),
                point(-0.8 * width, rim),
            ],
        );
        let shape = joined::<10>(&crown, &brim);
        self.curve(&shape, colour, 1.0);
        self.stroke(
            &brim,
            self.view.pose.pixels(0.08),
            self.view.pose.pixels(0.08),
            colour.scaled(0.6),
        );
    }

    fn scarf(&mut self, colour: Colour, border: f32) {
        let width = self.person.head.width + 0.05;
        let below = self.on_outline([
            point(width, border),
            point(1.1 * width, 1.3),
            point(-1.1 * width, 1.3),
            point(-width, border),
        ]);
        let above = self.on_surface(
            0.1,
            [
                point(-0.4 * width, border),
                point(0.0, border - 0.05),
                point(0.4 * width, border),
            ],
        );
        let shape = joined::<7>(&below, &above);
        self.curve(&shape, colour, 1.0);
    }

    fn block(&mut self, block: &Block) {
        let (cos, sin) = block.turn;
        let corner = |x: f32, y: f32| {
            let (x, y) = (x * block.extent.x, y * block.extent.y);
            self.view.pose.body(point(
                block.centre.x + x * cos - y * sin,
                block.centre.y + x * sin + y * cos,
            ))
        };
        let corners = [
            corner(-1.0, -1.0),
            corner(1.0, -1.0),
            corner(1.0, 1.0),
            corner(-1.0, 1.0),
        ];
        self.polygon(&corners, block.colour, 1.0);
    }
}

/// Fills one row from one colour to another.
fn gradient(row: &mut [u8], left: Colour, right: Colour, size: f32) {
    // In 1/256 of a level: additions are much cheaper than conversions of floats.
    let mut value = left.0.map(|value| (value * 256.0) as i32);
    let step: [i32; 3] = std::array::from_fn(|i| ((right.0[i] - left.0[i]) * 256.0 / size) as i32);
    for pixel in row.as_chunks_mut::<3>().0 {
        for i in 0..3 {
            pixel[i] = (value[i] >> 8) as u8;
            value[i] += step[i];
        }
    }
}
