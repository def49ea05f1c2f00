//! Threads: panics, ends, errors and skipped images.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ffc_data::{Damaged, DualLoader, Error, IdentityLoader, InstanceLoader, LoaderConfig};

use super::scripted::{bad, scripted};
use super::support::{small, synthetic};

#[test]
fn a_panic_becomes_an_error_of_the_step() {
    let (dataset, reads) = scripted(|_| Ok(()));
    drop(dataset);
    let counter = reads.clone();
    let (dataset, _) = scripted(move |_| {
        assert!(counter.fetch_add(1, Ordering::Relaxed) < 20, "on purpose");
        Ok(())
    });
    let mut loader = InstanceLoader::new(dataset, small(4), 0).unwrap();
    let results: Vec<_> = loader.by_ref().take(50).collect();
    // 20 pictures are 5 batches.
    assert_eq!(results.len(), 6);
    assert!(results[..5].iter().all(Result::is_ok));
    match results.last() {
        Some(Err(Error::WorkerPanic { step: 5, message })) => {
            assert!(message.contains("on purpose"), "{message}")
        }
        other => panic!("{other:?}"),
    }
    assert!(loader.next().is_none());
}

#[test]
fn an_error_ends_the_loader_with_its_cause() {
    let (dataset, _) = scripted(|image| if image == 3 { Err(bad(image)) } else { Ok(()) });
    let results: Vec<_> = InstanceLoader::new(dataset, small(2), 0)
        .unwrap()
        .take(50)
        .collect();
    assert!(
        results.len() <= 5,
        "an epoch has five steps, one of which has image 3"
    );
    assert!(matches!(
        results.last(),
        Some(Err(Error::Image { image: 3, .. }))
    ));
}

/// Another image of the identity takes the place; where there is none, the next identity. Both views stay together and
/// differ where two pictures can be read.
#[test]
fn skipped_images_are_replaced_and_counted() {
    // Identity 0 has no readable image, identities 2 and 3 one bad of three and of four.
    const BAD: [u64; 3] = [0, 4, 7];
    let (dataset, _) = scripted(|image| {
        if BAD.contains(&image) {
            Err(bad(image))
        } else {
            Ok(())
        }
    });
    let config = LoaderConfig {
        damaged: Damaged::Skip { limit: 3 },
        ..small(4)
    };
    let mut loader = DualLoader::new(dataset.clone(), config.clone(), 0).unwrap();
    for batch in loader.by_ref().take(40) {
        let batch = batch.unwrap();
        for row in 0..4 {
            let identity = batch.x.identities()[row];
            assert_eq!(identity, batch.y.identities()[row]);
            assert_ne!(identity, 0);
            assert_ne!(
                batch.x.images()[row],
                batch.y.images()[row],
                "identity {identity} has two readable images"
            );
        }
        for side in [&batch.x, &batch.y] {
            let pictures = side.pixels().chunks(16 * 16 * 3);
            for ((&identity, &image), pixels) in
                side.identities().iter().zip(side.images()).zip(pictures)
            {
                assert!(
                    dataset.index().images_of(identity).contains(&image) && !BAD.contains(&image)
                );
                assert!(
                    pixels.iter().all(|&value| u64::from(value) == image),
                    "pixels of another image"
                );
            }
        }
    }
    assert_eq!(loader.skipped(), 3, "each bad image counts once");
    // The same with other workers, though images are skipped.
    let images = |workers: usize| -> Vec<Vec<u64>> {
        let config = LoaderConfig {
            workers,
            ..config.clone()
        };
        let batches = DualLoader::new(dataset.clone(), config, 0)
            .unwrap()
            .take(20);
        batches
            .map(|batch| batch.unwrap().y.images().to_vec())
            .collect()
    };
    assert_eq!(images(1), images(8));
    let config = LoaderConfig {
        damaged: Damaged::Skip { limit: 2 },
        ..config
    };
    let results: Vec<_> = IdentityLoader::new(dataset, config, 0)
        .unwrap()
        .take(200)
        .collect();
    match results.last() {
        Some(Err(Error::TooManySkipped {
            skipped: 3,
            limit: 2,
            last,
        })) => {
            assert!(last.to_string().contains("script"));
        }
        other => panic!("{other:?}"),
    }
}

/// A failure of the system is no damage of an image.
#[test]
fn system_failures_are_not_skipped() {
    let (dataset, _) = scripted(|image| {
        let source = std::io::Error::from_raw_os_error(24);
        let path = format!("picture {image}").into();
        Err(Error::Io {
            action: "open",
            path,
            source,
        })
    });
    let config = LoaderConfig {
        damaged: Damaged::Skip { limit: 100 },
        ..small(4)
    };
    let first = InstanceLoader::new(dataset, config, 0).unwrap().next();
    assert!(matches!(first, Some(Err(Error::Io { .. }))), "{first:?}");
}

/// The queue is bounded: with nobody taking batches, no more is read than it and one batch in the making hold; and that much
/// is read.
#[test]
fn no_more_is_made_ahead_than_the_queue_holds() {
    const BATCH: u64 = 4;
    const QUEUE: u64 = 3;
    let (taken, reads) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let most = {
        let taken = taken.clone();
        move || BATCH * (taken.load(Ordering::SeqCst) + QUEUE + 1)
    };
    let (dataset, _) = scripted({
        let (most, reads) = (most.clone(), reads.clone());
        move |_| {
            assert!(reads.fetch_add(1, Ordering::SeqCst) < most(), "too many");
            Ok(())
        }
    });
    let config = LoaderConfig {
        queue: QUEUE as usize,
        ..small(BATCH as usize)
    };
    let mut loader = InstanceLoader::new(dataset, config, 0).unwrap();
    for _ in 0..20 {
        wait_until(|| reads.load(Ordering::SeqCst) == most());
        taken.fetch_add(1, Ordering::SeqCst);
        // The error of a batch for which too many were read comes here.
        loader.next().unwrap().unwrap();
    }
}

/// Looks again and again, for a minute at most.
fn wait_until(happened: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !happened() {
        assert!(start.elapsed().as_secs() < 60, "waited in vain");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Dropped at any moment, also with batches kept: the threads end.
#[test]
fn loaders_end_cleanly() {
    for taken in [0, 1, 5] {
        let mut loader = DualLoader::new(synthetic(20), small(4), 0).unwrap();
        let kept: Vec<_> = loader.by_ref().take(taken).map(Result::unwrap).collect();
        drop(loader);
        assert!(
            kept.iter()
                .all(|batch| batch.x.pixels().len() == 6 * 16 * 16 * 3)
        );
    }
    let mut loader = DualLoader::new(synthetic(20), small(4), 0).unwrap();
    // Many kept batches do not stop the loader: buffers are made when none comes home.
    let kept: Vec<_> = loader.by_ref().take(30).map(Result::unwrap).collect();
    assert_eq!(kept.len(), 30);
}

/// Loaders made and dropped leave no thread behind.
#[cfg(target_os = "linux")]
#[test]
fn no_thread_is_left() {
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names =
            tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("left-")).count()
    };
    // Told apart from the threads of other tests by a source that names them.
    let (dataset, _) = scripted(|_| {
        std::fs::write("/proc/thread-self/comm", "left-behind").unwrap();
        Ok(())
    });
    let config = LoaderConfig {
        workers: 4,
        ..small(4)
    };
    for _ in 0..5 {
        let mut loader = InstanceLoader::new(dataset.clone(), config.clone(), 0).unwrap();
        loader.next().unwrap().unwrap();
        assert!(threads() > 0);
    }
    // The pool's threads end on their own a moment after the loader.
    wait_until(|| threads() == 0);
}

#[test]
fn wrong_settings_are_refused() {
    let wrong = [
        LoaderConfig {
            batch: 0,
            ..small(4)
        },
        LoaderConfig {
            batch: 5,
            ..small(4)
        },
        LoaderConfig {
            workers: 0,
            ..small(4)
        },
        LoaderConfig {
            queue: 0,
            ..small(4)
        },
        LoaderConfig {
            rank: 2,
            ranks: 2,
            ..small(4)
        },
        LoaderConfig {
            batch: 1 << 16,
            height_px: 1024,
            width_px: 1024,
            ..small(4)
        },
        LoaderConfig {
            height_px: 0,
            ..small(4)
        },
        LoaderConfig {
            order: ffc_data::InstanceOrderConfig { power: 2.0 },
            ..small(4)
        },
        LoaderConfig {
            augment: ffc_data::AugmentConfig {
                grey: 1.5,
                ..Default::default()
            },
            ..small(4)
        },
    ];
    for config in wrong {
        let error = DualLoader::new(synthetic(5), config.clone(), 0).err();
        assert!(matches!(error, Some(Error::Setting { .. })), "{config:?}");
    }
    assert!(DualLoader::new(synthetic(5), small(4), u64::MAX).is_err());
}
