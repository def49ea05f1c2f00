//! Episodes against a naive nearest mean.

use ffc_eval::Episodes;

use super::support::{Table, cosine, normalised, synthetic};

fn episodes(shots: usize) -> Episodes {
    Episodes {
        ways: 5,
        shots,
        episodes: 200,
        seed: 3,
    }
}

#[test]
fn the_draws_are_what_they_say() {
    let dataset = synthetic(40);
    let index = dataset.index();
    let draws = episodes(3).draws(index).unwrap();
    assert_eq!(draws.len(), 200);
    for episode in &draws {
        let mut identities: Vec<u64> = episode
            .iter()
            .map(|images| index.identity_of(images[0]))
            .collect();
        for (images, &identity) in episode.iter().zip(&identities) {
            let mut images = images.clone();
            assert!(
                images
                    .iter()
                    .all(|&image| index.identity_of(image) == identity)
            );
            images.sort_unstable();
            images.dedup();
            assert_eq!(images.len(), 4);
        }
        identities.sort_unstable();
        identities.dedup();
        assert_eq!(identities.len(), 5);
    }
    assert_eq!(episodes(3).draws(index).unwrap(), draws);
    assert_ne!(
        Episodes {
            seed: 4,
            ..episodes(3)
        }
        .draws(index)
        .unwrap(),
        draws
    );
}

#[test]
fn accuracies_are_those_of_a_naive_search() {
    let dataset = synthetic(40);
    for shots in [1, 2, 4] {
        let mut table = Table::random(&dataset, 6, 0.8);
        let found = episodes(shots).run(&dataset, &mut table).unwrap();
        let draws = episodes(shots).draws(dataset.index()).unwrap();
        let mut chances = 0;
        for (found, episode) in found.iter().zip(draws) {
            let mean = |images: &Vec<u64>| {
                let mut sum = vec![0.0; 6];
                for &image in &images[..shots] {
                    for (sum, value) in sum.iter_mut().zip(table.row(image)) {
                        *sum += value / shots as f64;
                    }
                }
                normalised(sum)
            };
            let means: Vec<Vec<f64>> = episode.iter().map(mean).collect();
            let mut right = 0;
            for (own, images) in episode.iter().enumerate() {
                let query = table.row(images[shots]);
                let near = |way: &usize| cosine(&query, &means[*way]);
                let nearest = (0..5).max_by(|a, b| near(a).total_cmp(&near(b)));
                right += usize::from(nearest == Some(own));
            }
            assert_eq!(*found, right as f64 / 5.0);
            chances += 5 - right;
        }
        assert!(chances > 0, "too easy to tell");
    }
}

/// A network that gives one embedding for everything recognises nobody.
#[test]
fn ties_count_against_the_network() {
    let dataset = synthetic(40);
    let images = dataset.index().images() as usize;
    let mut table = Table::new(2, [0.6, 0.8].repeat(images));
    assert_eq!(
        episodes(2).run(&dataset, &mut table).unwrap(),
        vec![0.0; 200]
    );
}

#[test]
fn wrong_settings_and_too_small_sets_are_refused() {
    let dataset = synthetic(40);
    let message = |episodes: Episodes| episodes.draws(dataset.index()).unwrap_err().to_string();
    let few = message(Episodes {
        ways: 41,
        ..episodes(1)
    });
    assert!(
        few.starts_with("41 identities with more images than shots are needed"),
        "{few}"
    );
    assert!(message(episodes(12)).ends_with("there are 0"));
    assert!(
        message(Episodes {
            ways: 1,
            ..episodes(1)
        })
        .starts_with("ways is 1")
    );
    assert!(message(episodes(0)).starts_with("shots is 0"));
    assert!(
        message(Episodes {
            episodes: 0,
            ..episodes(1)
        })
        .starts_with("episodes is 0")
    );
}
