use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

use super::TensorInfo;
use super::names::Place;
use crate::Result;
use crate::backbone::Backbone;

impl Backbone {
    /// Replaces every tensor by what `source` gives for it: data of its shape, in floating point.
    ///
    /// # Errors
    ///
    /// The first error of `source`; the network is then unchanged.
    ///
    /// # Panics
    ///
    /// Where `source` gives data of another shape.
    pub fn fill(
        &mut self,
        mut source: impl FnMut(&TensorInfo) -> Result<TensorData>,
    ) -> Result<()> {
        self.fill_some(|tensor| source(tensor).map(Some))
    }

    /// The same of those tensors for which `source` gives something.
    pub(super) fn fill_some(
        &mut self,
        source: impl FnMut(&TensorInfo) -> Result<Option<TensorData>>,
    ) -> Result<()> {
        let mut fill = Fill {
            place: Place::new(self.names()),
            source,
            failure: None,
        };
        // A validation copy shares no running statistics, so that an error leaves these alone too.
        let copy = self.valid();
        let copy = if self.devices().iter().any(|device| device.is_autodiff()) {
            copy.train()
        } else {
            copy
        };
        let filled = copy.map(&mut fill);
        if let Some(failure) = fill.failure {
            return Err(failure);
        }
        *self = filled;
        Ok(())
    }
}

struct Fill<F> {
    place: Place,
    source: F,
    failure: Option<crate::Error>,
}

impl<F: FnMut(&TensorInfo) -> Result<Option<TensorData>>> ModuleMapper for Fill<F> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.place.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.failure.is_some() {
            return param;
        }
        let tensor = self.place.tensor(&param.lazy_shape());
        let data = match (self.source)(&tensor) {
            Ok(Some(data)) => data,
            Ok(None) => return param,
            Err(failure) => {
                self.failure = Some(failure);
                return param;
            }
        };
        assert_eq!(data.shape().as_slice(), tensor.shape, "{}", tensor.name);
        let value = Tensor::<D>::from_data(data, &param.lazy_device());
        let value = if self.place.is_transposed() {
            value.swap_dims(0, 1)
        } else {
            value
        };
        let id = param.id;
        param.transform_for_load(value, id)
    }
}
