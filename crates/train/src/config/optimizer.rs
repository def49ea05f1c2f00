use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamWConfig, ModuleOptimizer, SgdConfig};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The optimizer of the probe network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "kind")]
pub enum OptimizerConfig {
    /// Stochastic gradient descent with momentum, without dampening, as PyTorch has it.
    Sgd {
        /// Learning rate, times the schedule's factor. Default: 0.1, as published.
        #[serde(default = "sgd::learning_rate")]
        learning_rate: f64,
        /// Momentum; 0 for none. Default: 0.9.
        #[serde(default = "sgd::momentum")]
        momentum: f64,
        /// Nesterov's momentum. Default: true.
        #[serde(default = "yes")]
        nesterov: bool,
        /// Weight decay, added to the gradient. Default: 1e-4.
        #[serde(default = "sgd::weight_decay")]
        weight_decay: f64,
        /// Whether it takes norms' scales, biases and slopes too. Default: true, as published.
        #[serde(default = "yes")]
        decay_norms_and_biases: bool,
    },
    /// AdamW (arXiv:1711.05101).
    Adamw {
        /// Learning rate, times the schedule's factor. Default: 1e-3.
        #[serde(default = "adamw::learning_rate")]
        learning_rate: f64,
        /// Decay of the mean of gradients. Default: 0.9.
        #[serde(default = "adamw::beta_1")]
        beta_1: f64,
        /// Decay of the mean of squared gradients. Default: 0.999.
        #[serde(default = "adamw::beta_2")]
        beta_2: f64,
        /// Weight decay, times the learning rate. Default: 0.01.
        #[serde(default = "adamw::weight_decay")]
        weight_decay: f64,
        /// Whether it takes norms' scales, biases and slopes too. Default: false.
        #[serde(default)]
        decay_norms_and_biases: bool,
    },
}

impl OptimizerConfig {
    /// AdamW with its defaults at a learning rate.
    pub fn adamw(learning_rate: f64) -> Self {
        Self::Adamw {
            learning_rate,
            beta_1: adamw::beta_1(),
            beta_2: adamw::beta_2(),
            weight_decay: adamw::weight_decay(),
            decay_norms_and_biases: false,
        }
    }
}

fn yes() -> bool {
    true
}

mod sgd {
    pub(super) fn learning_rate() -> f64 {
        0.1
    }
    pub(super) fn momentum() -> f64 {
        0.9
    }
    pub(super) fn weight_decay() -> f64 {
        1e-4
    }
}

mod adamw {
    pub(super) fn learning_rate() -> f64 {
        1e-3
    }
    pub(super) fn beta_1() -> f64 {
        0.9
    }
    pub(super) fn beta_2() -> f64 {
        0.999
    }
    pub(super) fn weight_decay() -> f64 {
        0.01
    }
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Sgd {
            learning_rate: sgd::learning_rate(),
            momentum: sgd::momentum(),
            nesterov: true,
            weight_decay: sgd::weight_decay(),
            decay_norms_and_biases: true,
        }
    }
}

impl OptimizerConfig {
    /// The learning rate before the schedule.
    pub fn learning_rate(&self) -> f64 {
        match *self {
            Self::Sgd { learning_rate, .. } | Self::Adamw { learning_rate, .. } => learning_rate,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        // In the f32 that they take part in.
        let not_negative = |setting, value: f64| {
            if (value as f32).is_finite() && value >= 0.0 {
                return Ok(());
            }
            Err(Error::setting(
                setting,
                value,
                "a finite number that is not negative",
            ))
        };
        let below_one = |setting, value: f64| {
            if (0.0..1.0).contains(&(value as f32)) {
                return Ok(());
            }
            Err(Error::setting(
                setting,
                value,
                "at least 0 and, in f32, below 1",
            ))
        };
        not_negative("optimizer.learning_rate", self.learning_rate())?;
        if self.learning_rate() == 0.0 {
            let expected = "above 0: nothing would be learnt";
            return Err(Error::setting("optimizer.learning_rate", 0, expected));
        }
        match *self {
            Self::Sgd {
                momentum,
                weight_decay,
                nesterov,
                ..
            } => {
                not_negative("optimizer.weight_decay", weight_decay)?;
                below_one("optimizer.momentum", momentum)?;
                if nesterov && momentum == 0.0 {
                    return Err(Error::setting(
                        "optimizer.nesterov",
                        true,
                        "false without momentum",
                    ));
                }
                Ok(())
            }
            Self::Adamw {
                beta_1,
                beta_2,
                weight_decay,
                ..
            } => {
                not_negative("optimizer.weight_decay", weight_decay)?;
                below_one("optimizer.beta_1", beta_1)?;
                below_one("optimizer.beta_2", beta_2)
            }
        }
    }

    /// The optimizer for `module`, without state.
    pub(crate) fn init<M: Module>(&self, module: &M) -> ModuleOptimizer {
        match *self {
            Self::Sgd {
                momentum,
                nesterov,
                weight_decay,
                decay_norms_and_biases,
                ..
            } => {
                let momentum = (momentum > 0.0).then(|| {
                    MomentumConfig::new()
                        .with_momentum(momentum)
                        .with_dampening(0.0)
                        .with_nesterov(nesterov)
                });
                let plain = SgdConfig::new().with_momentum(momentum);
                let decay =
                    (weight_decay > 0.0).then(|| WeightDecayConfig::new(weight_decay as f32));
                let optimizer = plain.clone().with_weight_decay(decay).init();
                if decay_norms_and_biases {
                    return optimizer;
                }
                optimizer.with_group(norms_and_biases(module), plain.build(), None)
            }
            Self::Adamw {
                beta_1,
                beta_2,
                weight_decay,
                decay_norms_and_biases,
                ..
            } => {
                let plain = AdamWConfig::new()
                    .with_beta_1(beta_1 as f32)
                    .with_beta_2(beta_2 as f32)
                    .with_epsilon(1e-8)
                    .with_weight_decay(0.0);
                let optimizer = plain.clone().with_weight_decay(weight_decay as f32).init();
                if decay_norms_and_biases {
                    return optimizer;
                }
                optimizer.with_group(norms_and_biases(module), plain.build(), None)
            }
        }
    }
}

/// Parameters with one dimension: scales and biases of norms and layers, slopes of PReLU.
fn norms_and_biases<M: Module>(module: &M) -> ParamGroup {
    #[derive(Default)]
    struct Vectors(Vec<ParamId>);

    impl ModuleVisitor for Vectors {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if D == 1 {
                self.0.push(param.id);
            }
        }
    }

    let mut vectors = Vectors::default();
    module.visit(&mut vectors);
    ParamGroup::from_ids(vectors.0)
}

#[cfg(test)]
mod tests {
    use burn::nn::LinearConfig;
    use burn::optim::GradientsParams;
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::gradient::{clip, global_norm};

    /// A parameter's numbers, row by row.
    #[derive(Deserialize)]
    struct Numbers {
        weight: Vec<f64>,
        bias: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Step {
        rate: f64,
        gradients: Numbers,
        norm: f64,
        after: Numbers,
    }

    #[derive(Deserialize)]
    struct Run {
        optimizer: OptimizerConfig,
        clip_norm: Option<f64>,
        start: Numbers,
        steps: Vec<Step>,
    }

    fn tensor<const D: usize>(values: &[f64], shape: [usize; D], device: &Device) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
    }

    fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
        tensor.to_data().try_to_vec().unwrap()
    }

    fn assert_close(found: &[f32], expected: &[f64], what: &str) {
        assert_eq!(found.len(), expected.len(), "{what}");
        for (&found, expected) in found.iter().zip(expected) {
            let off = (f64::from(found) - expected).abs();
            assert!(off < 2e-6, "{what}: {found}, not {expected}");
        }
    }

    /// PyTorch's numbers, written by `tests/fixtures/make.py`.
    #[test]
    fn steps_are_as_in_pytorch() {
        let text = include_str!("../../tests/fixtures/optimizers.json");
        let runs: Vec<Run> = serde_json::from_str(text).unwrap();
        assert_eq!(runs.len(), 15);
        let device = Device::flex();
        let trained = device.clone().autodiff();
        for Run {
            optimizer: config,
            clip_norm,
            start,
            steps,
        } in runs
        {
            let mut linear = LinearConfig::new(3, 2).init(&trained);
            linear.weight = Param::from_tensor(tensor(&start.weight, [3, 2], &trained));
            linear.bias = Some(Param::from_tensor(tensor(&start.bias, [2], &trained)));

            let mut optimizer = config.init(&linear);
            for (at, step) in steps.iter().enumerate() {
                let what = format!("{config:?}, clipped at {clip_norm:?}, step {at}");
                let ids = (linear.weight.id, linear.bias.as_ref().unwrap().id);
                let mut gradients = GradientsParams::new();
                gradients.register(ids.0, tensor(&step.gradients.weight, [3, 2], &device));
                gradients.register(ids.1, tensor(&step.gradients.bias, [2], &device));
                let norm = global_norm(&linear, &gradients);
                assert_close(&numbers(&norm), &[step.norm], &what);
                if let Some(limit) = clip_norm {
                    clip(&linear, &mut gradients, norm, limit);
                }
                linear = optimizer.step(step.rate, linear, gradients);
                assert_close(&numbers(&linear.weight.val()), &step.after.weight, &what);
                let bias = linear.bias.as_ref().unwrap().val();
                assert_close(&numbers(&bias), &step.after.bias, &what);
            }
        }
    }
}
