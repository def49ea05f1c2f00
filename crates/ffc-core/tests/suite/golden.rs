//! Both the crate and the oracle against recorded runs, step by step.
//!
//! `tests/golden/*.safetensors` were written by the oracle (`write_golden` below). Where the folder of
//! states recorded from the official implementation is at hand, they are tested too; with
//! `FFC_REQUIRE_SHARED` it must be.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};
use ffc_core::{
    ClassPool, ClassPoolConfig, DualEmbeddings, EmbeddingBatch, FfcConfig, MovingAverage,
    RunningStatistics, Storage, UpdateRule,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::oracle::{Oracle, OracleHalf};
use crate::support::{
    MarginKind, assert_close, device, host, matrix, random_identities, random_rows,
};

const TOLERANCE: f32 = 1e-4;

/// embed(x) = W x; the normalisation is the head's.
#[derive(Module, Debug)]
struct Net {
    weight: Param<Tensor<2>>,
}

impl Net {
    fn embed(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val().transpose())
    }
}

/// What a recorded run was made with.
struct Settings {
    margin: MarginKind,
    scale: f32,
    capacity: usize,
    dim: usize,
    steps: usize,
    momentum: f64,
    lr: f32,
    hard_negatives: usize,
    mask_unused: bool,
    chunk: usize,
}

impl Settings {
    fn new(metadata: &HashMap<String, String>) -> Self {
        let number = |key: &str| metadata[key].parse::<f64>().unwrap();
        let margin = number("margin") as f32;
        Self {
            margin: match metadata["loss_type"].as_str() {
                "AM" => MarginKind::Am(margin),
                "Arc" => MarginKind::Arc(margin),
                "SV" => MarginKind::Sv(margin),
                other => panic!("loss_type {other}"),
            },
            scale: number("scale") as f32,
            capacity: number("queue_size") as usize,
            dim: number("feat_dim") as usize,
            steps: number("steps") as usize,
            momentum: number("momentum"),
            lr: number("lr") as f32,
            hard_negatives: number("hard_negatives") as usize,
            mask_unused: metadata
                .get("mask_unused")
                .is_some_and(|value| value == "true"),
            chunk: 64,
        }
    }

    fn pool_config(&self) -> ClassPoolConfig {
        ClassPoolConfig {
            capacity: self.capacity,
            dim: self.dim,
            update: UpdateRule::TwoLayer,
            storage: Storage::F32,
        }
    }

    fn oracle(&self, queue: &[f32]) -> Oracle {
        let layers = queue.chunks(self.capacity * self.dim);
        Oracle {
            capacity: self.capacity,
            dim: self.dim,
            update: UpdateRule::TwoLayer,
            storage: Storage::F32,
            mask_unused: self.mask_unused,
            margin: self.margin,
            scale: self.scale,
            hard_negatives: self.hard_negatives,
            layers: layers
                .map(|layer| layer.chunks(self.dim).map(<[f32]>::to_vec).collect())
                .collect(),
            recency: Vec::new(),
            next_layer: vec![0; self.capacity],
            groups: None,
        }
    }
}

/// The state after a step, from either implementation.
struct State {
    loss: f32,
    gradient: Vec<f32>,
    queue: Vec<f32>,
    recency: Vec<(u64, u32)>,
    next_layer: Vec<u8>,
}

/// One way to run FFC.
trait Run {
    fn step(
        &mut self,
        x: (Tensor<2>, Tensor<2>, Vec<u64>),
        y: (Tensor<2>, Tensor<2>, Vec<u64>),
        weight: &Param<Tensor<2>>,
    ) -> State;
}

struct Fast(ffc_core::FfcHead);

impl Run for Fast {
    fn step(
        &mut self,
        x: (Tensor<2>, Tensor<2>, Vec<u64>),
        y: (Tensor<2>, Tensor<2>, Vec<u64>),
        weight: &Param<Tensor<2>>,
    ) -> State {
        let half = |(probe, gallery, identities)| EmbeddingBatch {
            probe,
            gallery: Some(gallery),
            identities,
        };
        let output = self
            .0
            .step(DualEmbeddings {
                x: half(x),
                y: half(y),
            })
            .unwrap();
        let pool = self.0.pool();
        let slots = pool.slots();
        State {
            loss: host(output.loss.clone())[0],
            gradient: host(weight.grad(&output.loss.backward()).unwrap()),
            queue: (0..2).flat_map(|layer| host(pool.centres(layer))).collect(),
            recency: slots.by_recency().collect(),
            next_layer: (0..slots.capacity() as u32)
                .map(|slot| slots.next_layer(slot).unwrap_or(0))
                .collect(),
        }
    }
}

impl Run for Oracle {
    fn step(
        &mut self,
        x: (Tensor<2>, Tensor<2>, Vec<u64>),
        y: (Tensor<2>, Tensor<2>, Vec<u64>),
        weight: &Param<Tensor<2>>,
    ) -> State {
        let half = |(probe, gallery, identities)| OracleHalf {
            probe,
            gallery: Some(gallery),
            identities,
        };
        let loss = Oracle::step(self, &half(x), &half(y));
        State {
            loss: host(loss.clone())[0],
            gradient: host(weight.grad(&loss.backward()).unwrap()),
            queue: self.layers.iter().flatten().flatten().copied().collect(),
            recency: self.recency.clone(),
            next_layer: self.next_layer.clone(),
        }
    }
}

fn floats(file: &SafeTensors, name: &str) -> Vec<f32> {
    let tensor = file.tensor(name).unwrap();
    assert_eq!(tensor.dtype(), Dtype::F32, "{name}");
    tensor
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

fn integers(file: &SafeTensors, name: &str) -> Vec<u64> {
    let tensor = file.tensor(name).unwrap();
    match tensor.dtype() {
        Dtype::I64 => tensor
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|bytes| u64::from_le_bytes(*bytes))
            .collect(),
        Dtype::I32 => tensor
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|bytes| u64::from(u32::from_le_bytes(*bytes)))
            .collect(),
        other => panic!("{name} is {other:?}"),
    }
}

fn learnable(weight: &[f32], rows: usize) -> Param<Tensor<2>> {
    let data = TensorData::new(weight.to_vec(), [rows, weight.len() / rows]);
    Param::from_data(data, &device().autodiff())
}

/// Replays a recorded run and compares every state of it.
fn replay(path: &Path, run: impl Fn(&Settings, &[f32]) -> Box<dyn Run>) {
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let settings = Settings::new(header.metadata().as_ref().unwrap());
    let file = SafeTensors::deserialize(&bytes).unwrap();

    let mut run = run(&settings, &floats(&file, "init.queue"));
    let mut probe = Net {
        weight: learnable(&floats(&file, "init.probe_weight"), settings.dim),
    };
    let mut gallery = MovingAverage::gallery(&probe);
    let average = MovingAverage::new(settings.momentum, RunningStatistics::Average).unwrap();
    for step in 0..settings.steps {
        let tensor = |what: &str| format!("step{step:02}.{what}");
        let half = |name: &str, probe: &Net, gallery: &Net| {
            let identities = integers(&file, &tensor(&format!("{name}_label")));
            let images = matrix(&floats(&file, &tensor(name)), identities.len());
            (
                probe.embed(images.clone()),
                gallery.embed(images),
                identities,
            )
        };
        average.update(&mut gallery, &probe).unwrap();
        let state = run.step(
            half("x", &probe, &gallery),
            half("y", &probe, &gallery),
            &probe.weight,
        );

        let check = |what: &str, found: &[f32]| {
            let name = format!("{}: {}", path.display(), tensor(what));
            assert_close(&name, found, &floats(&file, &tensor(what)), TOLERANCE);
        };
        check("loss", &[state.loss]);
        check("grad", &state.gradient);
        check("gallery_weight", &host(gallery.weight.val()));
        check("queue", &state.queue);
        let (identities, slots): (Vec<u64>, Vec<u64>) = state
            .recency
            .iter()
            .map(|&(identity, slot)| (identity, u64::from(slot)))
            .unzip();
        assert_eq!(
            identities,
            integers(&file, &tensor("lru_keys")),
            "step {step}"
        );
        assert_eq!(slots, integers(&file, &tensor("lru_slots")), "step {step}");
        let next_layer: Vec<u64> = state
            .next_layer
            .iter()
            .map(|&layer| u64::from(layer))
            .collect();
        assert_eq!(
            next_layer,
            integers(&file, &tensor("queue_position")),
            "step {step}"
        );

        let weight = floats(&file, &tensor("probe_weight"));
        let updated: Vec<f32> = host(probe.weight.val())
            .iter()
            .zip(&state.gradient)
            .map(|(w, g)| w - settings.lr * g)
            .collect();
        assert_close("probe_weight", &updated, &weight, TOLERANCE);
        // Go on from the recorded weight, so that differences do not pile up.
        probe.weight = learnable(&weight, settings.dim);
    }
}

fn fast(settings: &Settings, queue: &[f32]) -> Box<dyn Run> {
    let centres = queue.chunks(settings.capacity * settings.dim);
    let centres = centres
        .map(|layer| matrix(layer, settings.capacity))
        .collect();
    let pool = if settings.mask_unused {
        ClassPool::new(settings.pool_config(), &device())
    } else {
        ClassPool::with_centres(settings.pool_config(), centres)
    };
    let config = FfcConfig {
        scale: settings.scale,
        hard_negatives: Some(settings.hard_negatives),
        chunk: settings.chunk,
        ..Default::default()
    };
    Box::new(Fast(settings.margin.head(pool.unwrap(), config)))
}

fn oracle(settings: &Settings, queue: &[f32]) -> Box<dyn Run> {
    Box::new(settings.oracle(queue))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "safetensors")
    });
    files.sort();
    files
}

fn own_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn own_golden_states() {
    let files = files(&own_folder());
    assert_eq!(files.len(), 4, "in {}", own_folder().display());
    for path in files {
        replay(&path, fast);
        replay(&path, oracle);
    }
}

#[test]
fn official_golden_states() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/ffc_step");
    let files = files(&folder);
    if files.is_empty() {
        let required =
            std::env::var_os("FFC_REQUIRE_SHARED").is_some_and(|value| !value.is_empty());
        assert!(!required, "{} is missing or empty", folder.display());
        eprintln!(
            "skipped: no recorded states of the official implementation in {}",
            folder.display()
        );
        return;
    }
    assert_eq!(files.len(), 6, "in {}", folder.display());
    for path in files {
        replay(&path, fast);
        replay(&path, oracle);
    }
}

/// Writes `tests/golden` anew. Run by hand:
/// `cargo test -p ffc-core --test suite write_golden -- --ignored`
#[test]
#[ignore = "writes files"]
fn write_golden() {
    for (name, loss_type, margin, mask_unused) in [
        ("masked_am", "AM", 0.4, true),
        ("masked_arc", "Arc", 0.5, true),
        ("masked_sv", "SV", 0.35, true),
        ("open_am", "AM", 0.4, false),
    ] {
        record_run(name, loss_type, margin, mask_unused);
    }
}

fn record_run(name: &str, loss_type: &str, margin: f32, mask_unused: bool) {
    let (capacity, dim, input, batch, identities, steps) = (16, 8, 12, 4, 40, 10);
    let metadata: HashMap<String, String> = [
        ("loss_type", loss_type.to_owned()),
        ("margin", margin.to_string()),
        ("scale", "32".to_owned()),
        ("queue_size", capacity.to_string()),
        ("feat_dim", dim.to_string()),
        ("steps", steps.to_string()),
        ("momentum", "0.99".to_owned()),
        ("lr", "0.1".to_owned()),
        ("hard_negatives", "3".to_owned()),
        ("mask_unused", mask_unused.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let settings = Settings::new(&metadata);
    let mut rng = StdRng::seed_from_u64(20_221);
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut add_floats = |name: String, shape: Vec<usize>, values: &[f32]| {
        let bytes = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        tensors.push((name, Dtype::F32, shape, bytes));
    };
    let mut integers: Vec<(String, Vec<u64>)> = Vec::new();

    let mut queue = vec![0.0; 2 * capacity * dim];
    if !mask_unused {
        queue = random_rows(&mut rng, 2 * capacity, dim);
        for centre in queue.chunks_mut(dim) {
            let length = centre.iter().map(|value| value * value).sum::<f32>().sqrt();
            centre.iter_mut().for_each(|value| *value /= length);
        }
    }
    add_floats("init.queue".into(), vec![2, capacity, dim], &queue);
    let mut weight = random_rows(&mut rng, dim, input);
    add_floats("init.probe_weight".into(), vec![dim, input], &weight);
    let mut run = settings.oracle(&queue);
    let mut gallery = weight.clone();
    for step in 0..steps {
        let rows = batch + batch / 2;
        let shared = random_identities(&mut rng, batch, identities);
        for (gallery, probe) in gallery.iter_mut().zip(&weight) {
            *gallery = 0.99 * *gallery + 0.01 * probe;
        }
        let gallery_net = Net {
            weight: Param::from_tensor(matrix(&gallery, dim)),
        };
        let probe = Net {
            weight: learnable(&weight, dim),
        };
        let mut half = |name: &str| {
            let mut labels = shared.clone();
            labels.extend(random_identities(&mut rng, batch / 2, identities));
            let images = random_rows(&mut rng, rows, input);
            add_floats(format!("step{step:02}.{name}"), vec![rows, input], &images);
            integers.push((format!("step{step:02}.{name}_label"), labels.clone()));
            let images = matrix(&images, rows);
            (
                probe.embed(images.clone()),
                gallery_net.embed(images),
                labels,
            )
        };
        let (x, y) = (half("x"), half("y"));
        let state = Run::step(&mut run, x, y, &probe.weight);
        for (weight, gradient) in weight.iter_mut().zip(&state.gradient) {
            *weight -= 0.1 * gradient;
        }
        let mut floats = |what: &str, shape: Vec<usize>, values: &[f32]| {
            add_floats(format!("step{step:02}.{what}"), shape, values);
        };
        floats("loss", vec![1], &[state.loss]);
        floats("grad", vec![dim, input], &state.gradient);
        floats("gallery_weight", vec![dim, input], &gallery);
        floats("probe_weight", vec![dim, input], &weight);
        floats("queue", vec![2, capacity, dim], &state.queue);
        let (keys, slots): (Vec<u64>, Vec<u64>) = state
            .recency
            .iter()
            .map(|&(identity, slot)| (identity, u64::from(slot)))
            .unzip();
        integers.push((format!("step{step:02}.lru_keys"), keys));
        integers.push((format!("step{step:02}.lru_slots"), slots));
        let positions = state
            .next_layer
            .iter()
            .map(|&layer| u64::from(layer))
            .collect();
        integers.push((format!("step{step:02}.queue_position"), positions));
    }
    for (name, values) in integers {
        let bytes = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        tensors.push((name, Dtype::I64, vec![values.len()], bytes));
    }
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (
            name.as_str(),
            TensorView::new(*dtype, shape.clone(), bytes).unwrap(),
        )
    });
    std::fs::create_dir_all(own_folder()).unwrap();
    let path = own_folder().join(format!("{name}.safetensors"));
    safetensors::serialize_to_file(views, Some(metadata), &path).unwrap();
}
