//! Initial values where a reference departs from its layers' own.

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::Initializer;
use burn::tensor::Tensor;

/// Draws the weights of all convolutions anew.
pub(crate) fn convolutions<M: Module>(network: M, initializer: &Initializer) -> M {
    network.map(&mut Draw {
        layer: "Struct:Conv2d",
        initializer,
        bias: None,
        containers: Vec::new(),
    })
}

/// Draws the weights of all matrices anew and sets their biases to 0.
pub(crate) fn linears<M: Module>(network: M, initializer: &Initializer) -> M {
    network.map(&mut Draw {
        layer: "Struct:Linear",
        initializer,
        bias: Some(Initializer::Zeros),
        containers: Vec::new(),
    })
}

struct Draw<'a> {
    layer: &'static str,
    initializer: &'a Initializer,
    bias: Option<Initializer>,
    containers: Vec<String>,
}

impl ModuleMapper for Draw<'_> {
    fn enter_module(&mut self, _name: &str, container_type: &str) {
        self.containers.push(container_type.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.containers.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // A parameter stands below its field, an optional one too.
        if self.containers.last().map(String::as_str) != Some(self.layer) {
            return param;
        }
        let shape = param.lazy_shape();
        let device = param.lazy_device();
        match (D, &self.bias) {
            (1, None) => param,
            (1, Some(bias)) => bias.init(shape, &device),
            _ => {
                let places: usize = shape.iter().skip(2).product();
                let mut fans = [shape[1] * places, shape[0] * places];
                // Matrices lie the other way round.
                if D == 2 {
                    fans.reverse();
                }
                let [fan_in, fan_out] = fans;
                self.initializer
                    .init_with(shape, Some(fan_in), Some(fan_out), &device)
            }
        }
    }
}
