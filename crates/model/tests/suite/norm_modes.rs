use burn::tensor::{Tensor, TensorData};
use ffc_model::layer::{BatchNormConfig, NormMode};

use crate::support::{device, values};

/// Rows of two channels with two places each.
const INPUT: [[[f32; 2]; 2]; 3] = [
    [[1.0, -2.0], [0.5, 4.0]],
    [[3.0, 0.0], [2.5, -1.0]],
    [[-1.5, 2.0], [7.0, 0.25]],
];

/// Mean and biased variance of a channel, by hand.
fn statistics(channel: usize) -> (f64, f64) {
    let values: Vec<f64> = INPUT
        .iter()
        .flat_map(|row| row[channel])
        .map(f64::from)
        .collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    (mean, variance)
}

fn expected(mean: [f64; 2], variance: [f64; 2]) -> Vec<f32> {
    let normalised = |channel: usize, value: f32| {
        ((f64::from(value) - mean[channel]) / (variance[channel] + 1e-5).sqrt()) as f32
    };
    INPUT
        .iter()
        .flat_map(|row| [0, 1].map(|channel| row[channel].map(|v| normalised(channel, v))))
        .flatten()
        .collect()
}

fn near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-5,
            "{found} instead of {expected}"
        );
    }
}

#[test]
fn statistics_come_from_where_the_mode_says() {
    let (first, second) = (statistics(0), statistics(1));
    let by_batch = expected([first.0, second.0], [first.1, second.1]);
    let by_running = expected([0.0; 2], [1.0; 2]);
    for device in [device(), device().autodiff()] {
        let config = BatchNormConfig::new(2);
        let norm = config.init(&device);
        let data: Vec<f32> = INPUT.iter().flatten().flatten().copied().collect();
        let input = Tensor::<3>::from_data(TensorData::new(data, [3, 2, 2]), &device);
        let running = || {
            let mean = values(norm.running_mean.value_sync());
            (mean, values(norm.running_var.value_sync()))
        };

        near(
            &values(norm.forward(input.clone(), NormMode::Evaluate)),
            &by_running,
        );
        near(
            &values(norm.forward(input.clone(), NormMode::Batch)),
            &by_batch,
        );
        assert_eq!(running(), (vec![0.0; 2], vec![1.0; 2]));

        near(&values(norm.forward(input, NormMode::Train)), &by_batch);
        let (mean, variance) = running();
        near(&mean, &[first.0, second.0].map(|mean| (0.1 * mean) as f32));
        // Six values a channel: the running variance is the unbiased one, as in PyTorch.
        let followed = [first.1, second.1].map(|biased| (0.9 + 0.1 * biased * 6.0 / 5.0) as f32);
        near(&variance, &followed);
    }
}
