//! FFC in a training loop of one's own: 2,000 identities, a pool of 500, a small network.
//!
//! `cargo run --release --example custom_loop`

use burn::nn::{Linear, LinearConfig};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::Device;
use ffc_core::margin::CosFace;
use ffc_core::{
    ClassPool, ClassPoolConfig, DualEmbeddings, EmbeddingBatch, FfcConfig, FfcHead, MovingAverage,
    RunningStatistics,
};
use ffc_examples::{Clusters, nearest_centre_accuracy};

const IDENTITIES: usize = 2_000;
const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    device.seed(0);
    let mut data = Clusters::new(IDENTITIES, 0);

    let mut probe: Linear = LinearConfig::new(Clusters::DIM, 64).init(&device);
    let mut gallery = MovingAverage::gallery(&probe);
    let average = MovingAverage::new(0.99, RunningStatistics::Average)?;
    let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
    let mut optimizer = SgdConfig::new().with_momentum(Some(momentum)).init();
    let pool = ClassPool::new(
        ClassPoolConfig {
            capacity: 500,
            dim: 64,
            ..Default::default()
        },
        &device,
    )?;
    let mut head = FfcHead::new(pool, CosFace::new(0.2)?, FfcConfig::default())?;

    for step in 0..=500 {
        average.update(&mut gallery, &probe)?;
        // Two images of each identity, then one each of others: the two loaders.
        let shared = data.draw(BATCH);
        let [x, y] = [(); 2].map(|()| {
            let identities = [shared.clone(), data.draw(BATCH / 2)].concat();
            let images = data.images(&identities, &device);
            EmbeddingBatch {
                probe: probe.forward(images.clone()),
                gallery: Some(gallery.forward(images.inner())),
                identities,
            }
        });
        let output = head.step(DualEmbeddings { x, y })?;
        if step % 100 == 0 {
            let all: Vec<u64> = (0..IDENTITIES as u64).collect();
            let [a, b] = [(); 2].map(|()| probe.forward(data.images(&all, &device)).inner());
            let accuracy = 100.0 * nearest_centre_accuracy(a, b)?;
            let loss: f32 = output.loss.clone().into_scalar();
            println!(
                "step {step:4}  loss {loss:6.2}  nearest centre {accuracy:5.1} %  fresh {:3.0} %",
                100.0 * output.stats.fresh_share()
            );
        }
        let gradients = GradientsParams::from_grads(output.loss.backward(), &probe);
        probe = optimizer.step(0.005, probe, gradients);
    }
    Ok(())
}
