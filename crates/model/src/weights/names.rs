use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

use crate::backbone::Backbone;
use crate::network::Names;

/// One tensor of a network as PyTorch's state dict has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its key in the state dict.
    pub name: String,
    /// Its shape there; a matrix is `[out, in]`.
    pub shape: Vec<usize>,
}

impl TensorInfo {
    /// Whether it is a running mean or variance.
    pub fn is_running_statistic(&self) -> bool {
        self.name.ends_with(".running_mean") || self.name.ends_with(".running_var")
    }

    /// How many numbers it holds.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Backbone {
    /// All tensors, in the order of the network. `num_batches_tracked`, which PyTorch counts and nobody reads, is left out.
    pub fn tensors(&self) -> Vec<TensorInfo> {
        let mut list = List {
            place: Place::new(self.names()),
            tensors: Vec::new(),
        };
        self.visit(&mut list);
        list.tensors
    }

    /// The parameters of some parts of the network, named as in PyTorch.
    pub fn parameters_in(&self, parts: &[String]) -> Vec<ParamId> {
        let mut find = Find {
            place: Place::new(self.names()),
            parts,
            found: Vec::new(),
        };
        self.visit(&mut find);
        find.found
    }
}

impl TensorInfo {
    /// Whether it lies in a part of the network: its name is `part`, or begins with it and a dot.
    pub fn is_in(&self, part: &str) -> bool {
        let rest = self.name.strip_prefix(part);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// Finds parameters by the names of their parts.
struct Find<'a> {
    place: Place,
    parts: &'a [String],
    found: Vec<ParamId>,
}

impl ModuleVisitor for Find<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.place.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = self.place.tensor(&param.lazy_shape());
        if self.parts.iter().any(|part| tensor.is_in(part)) {
            self.found.push(param.id);
        }
    }
}

struct List {
    place: Place,
    tensors: Vec<TensorInfo>,
}

impl ModuleVisitor for List {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.place.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.tensors.push(self.place.tensor(&param.lazy_shape()));
    }
}

/// Where a walk through a [`Backbone`] stands. The one place that knows how its paths become PyTorch's names.
pub(crate) struct Place {
    names: Names,
    /// Names of the fields and types of the structs on the way.
    steps: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new(names: Names) -> Self {
        Self {
            names,
            steps: Vec::new(),
        }
    }

    pub(crate) fn enter(&mut self, name: &str, container_type: &str) {
        self.steps
            .push((name.to_owned(), container_type.to_owned()));
    }

    pub(crate) fn exit(&mut self) {
        self.steps.pop();
    }

    /// The tensor of this place, whose shape in burn is `shape`.
    pub(crate) fn tensor(&self, shape: &[usize]) -> TensorInfo {
        let mut shape = shape.to_vec();
        if self.is_transposed() {
            shape.reverse();
        }
        TensorInfo {
            name: self.name(),
            shape,
        }
    }

    /// burn multiplies by `[in, out]`, PyTorch by `[out, in]`.
    pub(super) fn is_transposed(&self) -> bool {
        matches!(self.steps.last(), Some((name, container)) if name == "weight" && container == "Struct:Linear")
    }

    fn name(&self) -> String {
        // The first two steps lead from the backbone to its network.
        let mut path = String::from(".");
        for (index, (step, _)) in self.steps.iter().enumerate().skip(2) {
            let is_last = index + 1 == self.steps.len();
            path.push_str(match step.as_str() {
                "gamma" | "alpha" if is_last => "weight",
                "beta" if is_last => "bias",
                step => step,
            });
            path.push('.');
        }
        for (from, to) in self.names {
            path = path.replace(&format!(".{from}."), &format!(".{to}."));
        }
        path.trim_matches('.').to_owned()
    }
}
