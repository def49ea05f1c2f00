//! The face itself, from the hair behind it to the hair before it.

use super::canvas::{joined, point};
use super::colour::Colour;
use super::identity::Beard;
use super::painter::Painter;

/// Colour of what is black in a face: pupils, nostrils, lashes.
const DARK: Colour = Colour([24.0, 16.0, 16.0]);

impl Painter<'_> {
    /// Draws the person from behind to before.
    pub(super) fn face(&mut self) {
        self.hair_behind();
        self.neck();
        self.ears();
        self.head();
        self.spots();
        self.beard();
        self.nose();
        self.mouth();
        for side in [-1.0, 1.0] {
            self.eye(side);
        }
        self.hair_before();
        for side in [-1.0, 1.0] {
            self.brow(side);
        }
    }

    fn hair_behind(&mut self) {
        let hair = &self.person.hair;
        if hair.bald && hair.length < 0.5 {
            return;
        }
        let width = self.person.head.width + hair.side;
        let top = self.person.head.top - if hair.bald { 0.0 } else { hair.volume };
        let below = width * (1.0 - 0.15 * hair.length.max(0.0));
        let colour = hair.colour.scaled(0.75);
        let shape = self.on_outline([
            point(0.0, top),
            point(0.7 * width, top),
            point(1.05 * width, -0.6),
            point(1.05 * width, 0.1_f32.min(hair.length)),
            point(below, hair.length),
            point(0.5 * below, hair.length + 0.1),
            point(-0.5 * below, hair.length + 0.1),
            point(-below, hair.length),
            point(-1.05 * width, 0.1_f32.min(hair.length)),
            point(-1.05 * width, -0.6),
            point(-0.7 * width, top),
        ]);
        self.curve(&shape, colour, 1.0);
    }

    fn neck(&mut self) {
        let pose = &self.view.pose;
        let half = self.person.head.neck * self.person.head.width;
        let [left, right] = self.on_outline([point(-half, 0.5), point(half, 0.5)]);
        let bottom = [point(1.2 * half, 2.2), point(-1.2 * half, 2.2)].map(|at| pose.body(at));
        let neckline = self.view.scene.neckline;
        let shoulders = [
            point(-2.2, 2.6),
            point(-1.7, 1.5),
            point(-half - 0.1, 1.15),
            point(0.0, 1.35 + 2.0 * neckline),
            point(half + 0.1, 1.15),
            point(1.7, 1.5),
            point(2.2, 2.6),
        ]
        .map(|at| pose.body(at));
        let skin = self.person.skin.scaled(0.78);
        self.polygon(&[left, right, bottom[0], bottom[1]], skin, 1.0);
        self.curve(&shoulders, self.view.scene.clothes, 1.0);
    }

    fn ears(&mut self) {
        let head = &self.person.head;
        let (height, skin) = (head.ear, self.person.skin);
        let radius = height * head.ear_width;
        let middle = 0.5 * (self.person.eye.y + self.person.nose.y);
        for side in [-1.0, 1.0] {
            // The ear that the head turns away from the camera hides behind it.
            let x = side * (head.width + 0.3 * radius) - 0.15 * self.view.pose.side();
            for (factor, shade) in [(1.0, 0.9), (0.55, 0.7)] {
                let (w, h) = (radius * factor, height * factor);
                let shape = self.on_outline([
                    point(x - w, middle - h),
                    point(x + w, middle - h),
                    point(x + w, middle + 0.2 * h),
                    point(x, middle + 1.4 * h),
                    point(x - w, middle + 0.2 * h),
                ]);
                self.curve(&shape, skin.scaled(shade), 1.0);
            }
            if let Some(earrings) = &self.person.earrings {
                let [centre] = self.on_outline([point(x, middle + 1.3 * height)]);
                let radius = self.view.pose.pixels(earrings.radius);
                self.ellipse(centre, point(radius, radius), earrings.colour, 1.0);
            }
        }
    }

    fn head(&mut self) {
        let head = &self.person.head;
        let half = |x: f32| {
            [
                point(x * 0.62, head.top),
                point(x * 1.02, -0.6),
                point(x * 1.06, -0.1),
                point(x * 1.04 * head.cheek, 0.35),
                point(x * head.jaw, 0.72),
                point(x * head.chin, head.bottom + 0.04),
            ]
        };
        let right = half(head.width);
        let mut left = half(-head.width);
        left.reverse();
        let [right, left] = [self.on_outline(right), self.on_outline(left)];
        let shape = joined::<12>(&right, &left);
        self.curve(&shape, self.person.skin, 1.0);
    }

    fn spots(&mut self) {
        let person = self.person;
        if let Some(mark) = &person.birthmark {
            self.spot(mark.centre, mark.radii, 0.0, mark.colour, 0.75);
        }
        for &mole in &person.moles {
            self.spot(mole, point(0.032, 0.032), 0.0, person.skin.scaled(0.4), 0.9);
        }
        for &freckle in &person.freckles {
            self.spot(
                freckle,
                point(0.02, 0.02),
                0.0,
                person.skin.scaled(0.65),
                0.8,
            );
        }
    }

    fn beard(&mut self) {
        let person = self.person;
        let Some(beard) = &person.beard else {
            return;
        };
        if let Some(top) = beard.full {
            self.full_beard(beard, top);
        }
        let chin = person.head.bottom + beard.length;
        let mouth = &person.mouth;
        if let Some(width) = beard.goatee {
            let middle = 0.5 * (mouth.y + chin);
            let radii = point(width, middle - mouth.y);
            self.spot(point(0.0, middle), radii, 0.0, beard.colour, beard.density);
        }
        if let Some(thickness) = beard.moustache {
            let y = mouth.y - mouth.upper - 0.5 * thickness;
            let shape = self.on_surface(
                0.06,
                [
                    point(-1.3 * mouth.width, y + 1.2 * thickness),
                    point(-0.6 * mouth.width, y - thickness),
                    point(0.6 * mouth.width, y - thickness),
                    point(1.3 * mouth.width, y + 1.2 * thickness),
                    point(0.0, y + 0.5 * thickness),
                ],
            );
            self.curve(&shape, beard.colour, beard.density);
        }
    }

    fn full_beard(&mut self, beard: &Beard, top: f32) {
        let head = &self.person.head;
        let mouth = &self.person.mouth;
        let chin = head.bottom + beard.length;
        let w = head.width;
        let outer = self.on_outline([
            point(0.99 * w, top),
            point(0.99 * w * head.cheek, 0.35_f32.max(top)),
            point(w * head.jaw, 0.72 + 0.5 * beard.length),
            point(w * head.chin, chin + 0.05),
            point(-w * head.chin, chin + 0.05),
            point(-w * head.jaw, 0.72 + 0.5 * beard.length),
            point(-0.99 * w * head.cheek, 0.35_f32.max(top)),
            point(-0.99 * w, top),
        ]);
        let upper = mouth.y - mouth.upper - 0.05;
        let inner = self.on_surface(
            0.0,
            [
                point(-0.85 * w, 0.3 + 0.5 * top),
                point(-1.25 * mouth.width, upper),
                point(0.0, upper),
                point(1.25 * mouth.width, upper),
                point(0.85 * w, 0.3 + 0.5 * top),
            ],
        );
        let shape = joined::<13>(&outer, &inner);
        self.curve(&shape, beard.colour, beard.density);
    }

    fn nose(&mut self) {
        let person = self.person;
        let nose = &person.nose;
        let (w, b, y, top) = (nose.width, nose.bridge, nose.y, person.eye.y);
        let tint = [nose.red, 0.0, 0.0];
        let body = self.on_surface(
            0.1,
            [
                point(-b, top),
                point(b, top),
                point(b, 0.5 * (top + y)),
                point(1.15 * w, y - 0.06),
                point(0.8 * w, y + 0.06),
                point(-0.8 * w, y + 0.06),
                point(-1.15 * w, y - 0.06),
                point(-b, 0.5 * (top + y)),
            ],
        );
        self.curve(&body, person.skin.scaled(0.86).shifted(tint), 1.0);
        let tip = point(0.55 * w, 0.5 * (y - top));
        let bright = person.skin.scaled(1.08).shifted(tint);
        self.spot(point(0.0, 0.5 * (y + top)), tip, 0.16, bright, 0.8);
        for side in [-1.0, 1.0] {
            let centre = point(side * 0.5 * w, y);
            let radii = point(0.3 * w, 0.028);
            self.spot(centre, radii, 0.1, person.skin.scaled(0.35), 1.0);
        }
    }

    fn mouth(&mut self) {
        let mouth = &self.person.mouth;
        let face = &self.view.expression;
        let corner = mouth.y - mouth.rest - face.smile;
        let w = mouth.width * (1.0 + 0.8 * face.smile - 0.5 * face.open);
        let bottom = mouth.y + face.open;
        let lips = self.on_surface(
            0.04,
            [
                point(-w, corner),
                point(-1.1 * w, corner),
                point(-0.4 * w, mouth.y - 1.3 * mouth.upper),
                point(0.0, mouth.y - 0.9 * mouth.upper),
                point(0.4 * w, mouth.y - 1.3 * mouth.upper),
                point(1.1 * w, corner),
                point(w, corner),
                point(0.5 * w, bottom + 1.3 * mouth.lower),
                point(-0.5 * w, bottom + 1.3 * mouth.lower),
            ],
        );
        self.curve(&lips, mouth.colour, 1.0);
        let gap = 0.02;
        let inside = self.on_surface(
            0.04,
            [
                point(-w, corner),
                point(-0.4 * w, mouth.y - gap),
                point(0.4 * w, mouth.y - gap),
                point(w, corner),
                point(0.5 * w, bottom + gap),
                point(-0.5 * w, bottom + gap),
            ],
        );
        let teeth = face.open > 0.06;
        self.curve(&inside, mouth.colour.scaled(0.3), 1.0);
        if teeth {
            let radii = point(0.5 * w, 0.3 * face.open);
            let centre = point(0.0, mouth.y + 0.3 * face.open);
            self.spot(centre, radii, 0.04, Colour([235.0, 230.0, 220.0]), 1.0);
        }
    }

    fn eye(&mut self, side: f32) {
        let person = self.person;
        let eye = &person.eye;
        let face = &self.view.expression;
        let h = eye.height * face.eye;
        let x = |along: f32| side * (eye.x + along * eye.width);
        let y = |along: f32| eye.y - along * eye.slant;
        let socket = point(1.3 * eye.width, eye.height + 0.05);
        self.spot(
            point(side * eye.x, eye.y),
            socket,
            0.0,
            person.skin.scaled(0.88),
            1.0,
        );
        let white = self.on_surface(
            0.0,
            [
                point(x(-1.15), y(-1.0)),
                point(x(-0.6), y(-0.6) - 1.2 * h),
                point(x(0.6), y(0.6) - 1.2 * h),
                point(x(1.15), y(1.0)),
                point(x(0.6), y(0.6) + 1.2 * h),
                point(x(-0.6), y(-0.6) + 1.2 * h),
            ],
        );
        self.curve(&white, Colour([238.0, 234.0, 228.0]), 1.0);
        let centre = point(side * eye.x + face.gaze.x, eye.y + face.gaze.y * h * 8.0);
        let iris = point(eye.iris, eye.iris.min(h));
        self.spot(centre, iris, 0.0, eye.colour, 1.0);
        let pupil = point(0.4 * eye.iris, (0.4 * eye.iris).min(h));
        self.spot(centre, pupil, 0.0, DARK, 1.0);
        let lid = self.on_surface(
            0.0,
            [
                point(x(-1.0), y(-1.0)),
                point(x(-0.5), y(-0.5) - h),
                point(x(0.0), y(0.0) - 1.1 * h),
                point(x(0.5), y(0.5) - h),
                point(x(1.1), y(1.1)),
            ],
        );
        let thickness = self.view.pose.pixels(eye.lid);
        self.stroke(&lid, 0.5 * thickness, thickness, DARK);
    }

    fn brow(&mut self, side: f32) {
        let brow = &self.person.brow;
        let base = self.person.eye.y - brow.above - self.view.expression.brow;
        let place = |along: f32| {
            let bow = 4.0 * along * (1.0 - along) * brow.arch;
            point(
                side * (brow.inner + along * brow.length),
                base - along * brow.rise - bow,
            )
        };
        let line = self.on_surface(0.02, [0.0, 0.25, 0.5, 0.75, 1.0].map(place));
        let thickness = self.view.pose.pixels(brow.thickness);
        self.stroke(&line, thickness, thickness * brow.taper, brow.colour);
    }

    fn hair_before(&mut self) {
        let hair = &self.person.hair;
        if hair.bald {
            return;
        }
        let w = self.person.head.width;
        let top = self.person.head.top - hair.volume;
        let side = w + 0.6 * hair.side;
        let curl = hair.curl;
        let outer = self.on_outline([
            point(-side, hair.temple),
            point(-side - curl, -0.35),
            point(-side + curl, -0.6),
            point(-0.85 * side - curl, -0.85 - curl),
            point(-0.6 * side + curl, top + curl),
            point(-0.25 * side, top - curl),
            point(0.0, top + curl),
            point(0.25 * side, top - curl),
            point(0.6 * side - curl, top + curl),
            point(0.85 * side + curl, -0.85 - curl),
            point(side - curl, -0.6),
            point(side + curl, -0.35),
            point(side, hair.temple),
        ]);
        let line = |i: usize, x: f32| point(x * w, hair.line[i]);
        let inner = self.on_surface(
            0.0,
            [
                point(0.86 * w, hair.temple),
                line(4, 0.75),
                line(3, 0.4),
                line(2, 0.0),
                line(1, -0.4),
                line(0, -0.75),
                point(-0.86 * w, hair.temple),
            ],
        );
        let shape = joined::<20>(&outer, &inner);
        self.curve(&shape, hair.colour, 1.0);
    }
}
