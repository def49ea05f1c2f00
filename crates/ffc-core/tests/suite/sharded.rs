//! Classifiers that several ranks have a part of each, against one that has all classes.

use std::sync::Arc;

use burn::tensor::Device;
use ffc_core::collective::{Collective, Threads};
use ffc_core::margin::MarginConfig;
use ffc_core::{
    EmbeddingBatch, Error, FullHeadConfig, Head, HeadContext, PartialHeadConfig, PartialUpdate,
    Result, WeightStorage,
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

/// Of more ranks than classes.
#[test]
fn a_rank_without_classes_is_refused() {
    let ranks = Threads::new(30);
    let device = device();
    let ranks: Vec<Arc<dyn Collective>> = (ranks.into_iter())
        .map(|rank| Arc::new(rank) as Arc<dyn Collective>)
        .collect();
    let config = FullHeadConfig {
        sharded: true,
        ..Default::default()
    };
    let error = config
        .init(&context(&device, Some(ranks[7].clone())))
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Setting {
                setting: "sharded",
                ..
            }
        ),
        "{error}"
    );
}
