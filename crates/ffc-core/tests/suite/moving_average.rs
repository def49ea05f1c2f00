//! The moving average against its formula, on a network with batch norm.

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Distribution, Tensor};
use ffc_core::{Error, MovingAverage, RunningStatistics};

use crate::support::{assert_close, device, host};

#[derive(Module, Debug)]
struct Net {
    layers: Vec<Linear>,
    norm: BatchNorm,
}

impl Net {
    fn new(dim: usize, device: &Device) -> Self {
        Self {
            layers: vec![
                LinearConfig::new(4, dim).init(device),
                LinearConfig::new(dim, 3).with_bias(false).init(device),
            ],
            norm: BatchNormConfig::new(dim).init(device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layers[1].forward(self.norm.forward(self.layers[0].forward(x)))
    }
}

fn train_device() -> Device {
    device().autodiff()
}

/// A forward pass in training mode, which moves the running statistics.
fn see_a_batch(net: &Net) {
    let batch = Tensor::random([16, 4], Distribution::Normal(3.0, 2.0), &train_device());
    net.forward(batch);
}

/// All float tensors, in the order of the module.
fn values(net: &Net) -> Vec<Vec<f32>> {
    struct Values(Vec<Vec<f32>>);
    impl ModuleVisitor for Values {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(host(param.val()));
        }
    }
    let mut values = Values(Vec::new());
    // Validation mode brings the running statistics up to date.
    net.valid().visit(&mut values);
    values.0
}

/// weight, bias, weight, gamma, beta | running mean, running variance
const TRAINABLE: usize = 5;

#[test]
fn the_gallery_starts_equal_and_shares_nothing() {
    let probe = Net::new(5, &train_device());
    see_a_batch(&probe);
    let gallery = MovingAverage::gallery(&probe);
    let before = values(&gallery);
    assert_eq!(before.len(), TRAINABLE + 2);
    assert_eq!(before, values(&probe));

    see_a_batch(&probe);
    see_a_batch(&probe);
    let moved = values(&probe);
    assert_ne!(
        moved[TRAINABLE..],
        before[TRAINABLE..],
        "the probe's statistics moved"
    );
    assert_eq!(values(&gallery), before, "the gallery's did not");

    let other = Net::new(5, &train_device());
    let mut gallery = gallery;
    let average = MovingAverage::new(0.5, RunningStatistics::Average).unwrap();
    average.update(&mut gallery, &other).unwrap();
    assert_ne!(values(&gallery), before);
    assert_eq!(
        values(&probe),
        moved,
        "an update does not reach the probe it was made from"
    );
    // The gallery takes no gradient.
    let output = gallery.forward(Tensor::ones([2, 4], &device()));
    assert!(!output.is_autodiff());
}

#[test]
fn updates_follow_the_formula() {
    for statistics in [RunningStatistics::Average, RunningStatistics::Keep] {
        let average = MovingAverage::new(0.9, statistics).unwrap();
        let mut gallery = MovingAverage::gallery(&Net::new(5, &train_device()));
        let mut expected = values(&gallery);
        for _ in 0..4 {
            // The next probe network differs in everything.
            let probe = Net::new(5, &train_device());
            see_a_batch(&probe);
            see_a_batch(&probe);
            average.update(&mut gallery, &probe).unwrap();
            for (at, (expected, probe)) in expected.iter_mut().zip(values(&probe)).enumerate() {
                if at < TRAINABLE || statistics == RunningStatistics::Average {
                    for (expected, probe) in expected.iter_mut().zip(probe) {
                        *expected = 0.9 * *expected + 0.1 * probe;
                    }
                }
            }
            for (found, expected) in values(&gallery).iter().zip(&expected) {
                assert_close("gallery", found, expected, 1e-6);
            }
        }
    }
}

#[test]
fn a_probe_off_the_autodiff_device_counts_the_same() {
    let start = Net::new(5, &train_device());
    let probe = Net::new(5, &train_device());
    for statistics in [RunningStatistics::Average, RunningStatistics::Keep] {
        let average = MovingAverage::new(0.9, statistics).unwrap();
        let [mut a, mut b] = [(); 2].map(|()| MovingAverage::gallery(&start));
        average.update(&mut a, &probe).unwrap();
        average.update(&mut b, &probe.valid()).unwrap();
        assert_eq!(values(&a), values(&b));
    }
}

#[test]
fn networks_that_differ_are_refused() {
    let average = MovingAverage::new(0.9, RunningStatistics::Average).unwrap();
    let mut gallery = MovingAverage::gallery(&Net::new(5, &train_device()));
    let before = values(&gallery);
    let mut short = Net::new(5, &train_device());
    short.layers.pop();
    for (probe, path) in [
        (Net::new(6, &train_device()), "layers.0.bias"),
        (short, "layers.1.weight"),
    ] {
        match average.update(&mut gallery, &probe) {
            Err(Error::ModuleMismatch { path: found, .. }) => assert_eq!(found, path),
            other => panic!("{other:?}"),
        }
        assert_eq!(values(&gallery), before);
    }
}

#[test]
fn impossible_momenta_are_refused() {
    for momentum in [-0.1, 1.1, f64::NAN] {
        let average = MovingAverage::new(momentum, RunningStatistics::Average);
        assert!(matches!(
            average,
            Err(Error::Setting {
                setting: "momentum",
                ..
            })
        ));
    }
}
