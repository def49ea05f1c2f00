//! FFC, slow and obvious: a plain list for the recency, whole copies of the pool, whole matrices of
//! logits, gradients by autodiff. Follows the published code line by line in its steps and shares no
//! line with the crate.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};
use ffc_core::{Storage, UpdateRule};

use crate::support::{MarginKind, device, host};

#[derive(Clone)]
pub struct Oracle {
    pub capacity: usize,
    pub dim: usize,
    pub update: UpdateRule,
    pub storage: Storage,
    pub mask_unused: bool,
    pub margin: MarginKind,
    pub scale: f32,
    pub hard_negatives: usize,
    /// layer, slot -> centre
    pub layers: Vec<Vec<Vec<f32>>>,
    /// Identities and slots, most recently used first.
    pub recency: Vec<(u64, u32)>,
    /// slot -> the layer to be written next
    pub next_layer: Vec<u8>,
    /// Group of each row of a side, where means are taken by groups: none.
    pub groups: Option<Vec<u32>>,
}

/// One half of a batch: rows as tensors (the probe's may be tracked by autodiff) and identities.
pub struct OracleHalf {
    pub probe: Tensor<2>,
    /// None in a half y whose features are not known.
    pub gallery: Option<Tensor<2>>,
    pub identities: Vec<u64>,
}

fn normalized(rows: Tensor<2>) -> Tensor<2> {
    let length = rows.clone().powf_scalar(2.0).sum_dim(1).sqrt();
    rows / length
}

/// To the nearest number with 8 bits of mantissa, ties to even.
fn to_bf16(value: f32) -> f32 {
    let bits = value.to_bits();
    f32::from_bits((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff_0000)
}

impl Oracle {
    /// The step's loss, with its autodiff graph. Edits the pool.
    pub fn step(&mut self, x: &OracleHalf, y: &OracleHalf) -> Tensor<1> {
        let before = self.clone();
        let gallery_x = x.gallery.as_ref().unwrap();
        let double = match &y.gallery {
            Some(gallery) => self.edit(gallery, &y.identities),
            None if self.recency.is_empty() => self.edit(gallery_x, &x.identities),
            None => vec![false; self.capacity],
        };
        let a = self.loss(x, &double);
        *self = before;

        let double = self.edit(gallery_x, &x.identities);
        a + self.loss(y, &double)
    }

    /// Writes gallery features row by row. Returns which slots are double.
    pub fn edit(&mut self, gallery: &Tensor<2>, identities: &[u64]) -> Vec<bool> {
        let mut double = vec![false; self.capacity];
        let features = host(normalized(gallery.clone()));
        for (feature, &identity) in features.chunks(self.dim).zip(identities) {
            let found = self.recency.iter().position(|&(id, _)| id == identity);
            let slot = match found {
                Some(at) => self.recency.remove(at).1,
                None if self.recency.len() < self.capacity => self.recency.len() as u32,
                None => self.recency.pop().unwrap().1,
            };
            self.recency.insert(0, (identity, slot));
            let slot = slot as usize;
            let layer = if found.is_some() {
                self.next_layer[slot]
            } else {
                0
            };
            self.next_layer[slot] = 1 - layer;
            double[slot] = found.is_some();
            let (layer, centre) = match self.update {
                UpdateRule::TwoLayer => (layer as usize, feature.to_vec()),
                UpdateRule::Weighted { alpha } if found.is_some() => {
                    let mixed = self.layers[0][slot]
                        .iter()
                        .zip(feature)
                        .map(|(c, f)| alpha * c + (1.0 - alpha) * f);
                    let mixed: Vec<f32> = mixed.collect();
                    let length = mixed.iter().map(|v| v * v).sum::<f32>().sqrt();
                    (0, mixed.iter().map(|v| v / length).collect())
                }
                UpdateRule::Weighted { .. } => (0, feature.to_vec()),
            };
            self.layers[layer][slot] = match self.storage {
                Storage::F32 => centre,
                Storage::Bf16 => centre.into_iter().map(to_bf16).collect(),
            };
        }
        double
    }

    /// The loss of one pass against the pool as it stands.
    fn loss(&self, half: &OracleHalf, double: &[bool]) -> Tensor<1> {
        let probe = normalized(half.probe.clone());
        let visible = if self.mask_unused {
            self.recency.len()
        } else {
            self.capacity
        };
        let first: Vec<&Vec<f32>> = self.layers[0].iter().take(visible).collect();
        let mut terms = vec![first.clone()];
        if self.update == UpdateRule::TwoLayer {
            let second = (0..visible).map(|slot| match double[slot] {
                true => &self.layers[1][slot],
                false => first[slot],
            });
            terms.push(second.collect());
        }

        let slot_of = |identity: u64| {
            let found = self.recency.iter().find(|&&(id, _)| id == identity);
            found.map(|&(_, slot)| slot)
        };
        let mut existing = Vec::new();
        let mut targets = Vec::new();
        let mut fresh = Vec::new();
        for (row, &identity) in half.identities.iter().enumerate() {
            match slot_of(identity) {
                Some(slot) => {
                    existing.push(row as i64);
                    targets.push(slot as i64);
                }
                None => fresh.push(row as i64),
            }
        }
        let rows = |rows: &[i64]| {
            let rows = TensorData::new(rows.to_vec(), [rows.len()]);
            probe
                .clone()
                .select(0, Tensor::<1, Int>::from_data(rows, &device()))
        };

        let count = match &self.groups {
            Some(groups) => groups.iter().max().unwrap() + 1,
            None => 1,
        };
        let mut loss = Tensor::<1>::zeros([1], &device().autodiff());
        for centres in terms {
            let flat: Vec<f32> = centres.iter().flat_map(|c| c.iter().copied()).collect();
            let centres = TensorData::new(flat, [visible, self.dim]);
            let centres = Tensor::<2>::from_data(centres, &device().autodiff()).transpose();
            for group in 0..count {
                let is_here = |row: &i64| match &self.groups {
                    Some(groups) => groups[*row as usize] == group,
                    None => true,
                };
                let (existing, targets): (Vec<i64>, Vec<i64>) = (existing.iter().copied())
                    .zip(targets.iter().copied())
                    .filter(|(row, _)| is_here(row))
                    .unzip();
                let fresh: Vec<i64> = fresh.iter().copied().filter(is_here).collect();
                let mut of_group = Tensor::<1>::zeros([1], &device().autodiff());
                if !existing.is_empty() {
                    let cosines = rows(&existing).matmul(centres.clone());
                    of_group = of_group + self.cross_entropy(cosines, &targets);
                }
                if !fresh.is_empty() {
                    let cosines = rows(&fresh).matmul(centres.clone());
                    let k = self.hard_negatives.min(visible);
                    of_group = of_group + cosines.topk(k, 1).clamp_min(0.0).mean();
                }
                loss = loss + of_group / count as f32;
            }
        }
        loss
    }

    fn cross_entropy(&self, cosines: Tensor<2>, targets: &[i64]) -> Tensor<1> {
        let [rows, columns] = cosines.dims();
        let targets = TensorData::new(targets.to_vec(), [rows, 1]);
        let targets = Tensor::<2, Int>::from_data(targets, &device().autodiff());
        let target = cosines.clone().gather(1, targets.clone());
        let (own, others) = match self.margin {
            MarginKind::None => (target, cosines),
            MarginKind::Am(m) => (target - m, cosines),
            MarginKind::Arc(m) => {
                let sin = (target.clone().powf_scalar(2.0).neg() + 1.0).sqrt();
                (target * m.cos() - sin * m.sin(), cosines)
            }
            MarginKind::Sv(m) => {
                let above = target.clone().greater_scalar(m);
                let own = target.clone().mask_where(above, target.clone() - m);
                let threshold = (target - m).detach().repeat_dim(1, columns);
                let hard = cosines.clone().greater(threshold);
                (own, cosines.clone().mask_where(hard, cosines * 1.2 + 0.2))
            }
        };
        let column = Tensor::<1, Int>::arange(0..columns as i64, &device().autodiff());
        let is_own = column
            .reshape([1, columns])
            .repeat_dim(0, rows)
            .equal(targets.repeat_dim(1, columns));
        let logits = others.mask_where(is_own.clone(), own.repeat_dim(1, columns)) * self.scale;
        let picked = log_softmax(logits, 1) * is_own.float();
        picked.sum().neg() / rows as f32
    }
}
