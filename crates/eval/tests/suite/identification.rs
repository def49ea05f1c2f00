//! Rank-1 against a naive search.

use ffc_eval::Identification;

use super::support::{Table, synthetic};

fn protocol() -> Identification {
    Identification {
        probes: 12,
        distractors: vec![0, 10, 40, 3],
        seed: 4,
    }
}

#[test]
fn the_draw_is_what_it_says() {
    let dataset = synthetic(60);
    let index = dataset.index();
    let draw = protocol().draw(index).unwrap();
    assert_eq!((draw.mates.len(), draw.distractors.len()), (12, 40));
    let mut probes: Vec<u64> = draw
        .mates
        .iter()
        .map(|&[a, _]| index.identity_of(a))
        .collect();
    for &[a, b] in &draw.mates {
        assert!(a != b && index.identity_of(a) == index.identity_of(b));
    }
    probes.sort_unstable();
    probes.dedup();
    assert_eq!(probes.len(), 12);
    let mut distractors = draw.distractors.clone();
    assert!(
        distractors
            .iter()
            .all(|&image| !probes.contains(&index.identity_of(image)))
    );
    distractors.sort_unstable();
    distractors.dedup();
    assert_eq!(distractors.len(), 40);
    assert_eq!(protocol().draw(index).unwrap(), draw);
    let other = Identification {
        seed: 5,
        ..protocol()
    };
    assert_ne!(other.draw(index).unwrap(), draw);
}

#[test]
fn rank_1_is_that_of_a_naive_search() {
    let dataset = synthetic(60);
    for common in [0.3, 1.0] {
        let mut table = Table::random(&dataset, 8, common);
        let found = protocol().run(&dataset, &mut table).unwrap();
        let draw = protocol().draw(dataset.index()).unwrap();
        for (&distractors, found) in protocol().distractors.iter().zip(&found) {
            for (&[mate, probe], &found) in draw.mates.iter().zip(found) {
                let gallery = draw
                    .mates
                    .iter()
                    .map(|mates| mates[0])
                    .chain(draw.distractors[..distractors].to_vec());
                let nearest = gallery
                    .max_by(|&a, &b| table.cosine(probe, a).total_cmp(&table.cosine(probe, b)))
                    .unwrap();
                assert_eq!(found, nearest == mate);
            }
        }
        let right = |numbers: &[bool]| numbers.iter().filter(|found| **found).count();
        assert!(
            right(&found[2]) < right(&found[0]),
            "distractors must matter here"
        );
    }
}

/// A network that gives one embedding for everything recognises nobody.
#[test]
fn ties_count_against_the_network() {
    let dataset = synthetic(60);
    let images = dataset.index().images() as usize;
    let mut table = Table::new(2, [0.6, 0.8].repeat(images));
    let found = protocol().run(&dataset, &mut table).unwrap();
    assert!(found.iter().flatten().all(|found| !found));
}

/// One distractor, the fourth, is as near to one probe as its mate: it counts from four distractors on, for this probe alone.
#[test]
fn a_distractor_counts_from_its_place_on() {
    let dataset = synthetic(60);
    let draw = protocol().draw(dataset.index()).unwrap();
    let (images, dim) = (dataset.index().images() as usize, 13);
    // Direction k for the images of mate k, the last for all others.
    let mut values = vec![0.0; images * dim];
    for image in 0..images {
        let mate = draw
            .mates
            .iter()
            .position(|mates| mates.contains(&(image as u64)));
        values[image * dim + mate.unwrap_or(dim - 1)] = 1.0;
    }
    let near = draw.distractors[3] as usize * dim;
    values[near..near + dim].fill(0.0);
    values[near + 5] = 1.0;
    let protocol = Identification {
        distractors: vec![0, 3, 4, 40],
        ..protocol()
    };
    let found = protocol
        .run(&dataset, &mut Table::new(dim, values))
        .unwrap();
    for (found, expected) in found.iter().zip([true, true, false, false]) {
        for (probe, found) in found.iter().enumerate() {
            assert_eq!(*found, probe != 5 || expected, "probe {probe}");
        }
    }
}

#[test]
fn too_small_sets_are_refused() {
    let dataset = synthetic(10);
    let index = dataset.index();
    let message = |probes, distractors: &[usize]| {
        let protocol = Identification {
            probes,
            distractors: distractors.to_vec(),
            seed: 0,
        };
        protocol.draw(index).unwrap_err().to_string()
    };
    assert!(message(1_000, &[0]).starts_with("1000 identities with two images are needed"));
    assert!(message(2, &[1, 1_000]).starts_with("1000 images of other identities"));
    assert!(message(0, &[1]).starts_with("probes is 0"));
    assert!(message(2, &[]).starts_with("probes is 2"));
}
