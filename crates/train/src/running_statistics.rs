//! The running means and variances of a network's norms, apart from it.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};
use ffc_core::collective::Collective;
use ffc_model::Backbone;

use crate::{Error, Result};

/// Running means and variances, in the order of the network.
#[derive(Debug, Clone)]
pub(crate) struct RunningStatistics(Vec<Tensor<1>>);

impl RunningStatistics {
    pub(crate) fn of(network: &Backbone) -> Self {
        let mut take = Take {
            is_one: which(network).into_iter(),
            found: Vec::new(),
        };
        // A validation copy has its statistics up to date.
        network.valid().visit(&mut take);
        Self(take.found)
    }

    /// In place: of all clones of the network too, which share them.
    pub(crate) fn put_into(&self, network: &Backbone) {
        // A copy that is up to date, so that nothing of before comes on top of it.
        let _ = network.valid();
        let mut put = Put {
            is_one: which(network).into_iter(),
            values: self.0.clone().into_iter(),
        };
        let _ = network.clone().map(&mut put);
    }

    pub(crate) fn mean(of: &[Self]) -> Self {
        let scale = 1.0 / of.len().max(1) as f64;
        let count = of.first().map_or(0, |first| first.0.len());
        let mean = |at: usize| {
            let mut all = of.iter().map(|statistics| statistics.0[at].clone());
            let first = all.next();
            first.map(|first| all.fold(first, |sum, next| sum + next) * scale)
        };
        Self((0..count).filter_map(mean).collect())
    }

    /// The mean of all ranks' statistics.
    ///
    /// # Errors
    ///
    /// Where a device or a rank fails.
    pub(crate) fn mean_of_ranks(self, ranks: &dyn Collective) -> Result<Self> {
        let scale = 1.0 / ranks.ranks() as f32;
        let mean = |statistic: Tensor<1>| {
            let device = statistic.device();
            let values = statistic.try_into_vec_as::<f32>();
            let mut values = values.map_err(|error| Error::Device(error.to_string()))?;
            ranks.all_reduce_sum(&mut values)?;
            values.iter_mut().for_each(|value| *value *= scale);
            let count = values.len();
            let data = TensorData::new(values, [count]);
            Ok(Tensor::from_data(data, (&device, DType::F32)))
        };
        let means = self.0.into_iter().map(mean);
        Ok(Self(means.collect::<Result<_>>()?))
    }
}

/// Which of a network's tensors are running statistics, in its order.
fn which(network: &Backbone) -> Vec<bool> {
    let tensors = network.tensors().into_iter();
    tensors
        .map(|tensor| tensor.is_running_statistic())
        .collect()
}

struct Take {
    is_one: std::vec::IntoIter<bool>,
    found: Vec<Tensor<1>>,
}

impl ModuleVisitor for Take {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.is_one.next() == Some(true) {
            self.found.push(param.val().flatten(0, D.saturating_sub(1)));
        }
    }
}

struct Put {
    is_one: std::vec::IntoIter<bool>,
    values: std::vec::IntoIter<Tensor<1>>,
}

impl ModuleMapper for Put {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.is_one.next() != Some(true) {
            return param;
        }
        let Some(value) = self.values.next() else {
            return param;
        };
        param.map(|old| value.reshape(old.dims()).to_device(&old.device()))
    }
}
