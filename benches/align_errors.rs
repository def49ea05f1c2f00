//! How faces are found that are turned, shrunk or cut off, and how far their landmarks lie from those of the same face upright and whole.
//!
//! `FFC_DETECTOR` names the weights, `FFC_BENCH_FACES` a set of aligned faces of 112 x 112, of which every twentieth is taken.

use std::path::Path;

use burn::tensor::Device;
use ffc_align::{Face, Mtcnn, MtcnnConfig, Picture, Similarity, warp};
use ffc_data::{BuildConfig, Dataset, SourceConfig};

/// Side of the faces, and of the black picture that they are put in the middle of, in pixels.
const FACE_PX: usize = 112;
const CANVAS_PX: usize = 168;
/// Of so many pictures one is taken.
const EVERY: usize = 20;

/// What is done to a face.
struct Change {
    name: String,
    degrees: f64,
    scale: f64,
    /// Share of the width that is black from the left, and of the height from below.
    cut: [f64; 2],
}

impl Change {
    fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            degrees: 0.0,
            scale: 1.0,
            cut: [0.0; 2],
        }
    }

    /// The similarity that brings a face into the canvas.
    fn placed(&self) -> Result<Similarity, ffc_align::Error> {
        let (sine, cosine) = self.degrees.to_radians().sin_cos();
        let (middle, target) = ((FACE_PX - 1) as f64 / 2.0, (CANVAS_PX - 1) as f64 / 2.0);
        let from = [
            [0.0, 0.0],
            [100.0, 0.0],
            [50.0, 50.0],
            [0.0, 100.0],
            [100.0, 100.0],
        ];
        let to = from.map(|[x, y]| {
            let [x, y] = [(x - middle) * self.scale, (y - middle) * self.scale];
            [
                cosine * x - sine * y + target,
                sine * x + cosine * y + target,
            ]
        });
        Similarity::fit(&from, &to)
    }
}

fn changes() -> Vec<Change> {
    let mut changes = vec![Change::new("upright, whole")];
    for degrees in [10.0, 20.0, 30.0, 40.0] {
        for degrees in [-degrees, degrees] {
            changes.push(Change {
                degrees,
                ..Change::new(format!("turned by {degrees} degrees"))
            });
        }
    }
    for side in [80.0, 60.0, 50.0, 40.0] {
        changes.push(Change {
            scale: side / FACE_PX as f64,
            ..Change::new(format!("shrunk to {side} pixels"))
        });
    }
    for share in [0.1, 0.2, 0.3] {
        changes.push(Change {
            cut: [share, 0.0],
            ..Change::new(format!("{:.0} % cut off at the left", 100.0 * share))
        });
        changes.push(Change {
            cut: [0.0, share],
            ..Change::new(format!("{:.0} % cut off below", 100.0 * share))
        });
    }
    changes
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .ok_or_else(|| format!("{name} names no file; see the head of benches/align_errors.rs"))
    };
    let detector = Mtcnn::read(
        variable("FFC_DETECTOR")?,
        MtcnnConfig::default(),
        &Device::flex(),
    )?;
    let faces = variable("FFC_BENCH_FACES")?;
    let config = SourceConfig::detect(Path::new(&faces))?;
    let dataset = Dataset::open_or_build(&config, &BuildConfig::default(), &mut |_| {})?;
    let images: Vec<u64> = (0..dataset.index().images()).step_by(EVERY).collect();
    let changes = changes();
    let upright = Change::new("").placed()?;
    let mut pixels = Vec::new();
    let mut found = vec![Vec::new(); changes.len()];
    let mut taken = 0_u32;
    for &image in &images {
        let [width, height] = dataset.picture(image, &mut pixels)?;
        if [width, height] != [FACE_PX; 2] {
            return Err(format!("{} is not {FACE_PX} x {FACE_PX}", dataset.origin(image)).into());
        }
        let face = Picture::new(width, height, &pixels)?;
        let Some(expected) = largest(&detector, &warp(face, &upright, CANVAS_PX))? else {
            continue;
        };
        taken += 1;
        for (change, found) in changes.iter().zip(&mut found) {
            let placed = change.placed()?;
            let mut canvas = warp(face, &placed, CANVAS_PX);
            cut(&mut canvas, change.cut);
            let Some(face) = largest(&detector, &canvas)? else {
                continue;
            };
            // In pixels of the upright face.
            let back = placed.inverse();
            let errors = face.landmarks.iter().zip(expected.landmarks).map(|(a, b)| {
                let a = back.apply(a.map(f64::from));
                let b = upright.inverse().apply(b.map(f64::from));
                (a[0] - b[0]).hypot(a[1] - b[1])
            });
            found.push(errors.sum::<f64>() / 5.0);
        }
    }
    println!(
        "{taken} faces, every {EVERY}th of {} that are found upright in the middle of {CANVAS_PX} x {CANVAS_PX} black pixels",
        Path::new(&faces).display()
    );
    println!(
        "| the face is | found | mean error, pixels | median | 95 % below |\n|---|---|---|---|---|"
    );
    for (change, mut errors) in changes.iter().zip(found) {
        errors.sort_by(f64::total_cmp);
        let at = |share: f64| errors.get((errors.len() as f64 * share) as usize).copied();
        let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
        println!(
            "| {} | {:.2} % | {mean:.2} | {:.2} | {:.2} |",
            change.name,
            100.0 * errors.len() as f64 / f64::from(taken.max(1)),
            at(0.5).unwrap_or(f64::NAN),
            at(0.95).unwrap_or(f64::NAN)
        );
    }
    Ok(())
}

fn largest(detector: &Mtcnn, canvas: &[u8]) -> Result<Option<Face>, ffc_align::Error> {
    let picture = Picture::new(CANVAS_PX, CANVAS_PX, canvas)?;
    Ok(detector.detect(picture)?.into_iter().next())
}

/// Makes a part of the face's square black.
fn cut(canvas: &mut [u8], [left, below]: [f64; 2]) {
    let begin = (CANVAS_PX - FACE_PX) / 2;
    let left = begin + (FACE_PX as f64 * left) as usize;
    let below = begin + (FACE_PX as f64 * (1.0 - below)) as usize;
    for (number, pixel) in canvas.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = (number % CANVAS_PX, number / CANVAS_PX);
        if x < left || y >= below {
            *pixel = [0; 3];
        }
    }
}
