//! Faces and landmarks by three networks in turn: MTCNN (Zhang and others, 2016, arXiv:1604.02878), with the weights and to the
//! letter of facenet-pytorch 2.6.0.

mod area;
mod boxes;
mod networks;
mod weights;

use std::ops::Range;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use ffc_data::FingerprintWriter;
use rayon::prelude::*;

use self::area::{Region, resize};
use self::boxes::{Bounds, Candidate, Overlap, cut, shifted, squared, suppress};
use self::networks::{O_PX, Output, P_PX, P_STRIDE, Proposal, R_PX, Refinement, Verdict};
use crate::face::Face;
use crate::picture::Picture;
use crate::{Error, Result};

/// Each picture of the pyramid is smaller than the one before by this.
const FACTOR: f64 = 0.709;
/// Overlaps above which boxes fall: within a picture of the pyramid, and everywhere else.
const OVERLAP_IN_SCALE: f32 = 0.5;
const OVERLAP: f32 = 0.7;
/// Pixels of the pyramid that P takes at once, about: what it keeps of them stays near the processor, and memory does not grow with a picture.
const TILE_PIXELS: usize = 1 << 16;
/// Candidates that R and O take at once.
const CANDIDATES: usize = 256;

/// What counts as a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MtcnnConfig {
    /// Side of the smallest faces that are looked for, in pixels. Time grows with the inverse of its square. Default: 20.
    pub min_face_px: usize,
    /// Scores from which the three networks take a candidate. Default: 0.6, 0.7, 0.7.
    pub thresholds: [f32; 3],
}

impl Default for MtcnnConfig {
    fn default() -> Self {
        Self {
            min_face_px: 20,
            thresholds: [0.6, 0.7, 0.7],
        }
    }
}

/// A detector of faces.
#[derive(Debug)]
pub struct Mtcnn {
    proposal: Proposal,
    refinement: Refinement,
    output: Output,
    config: MtcnnConfig,
    fingerprint: String,
    device: Device,
}

impl Mtcnn {
    /// Reads the networks: `path` is a folder with `pnet.pt`, `rnet.pt` and `onet.pt`, one of these files, or the wheel
    /// `facenet_pytorch-*.whl`.
    ///
    /// # Errors
    ///
    /// [`Error::Detector`], [`Error::Weights`] and [`Error::Io`] where the files are not these networks; [`Error::Setting`] where a setting is
    /// outside its range.
    pub fn read(path: impl AsRef<Path>, config: MtcnnConfig, device: &Device) -> Result<Self> {
        if config.min_face_px < P_PX {
            return Err(Error::Setting {
                setting: "min_face_px",
                value: config.min_face_px.to_string(),
                expected: "at least 12, what the first network looks at",
            });
        }
        if !config
            .thresholds
            .iter()
            .all(|value| (0.0..=1.0).contains(value))
        {
            return Err(Error::Setting {
                setting: "thresholds",
                value: format!("{:?}", config.thresholds),
                expected: "between 0 and 1",
            });
        }
        let [mut p, mut r, mut o] = weights::read(path.as_ref())?;
        let mut writer = FingerprintWriter::new("MTCNN");
        [&p, &r, &o]
            .iter()
            .for_each(|tensors| tensors.note(&mut writer));
        let detector = Self {
            proposal: Proposal::new(&mut p, device)?,
            refinement: Refinement::new(&mut r, device)?,
            output: Output::new(&mut o, device)?,
            config,
            fingerprint: writer.finish().to_string(),
            device: device.clone(),
        };
        p.finish()?;
        r.finish()?;
        o.finish()?;
        Ok(detector)
    }

    /// What tells its weights from others.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What counts as a face.
    pub fn config(&self) -> &MtcnnConfig {
        &self.config
    }

    /// The faces of a picture, by the areas of their boxes, the greatest first. Runs in rayon's current pool; what is found is the same for any
    /// number of threads.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the device fails.
    pub fn detect(&self, picture: Picture<'_>) -> Result<Vec<Face>> {
        let candidates = self.propose(picture)?;
        let candidates = self.refine(picture, candidates)?;
        let mut faces = self.finish(picture, candidates)?;
        faces.sort_by(|a, b| b.area().total_cmp(&a.area()));
        Ok(faces)
    }

    /// What P takes for faces.
    fn propose(&self, picture: Picture<'_>) -> Result<Vec<Bounds>> {
        let scales = scales(picture, self.config.min_face_px);
        let tiles: Vec<(usize, Tile)> = (scales.iter().enumerate())
            .flat_map(|(number, &scale)| Tile::all(picture, scale).map(move |tile| (number, tile)))
            .collect();
        let found: Vec<(usize, Vec<Candidate>)> = tiles
            .into_par_iter()
            .map(|(number, tile)| Ok((number, self.candidates(picture, tile)?)))
            .collect::<Result<_>>()?;
        let mut all = Vec::new();
        for number in 0..scales.len() {
            let of_scale: Vec<Candidate> = (found.iter())
                .filter(|(of, _)| *of == number)
                .flat_map(|(_, candidates)| candidates)
                .copied()
                .collect();
            let kept = suppress(&of_scale, OVERLAP_IN_SCALE, Overlap::Union);
            all.extend(kept.into_iter().map(|kept| of_scale[kept]));
        }
        let kept = suppress(&all, OVERLAP, Overlap::Union).into_iter();
        let kept = kept.map(|kept| squared(shifted(all[kept].bounds, all[kept].shifts, 0.0)));
        Ok(kept.collect())
    }

    /// The cells of a tile that P takes for faces.
    fn candidates(&self, picture: Picture<'_>, tile: Tile) -> Result<Vec<Candidate>> {
        let mut values = Vec::new();
        let rows = tile.pixel_rows();
        let shape = [1, 3, rows.len(), tile.width];
        let whole = Region {
            left: 0,
            top: 0,
            width: picture.width(),
            height: picture.height(),
        };
        resize(picture, whole, [tile.width, tile.height], rows, &mut values);
        let input = Tensor::from_data(TensorData::new(values, shape), &self.device);
        let [scores, shifts] = self.proposal.forward(input);
        let [_, _, rows, columns] = scores.dims();
        let cells = rows * columns;
        let scores = read(scores.slice_dim(1, 1..2))?;
        let is_face = |&cell: &usize| scores[cell] >= self.config.thresholds[0];
        let taken: Vec<usize> = (0..cells).filter(is_face).collect();
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let shifts = read(shifts)?;
        let scale = tile.scale as f32;
        let candidate = |cell: usize| {
            let (row, column) = (tile.rows.start + cell / columns, cell % columns);
            let place =
                |cell: usize, more: usize| ((P_STRIDE * cell + more) as f32 / scale).floor();
            Candidate {
                bounds: [
                    place(column, 1),
                    place(row, 1),
                    place(column, P_PX),
                    place(row, P_PX),
                ],
                score: scores[cell],
                shifts: [0, 1, 2, 3].map(|side| shifts[side * cells + cell]),
            }
        };
        Ok(taken.into_iter().map(candidate).collect())
    }

    /// What R leaves of them.
    fn refine(&self, picture: Picture<'_>, bounds: Vec<Bounds>) -> Result<Vec<Bounds>> {
        let judge = |pictures| self.refinement.forward(pictures);
        let judged = self.judge(picture, bounds, R_PX, self.config.thresholds[1], judge)?;
        let candidates: Vec<Candidate> =
            judged.into_iter().map(|(candidate, _)| candidate).collect();
        let kept = suppress(&candidates, OVERLAP, Overlap::Union).into_iter();
        let kept = kept.map(|kept| {
            let Candidate { bounds, shifts, .. } = candidates[kept];
            squared(shifted(bounds, shifts, 1.0))
        });
        Ok(kept.collect())
    }

    /// The faces that O finds in them.
    fn finish(&self, picture: Picture<'_>, bounds: Vec<Bounds>) -> Result<Vec<Face>> {
        let judge = |pictures| self.output.forward(pictures);
        let mut judged = self.judge(picture, bounds, O_PX, self.config.thresholds[2], judge)?;
        let faces: Vec<Face> = judged
            .iter_mut()
            .map(|(candidate, shares)| {
                let [left, top, right, bottom] = candidate.bounds;
                let (width, height) = (right - left + 1.0, bottom - top + 1.0);
                let landmark = |number: usize| {
                    [
                        width * shares[number] + left - 1.0,
                        height * shares[5 + number] + top - 1.0,
                    ]
                };
                candidate.bounds = shifted(candidate.bounds, candidate.shifts, 1.0);
                Face {
                    bounds: candidate.bounds,
                    score: candidate.score,
                    landmarks: [0, 1, 2, 3, 4].map(landmark),
                }
            })
            .collect();
        let candidates: Vec<Candidate> =
            judged.into_iter().map(|(candidate, _)| candidate).collect();
        let kept = suppress(&candidates, OVERLAP, Overlap::Smaller);
        Ok(kept.into_iter().map(|kept| faces[kept]).collect())
    }

    /// Those of the boxes whose pictures a network gives more than `threshold`, with what it says of their landmarks. Boxes outside the picture
    /// fall.
    fn judge(
        &self,
        picture: Picture<'_>,
        bounds: Vec<Bounds>,
        side_px: usize,
        threshold: f32,
        network: impl Fn(Tensor<4>) -> Verdict + Sync,
    ) -> Result<Vec<(Candidate, [f32; 10])>> {
        let inside: Vec<(Bounds, Region)> = bounds
            .into_iter()
            .filter_map(|bounds| Some((bounds, cut(bounds, picture.width(), picture.height())?)))
            .collect();
        let judged: Vec<Vec<(Candidate, [f32; 10])>> = inside
            .par_chunks(CANDIDATES)
            .map(|inside| {
                let mut values = Vec::with_capacity(inside.len() * 3 * side_px * side_px);
                for &(_, region) in inside {
                    resize(picture, region, [side_px; 2], 0..side_px, &mut values);
                }
                let shape = [inside.len(), 3, side_px, side_px];
                let verdict = network(Tensor::from_data(
                    TensorData::new(values, shape),
                    &self.device,
                ));
                let (scores, shifts) = (read(verdict.scores)?, read(verdict.shifts)?);
                let landmarks = verdict.landmarks.map(read).transpose()?;
                let (scores, shifts) = (scores.as_chunks::<2>().0, shifts.as_chunks::<4>().0);
                let landmarks = landmarks.as_ref().map(|shares| shares.as_chunks::<10>().0);
                let taken =
                    (inside.iter().enumerate()).filter(|(row, _)| scores[*row][1] > threshold);
                let taken = taken.map(|(row, &(bounds, _))| {
                    let candidate = Candidate {
                        bounds,
                        score: scores[row][1],
                        shifts: shifts[row],
                    };
                    (candidate, landmarks.map_or([0.0; 10], |shares| shares[row]))
                });
                Ok(taken.collect())
            })
            .collect::<Result<_>>()?;
        Ok(judged.into_iter().flatten().collect())
    }
}

/// How much smaller the pictures of the pyramid are, the largest first. None where the picture holds no face of that size.
fn scales(picture: Picture<'_>, min_face_px: usize) -> Vec<f64> {
    let mut scale = P_PX as f64 / min_face_px as f64;
    let mut shorter = picture.width().min(picture.height()) as f64 * scale;
    let mut scales = Vec::new();
    while shorter >= P_PX as f64 {
        scales.push(scale);
        scale *= FACTOR;
        shorter *= FACTOR;
    }
    scales
}

/// Rows of cells of a picture of the pyramid.
#[derive(Debug, Clone, PartialEq)]
struct Tile {
    scale: f64,
    /// Of the picture of the pyramid, in pixels.
    width: usize,
    height: usize,
    /// Of cells.
    rows: Range<usize>,
    /// Whether the last row of cells is among them.
    is_last: bool,
}

impl Tile {
    /// The tiles of a picture.
    fn all(picture: Picture<'_>, scale: f64) -> impl Iterator<Item = Self> {
        let side = |pixels: usize| (pixels as f64 * scale + 1.0) as usize;
        let (width, height) = (side(picture.width()), side(picture.height()));
        let all = cells(height);
        let at_once = (TILE_PIXELS / (P_STRIDE * width)).max(1);
        (0..all).step_by(at_once).map(move |first| {
            let rows = first..all.min(first + at_once);
            Self {
                scale,
                width,
                height,
                is_last: rows.end == all,
                rows,
            }
        })
    }

    /// The rows of pixels that its cells look at.
    fn pixel_rows(&self) -> Range<usize> {
        let begin = P_STRIDE * self.rows.start;
        match self.is_last {
            // The last window of its pooling may hang over the edge.
            true => begin..self.height,
            false => begin..P_STRIDE * (self.rows.end - 1) + P_PX,
        }
    }
}

/// Cells of P along a side: two pixels less by the first convolution, half of them, rounded up, by the pooling, four less by two more
/// convolutions.
fn cells(pixels: usize) -> usize {
    pixels
        .saturating_sub(2)
        .div_ceil(P_STRIDE)
        .saturating_sub(4)
}

/// A tensor's numbers.
fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .try_into_vec_as::<f32>()
        .map_err(|error| Error::Device(format!("{error:?}")))
}
