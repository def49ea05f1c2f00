use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor, TensorData};
use ffc_core::collective::Collective;

use crate::{Error, Result};

/// The global norm of a module's gradients, `[1]`: the root of the sum of all squares. Reads nothing back.
pub(crate) fn global_norm<M: Module>(module: &M, gradients: &GradientsParams) -> Tensor<1> {
    struct Squares<'a> {
        gradients: &'a GradientsParams,
        sums: Vec<Tensor<1>>,
    }

    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.get::<D>(param.id) {
                self.sums.push((gradient.clone() * gradient).sum());
            }
        }
    }

    let mut squares = Squares {
        gradients,
        sums: Vec::new(),
    };
    module.visit(&mut squares);
    match squares.sums.is_empty() {
        true => Tensor::zeros([1], &module.devices()[0].clone().without_autodiff()),
        false => Tensor::cat(squares.sums, 0).sum().sqrt(),
    }
}

/// Shortens the gradients of global norm `norm` to `limit` if they are longer, all by the same factor, as PyTorch's
/// `clip_grad_norm_` does.
pub(crate) fn clip<M: Module>(
    module: &M,
    gradients: &mut GradientsParams,
    norm: Tensor<1>,
    limit: f64,
) {
    struct Scale<'a> {
        gradients: &'a mut GradientsParams,
        factor: Tensor<1>,
    }

    impl ModuleVisitor for Scale<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.remove::<D>(param.id) {
                let factor = self.factor.clone().reshape([1; D]);
                self.gradients.register(param.id, gradient * factor);
            }
        }
    }

    let factor = ((norm + 1e-6).recip() * limit).clamp_max(1.0);
    module.visit(&mut Scale { gradients, factor });
}

/// Numbers that are summed over ranks at once: some 25 MB.
const BUCKET: usize = 25 << 18;

/// Sums the gradients of a module over ranks: in the end all have the same bits. A parameter that has a gradient on some rank has one on all.
///
/// # Errors
///
/// Where a device or a rank fails.
pub(crate) fn sum_over_ranks<M: Module>(
    module: &M,
    gradients: &mut GradientsParams,
    ranks: &dyn Collective,
) -> Result<()> {
    /// Which parameters have one.
    struct Have<'a>(&'a GradientsParams, Vec<f32>);

    impl ModuleVisitor for Have<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let has = self.0.get::<D>(param.id).is_some();
            self.1.push(f32::from(u8::from(has)));
        }
    }

    struct Take<'a> {
        gradients: &'a mut GradientsParams,
        has: std::vec::IntoIter<f32>,
        values: Vec<f32>,
        failure: Option<String>,
    }

    impl ModuleVisitor for Take<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.has.next() != Some(1.0) {
                return;
            }
            match self.gradients.remove::<D>(param.id) {
                Some(gradient) => match gradient.try_into_vec_as::<f32>() {
                    Ok(mut values) => self.values.append(&mut values),
                    Err(error) => self.failure = Some(error.to_string()),
                },
                None => {
                    let count = param.lazy_shape().num_elements();
                    self.values.resize(self.values.len() + count, 0.0);
                }
            }
        }
    }

    struct Give<'a> {
        gradients: &'a mut GradientsParams,
        has: std::vec::IntoIter<f32>,
        values: &'a [f32],
    }

    impl ModuleVisitor for Give<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.has.next() != Some(1.0) {
                return;
            }
            let shape = param.lazy_shape();
            let (own, rest) = self.values.split_at(shape.num_elements());
            self.values = rest;
            let device = param.lazy_device().without_autodiff();
            let data = TensorData::new(own.to_vec(), shape);
            let gradient = Tensor::<D>::from_data(data, (&device, DType::F32));
            self.gradients.register(param.id, gradient);
        }
    }

    let mut have = Have(gradients, Vec::new());
    module.visit(&mut have);
    let mut has = have.1;
    ranks.all_reduce_max(&mut has)?;
    let mut take = Take {
        gradients,
        has: has.clone().into_iter(),
        values: Vec::new(),
        failure: None,
    };
    module.visit(&mut take);
    let (mut values, failure) = (take.values, take.failure);
    if let Some(failure) = failure {
        return Err(Error::Device(failure));
    }
    for bucket in values.chunks_mut(BUCKET) {
        ranks.all_reduce_sum(bucket)?;
    }
    module.visit(&mut Give {
        gradients,
        has: has.into_iter(),
        values: &values,
    });
    Ok(())
}

/// Takes the gradients of some parameters away: an optimizer then leaves these alone.
pub(crate) fn remove<M: Module>(
    module: &M,
    gradients: &mut GradientsParams,
    parameters: &[ParamId],
) {
    struct Remove<'a> {
        gradients: &'a mut GradientsParams,
        parameters: &'a [ParamId],
    }

    impl ModuleVisitor for Remove<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.parameters.contains(&param.id) {
                drop(self.gradients.remove::<D>(param.id));
            }
        }
    }

    module.visit(&mut Remove {
        gradients,
        parameters,
    });
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    use super::*;

    fn values(linear: &Linear, gradients: &GradientsParams) -> Vec<f32> {
        let weight: Tensor<2> = gradients.get(linear.weight.id).unwrap();
        let bias: Tensor<1> = gradients.get(linear.bias.as_ref().unwrap().id).unwrap();
        let mut values = weight.into_data().try_to_vec::<f32>().unwrap();
        values.extend(bias.into_data().try_to_vec::<f32>().unwrap());
        values
    }

    /// Against a loop over all numbers.
    #[test]
    fn norm_and_clipping() {
        let device = Device::flex().autodiff();
        let linear = LinearConfig::new(3, 2).init(&device);
        let input = Tensor::<2>::from_data([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], &device);
        let loss = linear.forward(input).powf_scalar(2.0).sum();
        let mut gradients = GradientsParams::from_grads(loss.backward(), &linear);
        let before = values(&linear, &gradients);
        let expected = before.iter().map(|value| value * value).sum::<f32>().sqrt();

        let norm = global_norm(&linear, &gradients);
        assert!((norm.clone().into_scalar::<f32>() - expected).abs() < 1e-4 * expected);

        clip(
            &linear,
            &mut gradients,
            norm.clone(),
            2.0 * f64::from(expected),
        );
        assert_eq!(values(&linear, &gradients), before);

        clip(&linear, &mut gradients, norm, 0.25);
        let scale = 0.25 / expected;
        for (after, before) in values(&linear, &gradients).iter().zip(&before) {
            assert!((after - before * scale).abs() < 1e-5, "{after} {before}");
        }
    }
}
