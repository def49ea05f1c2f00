//! What changes from one picture of a person to the next.

use ffc_random::CounterRng;

use super::canvas::{Point, point};
use super::colour::Colour;
use crate::purpose::Purpose;

/// How far the middle of the face is in front of the outline of the head, in half heads.
const DEPTH: f32 = 0.7;

/// Everything that is drawn anew for each picture.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// Where the face is.
    pub(super) pose: Pose,
    /// How the picture is lit and how noisy it is.
    pub(super) light: Light,
    /// What the face does.
    pub(super) expression: Expression,
    /// What else is there.
    pub(super) scene: Scene,
}

impl View {
    /// The view of this picture. The generator goes on to draw what needs no name: background and noise.
    pub(super) fn new(seed: u64, identity: u64, image: u64, size: usize) -> (Self, CounterRng) {
        let mut rng = Purpose::SyntheticImage.key(seed, identity).rng(image);
        let view = Self {
            pose: Pose::new(&mut rng, size as f32),
            light: Light::new(&mut rng),
            expression: Expression::new(&mut rng),
            scene: Scene::new(&mut rng),
        };
        (view, rng)
    }
}

/// Maps places on the face to places in the picture.
#[derive(Debug, Clone)]
pub(super) struct Pose {
    centre: Point,
    /// Pixels per half head.
    scale: f32,
    /// Cosine and sine of the turn in the plane of the picture.
    roll: (f32, f32),
    /// Cosine and sine of the turn to the side.
    yaw: (f32, f32),
    /// Cosine and sine of the nod.
    pitch: (f32, f32),
}

impl Pose {
    fn new(rng: &mut CounterRng, size: f32) -> Self {
        Self {
            centre: point(
                size * rng.between(0.43, 0.57),
                size * rng.between(0.46, 0.57),
            ),
            scale: size * rng.between(0.33, 0.42),
            roll: turn(middling(rng, 0.12)),
            yaw: turn(middling(rng, 0.22)),
            pitch: turn(middling(rng, 0.12)),
        }
    }

    /// A place on the outline of the head, of the hair or of what is worn.
    pub(super) fn outline(&self, at: Point) -> Point {
        // The chin is in front of the neck, so that it moves when the head turns.
        let forward = 0.2 * at.y.max(0.0);
        self.project(at.x + self.yaw.1 * forward, at.y + self.pitch.1 * forward)
    }

    /// A place on the face, `lift` in front of the smooth surface.
    pub(super) fn surface(&self, at: Point, lift: f32) -> Point {
        let dome = 1.0 - 1.2 * at.x * at.x - 0.75 * at.y * at.y;
        let depth = DEPTH * dome.max(0.0) + lift;
        self.project(
            at.x * self.yaw.0 + depth * self.yaw.1,
            at.y * self.pitch.0 + depth * self.pitch.1,
        )
    }

    /// A place on the shoulders, which do not turn with the head.
    pub(super) fn body(&self, at: Point) -> Point {
        point(
            self.centre.x + self.scale * at.x,
            self.centre.y + self.scale * at.y,
        )
    }

    /// Pixels for a length in half heads.
    pub(super) fn pixels(&self, length: f32) -> f32 {
        self.scale * length
    }

    /// How far the head is turned to the side: the sine of the angle.
    pub(super) fn side(&self) -> f32 {
        self.yaw.1
    }

    fn project(&self, x: f32, y: f32) -> Point {
        let (cos, sin) = self.roll;
        point(
            self.centre.x + self.scale * (x * cos - y * sin),
            self.centre.y + self.scale * (x * sin + y * cos),
        )
    }
}

/// Light, and what the camera makes of it.
#[derive(Debug, Clone)]
pub(super) struct Light {
    /// Factor for each channel.
    pub(super) gain: [f32; 3],
    /// Relative change from the left to the right border.
    pub(super) across: f32,
    /// Relative change from the upper to the lower border.
    pub(super) down: f32,
    /// Added to every channel: veiling glare.
    pub(super) haze: f32,
    /// Amplitude of the noise.
    pub(super) noise: f32,
}

impl Light {
    fn new(rng: &mut CounterRng) -> Self {
        let gain = rng.between(0.7, 1.25);
        Self {
            gain: std::array::from_fn(|_| gain * rng.between(0.9, 1.1)),
            across: middling(rng, 0.95),
            down: middling(rng, 0.85),
            haze: rng.between(-10.0, 30.0),
            noise: rng.between(2.0, 12.0),
        }
    }
}

/// What the face does.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    /// How much higher the corners of the mouth are.
    pub(super) smile: f32,
    /// How far the mouth is open.
    pub(super) open: f32,
    /// How much higher the brows are.
    pub(super) brow: f32,
    /// Height of the eyes relative to their height at rest.
    pub(super) eye: f32,
    /// Where the eyes look: shift of the irises.
    pub(super) gaze: Point,
}

impl Expression {
    fn new(rng: &mut CounterRng) -> Self {
        Self {
            smile: rng.between(-0.05, 0.13),
            open: rng.between(-0.12, 0.2).max(0.0),
            brow: rng.between(-0.04, 0.07),
            eye: if rng.below(20) == 0 {
                0.15
            } else {
                rng.between(0.65, 1.15)
            },
            gaze: point(middling(rng, 0.06), middling(rng, 0.02)),
        }
    }
}

/// Clothes, and what hides parts of the face.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    /// Colour of the clothes.
    pub(super) clothes: Colour,
    /// Depth of the neckline.
    pub(super) neckline: f32,
    /// Glasses, if any.
    pub(super) glasses: Option<Glasses>,
    /// Colour and height of the rim of a cap, if any.
    pub(super) cap: Option<(Colour, f32)>,
    /// Colour and upper border of a scarf before the mouth, if any.
    pub(super) scarf: Option<(Colour, f32)>,
    /// Something before the face, if any.
    pub(super) block: Option<Block>,
}

/// Two lenses with a frame.
#[derive(Debug, Clone)]
pub(super) struct Glasses {
    /// Colour of the frame.
    pub(super) colour: Colour,
    /// Thickness of the frame.
    pub(super) thickness: f32,
    /// Half the width of a lens.
    pub(super) width: f32,
    /// Half the height of a lens.
    pub(super) height: f32,
    /// Opacity of the lenses.
    pub(super) tint: f32,
}

/// A bar or a hand before the face.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Colour.
    pub(super) colour: Colour,
    /// Centre on the face.
    pub(super) centre: Point,
    /// Half the extent along both of its axes.
    pub(super) extent: Point,
    /// Cosine and sine of its turn.
    pub(super) turn: (f32, f32),
}

impl Scene {
    fn new(rng: &mut CounterRng) -> Self {
        let worn = rng.below(30);
        Self {
            clothes: Colour::any(rng),
            neckline: rng.between(0.0, 0.5),
            glasses: (rng.below(9) == 0).then(|| Glasses::new(rng)),
            cap: (worn < 2).then(|| (Colour::any(rng), rng.between(-0.62, -0.45))),
            scarf: (worn == 2).then(|| (Colour::any(rng), rng.between(0.25, 0.5))),
            block: (rng.below(10) == 0).then(|| Block::new(rng)),
        }
    }
}

impl Glasses {
    fn new(rng: &mut CounterRng) -> Self {
        Self {
            colour: Colour::any(rng).scaled(0.5),
            thickness: rng.between(0.02, 0.06),
            width: rng.between(0.2, 0.28),
            height: rng.between(0.13, 0.22),
            tint: if rng.below(3) == 0 { 0.85 } else { 0.08 },
        }
    }
}

impl Block {
    fn new(rng: &mut CounterRng) -> Self {
        Self {
            colour: Colour::any(rng),
            centre: point(middling(rng, 0.9), middling(rng, 0.9)),
            extent: point(rng.between(0.15, 0.6), rng.between(0.08, 0.22)),
            turn: turn(rng.between(-1.0, 1.0)),
        }
    }
}

/// Cosine and sine of the angle whose half has this tangent. Needs no function that differs between platforms.
fn turn(tangent: f32) -> (f32, f32) {
    let square = tangent * tangent;
    let norm = 1.0 / (1.0 + square);
    ((1.0 - square) * norm, 2.0 * tangent * norm)
}

/// Between `-limit` and `limit`, more often near 0.
fn middling(rng: &mut CounterRng, limit: f32) -> f32 {
    limit * (rng.unit() + rng.unit() - 1.0)
}
