//! Classifiers and pools that several ranks have a part of each, against one that has all classes or slots.

use std::sync::Arc;

use burn::tensor::{Bytes, Device};
use ffc_core::collective::{Collective, Threads};
use ffc_core::margin::MarginConfig;
use ffc_core::{
    ClassPool, DualEmbeddings, EmbeddingBatch, Error, FfcHeadConfig, FullHeadConfig, GallerySides,
    Head, HeadContext, PartialHeadConfig, PartialUpdate, Quantity, Result, Storage, UpdateRule,
    WeightStorage,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::{assert_close, at, device, host, matrix_on, random_identities, random_rows};

const DIM: usize = 7;
const CLASSES: u64 = 23;
const ROWS: usize = 9;
const STEPS: u64 = 30;

/// What steps came to: of each the loss and the gradient by the embeddings, and the parts at the end.
struct Trained {
    steps: Vec<(Vec<f32>, Vec<f32>)>,
    parts: Vec<Vec<u8>>,
}

type Init<'a> = &'a (dyn Fn(&HeadContext) -> Result<Box<dyn Head>> + Sync);

fn context(device: &Device, ranks: Option<Arc<dyn Collective>>) -> HeadContext<'_> {
    HeadContext {
        identities: CLASSES,
        dim: DIM,
        batch: ROWS,
        seed: 3,
        device,
        ranks,
    }
}

fn parts(head: &dyn Head) -> Vec<Vec<u8>> {
    let parts = head.parts().iter().map(|part| {
        let mut bytes = Vec::new();
        head.write_part(part, &mut bytes).unwrap();
        bytes
    });
    parts.collect()
}

/// All ranks give the same embeddings.
fn train(init: Init, ranks: Option<Arc<dyn Collective>>) -> Trained {
    let device = device().autodiff();
    let context = context(&device, ranks);
    let mut head = init(&context).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let mut steps = Vec::new();
    for step in 0..STEPS {
        // In the middle from a checkpoint, which holds all classes.
        if step == STEPS / 2 {
            let saved = parts(&*head);
            head = init(&context).unwrap();
            for (part, bytes) in head.parts().to_vec().into_iter().zip(&saved) {
                head.read_part(part, &mut &bytes[..]).unwrap();
            }
        }
        let probe = matrix_on(&random_rows(&mut rng, ROWS, DIM), ROWS, &device).require_grad();
        let batch = EmbeddingBatch {
            probe: probe.clone(),
            gallery: None,
            identities: random_identities(&mut rng, ROWS, CLASSES),
        };
        let context = ffc_core::StepContext { step, ..at(0.2) };
        let output = head.step(batch.into(), &context).unwrap();
        let gradients = output.loss.backward();
        let gradient = host(probe.grad(&gradients).unwrap());
        steps.push((host(output.loss), gradient));
    }
    Trained {
        steps,
        parts: parts(&*head),
    }
}

fn compare(name: &str, whole: Init, sharded: Init) {
    let expected = train(whole, None);
    for ranks in [2, 3, 4] {
        let found: Vec<Trained> = std::thread::scope(|scope| {
            let threads: Vec<_> = (Threads::new(ranks).into_iter())
                .map(|rank| scope.spawn(move || train(sharded, Some(Arc::new(rank)))))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        for rank in &found {
            // The same bits everywhere.
            assert!(rank.steps == found[0].steps, "{name}, {ranks} ranks");
            assert!(rank.parts == found[0].parts, "{name}, {ranks} ranks");
        }
        for (found, expected) in found[0].steps.iter().zip(&expected.steps) {
            assert_close(name, &found.0, &expected.0, 1e-4);
            assert_close(name, &found.1, &expected.1, 1e-3);
        }
        for (found, expected) in found[0].parts.iter().zip(&expected.parts) {
            let values = |bytes: &[u8]| -> Vec<f32> {
                let values = bytes.as_chunks().0.iter();
                values.map(|bytes| f32::from_le_bytes(*bytes)).collect()
            };
            assert_close(name, &values(found), &values(expected), 1e-3);
        }
    }
}

#[test]
fn a_sharded_full_classifier_is_the_whole_one() {
    for (name, margin) in [
        ("cosface", MarginConfig::Cosface { margin: 0.4 }),
        // Reshapes the others too.
        ("sv", MarginConfig::Sv { margin: 0.35 }),
    ] {
        let of = |sharded| FullHeadConfig {
            margin,
            scale: 8.0,
            chunk: 5,
            sharded,
            ..Default::default()
        };
        let init = |sharded| {
            let config = of(sharded);
            move |context: &HeadContext| Ok(Box::new(config.init(context)?) as Box<dyn Head>)
        };
        compare(name, &init(false), &init(true));
    }
}

#[test]
fn a_sharded_partial_classifier_is_the_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    // Of few classes some shards have none in a step.
    for (sample_rate, update, in_file) in [
        (0.5, PartialUpdate::Sparse, false),
        (0.5, PartialUpdate::Dense, false),
        (0.1, PartialUpdate::Dense, false),
        (0.3, PartialUpdate::Sparse, true),
    ] {
        let init = |sharded: bool| {
            let path = folder.path().join("weights");
            move |context: &HeadContext| {
                let rank = context.ranks.as_ref().map_or(0, |ranks| 1 + ranks.rank());
                let storage = match in_file {
                    // Each has its own; one of before is held until its head is gone.
                    true => {
                        let free = (0..).map(|turn| path.with_extension(format!("{rank}.{turn}")));
                        let mut free = free.filter(|path| !path.exists());
                        WeightStorage::File(free.next().unwrap())
                    }
                    false => WeightStorage::F32,
                };
                let config = PartialHeadConfig {
                    sample_rate,
                    update,
                    storage,
                    scale: 8.0,
                    chunk: 5,
                    sharded,
                    ..Default::default()
                };
                Ok(Box::new(config.init(context)?) as Box<dyn Head>)
            }
        };
        compare(&format!("partial {sample_rate}"), &init(false), &init(true));
    }
}

/// Of more ranks than classes or slots.
#[test]
fn a_rank_without_classes_is_refused() {
    let ranks = Threads::new(30);
    let device = device();
    let ranks: Vec<Arc<dyn Collective>> = (ranks.into_iter())
        .map(|rank| Arc::new(rank) as Arc<dyn Collective>)
        .collect();
    let context = context(&device, Some(ranks[7].clone()));
    let full = FullHeadConfig {
        sharded: true,
        ..Default::default()
    };
    let ffc = FfcHeadConfig {
        pool: 20,
        sharded: true,
        ..Default::default()
    };
    for error in [
        full.init(&context).map(|_| ()).unwrap_err(),
        ffc.init(&context).map(|_| ()).unwrap_err(),
    ] {
        let is_told = matches!(&error, Error::Setting { setting, .. } if *setting == "sharded");
        assert!(is_told, "{error}");
    }
}

/// What steps of a pool came to: of each the loss, the gradients of both sides and the head's quantities; and its record.
#[derive(PartialEq)]
struct Pooled {
    steps: Vec<[Vec<f32>; 4]>,
    record: Vec<u8>,
}

fn pooled(config: &FfcHeadConfig, ranks: Option<Arc<dyn Collective>>) -> Pooled {
    let device = device().autodiff();
    let context = context(&device, ranks);
    let mut head: Box<dyn Head> = Box::new(config.init(&context).unwrap());
    assert_eq!(head.is_sharded(), config.sharded && context.ranks.is_some());
    let mut rng = StdRng::seed_from_u64(4);
    let wanted = head.needs().prefill as usize;
    if wanted > 0 {
        let features = matrix_on(&random_rows(&mut rng, wanted, DIM), wanted, &device);
        let identities: Vec<u64> = (0..wanted as u64).collect();
        head.prefill(features, &identities).unwrap();
    }
    let mut steps = Vec::new();
    for step in 0..STEPS {
        if step == STEPS / 2 {
            let saved = parts(&*head);
            head = Box::new(config.init(&context).unwrap());
            for (part, bytes) in head.parts().to_vec().into_iter().zip(&saved) {
                head.read_part(part, &mut &bytes[..]).unwrap();
            }
        }
        let mut side = || {
            let rows = |rng: &mut StdRng| matrix_on(&random_rows(rng, ROWS, DIM), ROWS, &device);
            EmbeddingBatch {
                probe: rows(&mut rng).require_grad(),
                gallery: Some(rows(&mut rng)),
                identities: random_identities(&mut rng, ROWS, CLASSES),
            }
        };
        let (x, y) = (side(), side());
        let probes = [x.probe.clone(), y.probe.clone()];
        let context = ffc_core::StepContext { step, ..at(0.2) };
        let output = head.step(DualEmbeddings { x, y }.into(), &context).unwrap();
        let gradients = output.loss.backward();
        let [x, y] = probes.map(|probe| host(probe.grad(&gradients).unwrap()));
        let quantities = output.quantities.into_iter();
        let quantities = quantities.flat_map(|value| match value {
            Quantity::Host(value) => vec![value as f32],
            Quantity::Device(value) => host(value),
            Quantity::Missing => Vec::new(),
        });
        steps.push([host(output.loss), x, y, quantities.collect()]);
    }
    Pooled {
        steps,
        record: parts(&*head).swap_remove(0),
    }
}

/// From an empty pool to one that evicts; some ranks have few slots that are seen or none.
#[test]
fn a_sharded_pool_is_the_whole_one() {
    let cosface = MarginConfig::Cosface { margin: 0.4 };
    let (two, one) = (UpdateRule::TwoLayer, UpdateRule::Weighted { alpha: 0.5 });
    let (both, single) = (GallerySides::Both, GallerySides::One);
    let sv = MarginConfig::Sv { margin: 0.35 };
    for (margin, update, storage, prefill, capacity, gallery_sides) in [
        (cosface, two, Storage::F32, 0.0, 13, both),
        (cosface, one, Storage::Bf16, 0.0, 16, both),
        (sv, two, Storage::F32, 0.3, 20, single),
        (MarginConfig::None, one, Storage::F32, 0.0, 13, single),
    ] {
        let config = FfcHeadConfig {
            pool: capacity,
            prefill,
            scale: 8.0,
            chunk: 3,
            margin,
            update,
            storage,
            gallery_sides,
            sharded: true,
            ..Default::default()
        };
        let whole = FfcHeadConfig {
            sharded: false,
            ..config.clone()
        };
        let expected = pooled(&whole, None);
        let pool = |record: &[u8]| {
            let settings = ffc_core::ClassPoolConfig {
                capacity,
                dim: DIM,
                update,
                storage,
            };
            let bytes = Bytes::from_bytes_vec(record.to_vec());
            ClassPool::from_bytes(settings, bytes, &device()).unwrap()
        };
        let expected_pool = pool(&expected.record);
        for ranks in [2, 3, 4, 13] {
            let found: Vec<Pooled> = std::thread::scope(|scope| {
                let threads: Vec<_> = (Threads::new(ranks).into_iter())
                    .map(|rank| scope.spawn(|| pooled(&config, Some(Arc::new(rank)))))
                    .collect();
                let joined = threads.into_iter().map(|thread| thread.join().unwrap());
                joined.collect()
            });
            let name = format!("{margin:?}, {update:?}, {ranks} ranks");
            assert!(found.iter().all(|rank| *rank == found[0]), "{name}");
            for (found, expected) in found[0].steps.iter().zip(&expected.steps) {
                for (found, expected) in found.iter().zip(expected) {
                    assert_close(&name, found, expected, 1e-4);
                }
            }
            // What is kept are features alone, which are nobody's sums.
            let found = pool(&found[0].record);
            assert_eq!(found.slots().len(), expected_pool.slots().len());
            for identity in 0..CLASSES {
                let slots = [&found, &expected_pool].map(|pool| pool.slots().get(identity));
                assert_eq!(slots[0], slots[1], "{name}");
            }
            for layer in 0..update.layers() {
                let values = |pool: &ClassPool| host(pool.centres(layer));
                assert_eq!(values(&found), values(&expected_pool), "{name}");
            }
        }
    }
}
