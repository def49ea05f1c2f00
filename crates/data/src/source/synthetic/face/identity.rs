//! What all pictures of one person have in common.

use ffc_random::CounterRng;

use super::canvas::{Point, point};
use super::colour::Colour;
use crate::purpose::Purpose;

/// From the darkest to the lightest skin.
const SKIN: [Colour; 4] = [
    Colour([72.0, 46.0, 36.0]),
    Colour([142.0, 94.0, 66.0]),
    Colour([206.0, 152.0, 118.0]),
    Colour([246.0, 216.0, 194.0]),
];

/// Natural colours of hair.
const HAIR: [Colour; 7] = [
    Colour([20.0, 17.0, 18.0]),
    Colour([52.0, 34.0, 25.0]),
    Colour([104.0, 66.0, 38.0]),
    Colour([150.0, 66.0, 28.0]),
    Colour([214.0, 172.0, 98.0]),
    Colour([146.0, 144.0, 142.0]),
    Colour([228.0, 224.0, 216.0]),
];

/// Colours of the iris.
const IRIS: [Colour; 5] = [
    Colour([40.0, 24.0, 14.0]),
    Colour([110.0, 66.0, 26.0]),
    Colour([70.0, 120.0, 60.0]),
    Colour([70.0, 130.0, 190.0]),
    Colour([140.0, 160.0, 170.0]),
];

/// Colours of birthmarks.
const MARK: [Colour; 3] = [
    Colour([64.0, 36.0, 30.0]),
    Colour([150.0, 30.0, 62.0]),
    Colour([255.0, 226.0, 214.0]),
];

/// Lengths are in half heads, heights from the middle of the head downwards.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// Colour of the skin.
    pub(super) skin: Colour,
    /// The head.
    pub(super) head: Head,
    /// The hair on the head.
    pub(super) hair: Hair,
    /// Both eyes.
    pub(super) eye: Eye,
    /// Both brows.
    pub(super) brow: Brow,
    /// The nose.
    pub(super) nose: Nose,
    /// The mouth.
    pub(super) mouth: Mouth,
    /// The beard, if any.
    pub(super) beard: Option<Beard>,
    /// Centres of moles.
    pub(super) moles: Vec<Point>,
    /// Centres of freckles.
    pub(super) freckles: Vec<Point>,
    /// A birthmark, if any.
    pub(super) birthmark: Option<Birthmark>,
    /// Earrings, if any.
    pub(super) earrings: Option<Earrings>,
}

/// Outline of the head and its ears.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// Half the width at the temples.
    pub(super) width: f32,
    /// Width at the cheeks relative to `width`.
    pub(super) cheek: f32,
    /// Width at the jaw relative to `width`.
    pub(super) jaw: f32,
    /// Width at the chin relative to `width`.
    pub(super) chin: f32,
    /// Height of the top.
    pub(super) top: f32,
    /// Height of the chin.
    pub(super) bottom: f32,
    /// Half the height of an ear.
    pub(super) ear: f32,
    /// Half the width of an ear relative to its height.
    pub(super) ear_width: f32,
    /// Half the width of the neck relative to `width`.
    pub(super) neck: f32,
}

/// Hair behind the head and on the forehead.
#[derive(Debug, Clone)]
pub(super) struct Hair {
    /// Colour, for half of the people also that of the brows.
    pub(super) colour: Colour,
    /// No hair on the forehead.
    pub(super) bald: bool,
    /// Thickness above the head.
    pub(super) volume: f32,
    /// Thickness beside the head.
    pub(super) side: f32,
    /// Height down to which it hangs behind the head.
    pub(super) length: f32,
    /// Height of its end at the temples.
    pub(super) temple: f32,
    /// Heights of the hairline from left to right.
    pub(super) line: [f32; 5],
    /// Depth of the curls in the outline.
    pub(super) curl: f32,
}

/// The right eye; the left eye mirrors it.
#[derive(Debug, Clone)]
pub(super) struct Eye {
    /// Distance of its centre from the middle of the face.
    pub(super) x: f32,
    /// Height of its centre.
    pub(super) y: f32,
    /// Half its width.
    pub(super) width: f32,
    /// Half its height.
    pub(super) height: f32,
    /// How much higher the outer corner is than the centre.
    pub(super) slant: f32,
    /// Colour of the iris.
    pub(super) colour: Colour,
    /// Radius of the iris.
    pub(super) iris: f32,
    /// Thickness of the upper lid with its lashes.
    pub(super) lid: f32,
}

/// The right brow; the left brow mirrors it.
#[derive(Debug, Clone)]
pub(super) struct Brow {
    /// Colour.
    pub(super) colour: Colour,
    /// Distance of its inner end from the middle of the face.
    pub(super) inner: f32,
    /// Length.
    pub(super) length: f32,
    /// Distance above the centre of the eye.
    pub(super) above: f32,
    /// How much higher the outer end is than the inner end.
    pub(super) rise: f32,
    /// How much higher the middle is than both ends.
    pub(super) arch: f32,
    /// Thickness at the inner end.
    pub(super) thickness: f32,
    /// Thickness of the outer end relative to the inner end.
    pub(super) taper: f32,
}

/// The nose.
#[derive(Debug, Clone)]
pub(super) struct Nose {
    /// Height of its base.
    pub(super) y: f32,
    /// Half the width of its base.
    pub(super) width: f32,
    /// Half the width of its bridge.
    pub(super) bridge: f32,
    /// How much redder than the skin it is.
    pub(super) red: f32,
}

/// The mouth.
#[derive(Debug, Clone)]
pub(super) struct Mouth {
    /// Height.
    pub(super) y: f32,
    /// Half its width.
    pub(super) width: f32,
    /// Thickness of the upper lip.
    pub(super) upper: f32,
    /// Thickness of the lower lip.
    pub(super) lower: f32,
    /// How much higher the corners are when the face is at rest.
    pub(super) rest: f32,
    /// Colour of the lips.
    pub(super) colour: Colour,
}

/// Beard and moustache.
#[derive(Debug, Clone)]
pub(super) struct Beard {
    /// Colour.
    pub(super) colour: Colour,
    /// Opacity: stubble lets the skin through.
    pub(super) density: f32,
    /// Height at which the full beard begins at the ears, if there is one.
    pub(super) full: Option<f32>,
    /// Length below the chin.
    pub(super) length: f32,
    /// Half the width of the goatee, if there is one.
    pub(super) goatee: Option<f32>,
    /// Thickness of the moustache, if there is one.
    pub(super) moustache: Option<f32>,
}

/// A large spot on the face.
#[derive(Debug, Clone)]
pub(super) struct Birthmark {
    /// Its centre.
    pub(super) centre: Point,
    /// Half its width and half its height.
    pub(super) radii: Point,
    /// Colour.
    pub(super) colour: Colour,
}

/// A disc at the lower end of each ear.
#[derive(Debug, Clone)]
pub(super) struct Earrings {
    /// Radius.
    pub(super) radius: f32,
    /// Colour.
    pub(super) colour: Colour,
}

impl Identity {
    /// The person with this number.
    pub(super) fn new(seed: u64, identity: u64) -> Self {
        let mut rng = Purpose::SyntheticIdentity.key(seed, 0).rng(identity);
        let rng = &mut rng;
        let skin = Colour::between(&SKIN, rng.unit()).shifted([
            rng.between(-12.0, 16.0),
            rng.between(-14.0, 14.0),
            rng.between(-24.0, 24.0),
        ]);
        let head = Head::new(rng);
        let hair = Hair::new(rng);
        let eye = Eye::new(rng);
        let brow = Brow::new(rng, hair.colour);
        let nose = Nose::new(rng);
        let mouth = Mouth::new(rng, &nose, skin);
        let beard = (rng.unit() < 0.4).then(|| Beard::new(rng, hair.colour));
        let moles = (0..rng.below(4)).map(|_| spot(rng, 0.55, 0.75)).collect();
        let freckles = match rng.below(5) {
            0 => (0..14).map(|_| spot(rng, 0.5, 0.3)).collect(),
            _ => Vec::new(),
        };
        let birthmark = (rng.unit() < 0.5).then(|| Birthmark::new(rng));
        let earrings = (rng.unit() < 0.5).then(|| Earrings::new(rng));
        Self {
            skin,
            head,
            hair,
            eye,
            brow,
            nose,
            mouth,
            beard,
            moles,
            freckles,
            birthmark,
            earrings,
        }
    }
}

/// A place on the face below the forehead.
fn spot(rng: &mut CounterRng, width: f32, below: f32) -> Point {
    point(rng.between(-width, width), rng.between(-0.05, below))
}

impl Head {
    fn new(rng: &mut CounterRng) -> Self {
        Self {
            width: rng.between(0.6, 0.98),
            cheek: rng.between(0.86, 1.06),
            jaw: rng.between(0.5, 1.0),
            chin: rng.between(0.18, 0.62),
            top: rng.between(-1.14, -1.0),
            bottom: rng.between(0.86, 1.18),
            ear: rng.between(0.1, 0.34),
            ear_width: rng.between(0.4, 0.75),
            neck: rng.between(0.45, 0.8),
        }
    }
}

impl Hair {
    fn new(rng: &mut CounterRng) -> Self {
        let natural = |rng: &mut CounterRng| HAIR[rng.below(HAIR.len() as u64) as usize];
        let colour = if rng.unit() < 0.4 {
            Colour::any(rng)
        } else {
            natural(rng).mixed(natural(rng), rng.between(0.0, 0.6))
        };
        let height = rng.between(-0.95, -0.4);
        let tilt = rng.between(-0.3, 0.3);
        let peak = rng.between(-0.2, 0.24);
        let bend = rng.between(-0.12, 0.12);
        Self {
            colour,
            bald: rng.below(9) == 0,
            volume: rng.between(0.03, 0.42),
            side: rng.between(0.02, 0.36),
            length: if rng.below(5) < 2 {
                rng.between(0.5, 1.7)
            } else {
                rng.between(-0.4, 0.3)
            },
            temple: rng.between(-0.5, 0.12),
            line: [
                height - tilt,
                height - 0.5 * tilt + bend,
                height + peak,
                height + 0.5 * tilt - bend,
                height + tilt,
            ],
            curl: (rng.between(-0.1, 0.12)).max(0.0),
        }
    }
}

impl Eye {
    fn new(rng: &mut CounterRng) -> Self {
        Self {
            x: rng.between(0.25, 0.42),
            y: rng.between(-0.2, 0.04),
            width: rng.between(0.14, 0.27),
            height: rng.between(0.06, 0.17),
            slant: rng.between(-0.07, 0.09),
            colour: Colour::between(&IRIS, rng.unit()),
            iris: rng.between(0.09, 0.15),
            lid: rng.between(0.02, 0.07),
        }
    }
}

impl Brow {
    fn new(rng: &mut CounterRng, hair: Colour) -> Self {
        Self {
            colour: if rng.unit() < 0.5 {
                Colour::any(rng)
            } else {
                hair.scaled(rng.between(0.3, 0.9))
            },
            inner: rng.between(0.08, 0.2),
            length: rng.between(0.26, 0.46),
            above: rng.between(0.17, 0.38),
            rise: rng.between(-0.18, 0.2),
            arch: rng.between(-0.03, 0.14),
            thickness: rng.between(0.03, 0.2),
            taper: rng.between(0.2, 1.0),
        }
    }
}

impl Nose {
    fn new(rng: &mut CounterRng) -> Self {
        Self {
            y: rng.between(0.22, 0.42),
            width: rng.between(0.08, 0.27),
            bridge: rng.between(0.04, 0.1),
            red: rng.between(-10.0, 50.0),
        }
    }
}

impl Mouth {
    fn new(rng: &mut CounterRng, nose: &Nose, skin: Colour) -> Self {
        let tint = Colour([
            rng.between(70.0, 240.0),
            rng.between(10.0, 130.0),
            rng.between(20.0, 190.0),
        ]);
        Self {
            y: nose.y + rng.between(0.17, 0.34),
            width: rng.between(0.16, 0.42),
            upper: rng.between(0.02, 0.13),
            lower: rng.between(0.03, 0.16),
            rest: rng.between(-0.1, 0.07),
            colour: skin.scaled(0.8).mixed(tint, rng.between(0.3, 1.0)),
        }
    }
}

impl Birthmark {
    fn new(rng: &mut CounterRng) -> Self {
        Self {
            centre: point(rng.between(-0.55, 0.55), rng.between(-0.6, 0.75)),
            radii: point(rng.between(0.08, 0.24), rng.between(0.08, 0.24)),
            colour: Colour::between(&MARK, rng.unit()),
        }
    }
}

impl Earrings {
    fn new(rng: &mut CounterRng) -> Self {
        Self {
            radius: rng.between(0.07, 0.15),
            colour: Colour::any(rng),
        }
    }
}

impl Beard {
    fn new(rng: &mut CounterRng, hair: Colour) -> Self {
        let kind = rng.below(5);
        let length = rng.between(0.0, 0.3);
        Self {
            colour: hair.scaled(rng.between(0.6, 1.0)),
            density: rng.between(0.45, 1.0),
            full: (kind < 2).then(|| rng.between(-0.1, 0.4)),
            length,
            goatee: (kind == 2 || kind == 3).then(|| rng.between(0.14, 0.36)),
            moustache: (kind != 2).then(|| rng.between(0.04, 0.13)),
        }
    }
}
