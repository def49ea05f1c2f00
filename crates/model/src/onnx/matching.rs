//! Two graphs followed at once, from their outputs to their inputs.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::TensorData;

use super::OUTPUT;
use super::layers::{Layer, View};
use super::model::{GraphProto, Node, TensorProto};
use super::wire::Problem;

/// Follows two graphs at once.
pub(super) struct Matching<'a> {
    ours: View<'a>,
    theirs: View<'a>,
    /// For values of ours that were looked at, those of theirs.
    same: HashMap<&'a str, &'a str>,
    /// Numbers for our tensors.
    found: BTreeMap<String, TensorData>,
    /// Pairs of values that must be the same.
    pending: Vec<[&'a str; 2]>,
}

impl<'a> Matching<'a> {
    pub(super) fn new(ours: &'a GraphProto<'a>, theirs: &'a GraphProto<'a>) -> Self {
        Self {
            ours: View(ours),
            theirs: View(theirs),
            same: HashMap::new(),
            found: BTreeMap::new(),
            pending: Vec::new(),
        }
    }

    /// The file's numbers for the network's tensors, by the names of those.
    pub(super) fn run(mut self) -> Result<BTreeMap<String, TensorData>, Problem> {
        let [input] = self.theirs.0.inputs[..] else {
            let count = self.theirs.0.inputs.len();
            return Err(format!(
                "its graph takes {count} inputs; a network of faces takes one"
            ));
        };
        let output = *(self.theirs.0.outputs.first()).ok_or("its graph has no output")?;
        self.pending.push([OUTPUT, output]);
        while let Some([ours, theirs]) = self.pending.pop() {
            let (ours, own_node) = self.ours.producer(ours)?;
            let (theirs, node) = self.theirs.producer(theirs)?;
            match self.same.insert(ours, theirs) {
                Some(before) if before == theirs => continue,
                Some(before) => {
                    return Err(format!(
                        "where the network has one value, its graph has two, `{before}` and `{theirs}`"
                    ));
                }
                None => {}
            }
            let (own_layer, layer) = (self.ours.layer(own_node)?, self.theirs.layer(node)?);
            let at = node.map_or(input, |node| match node.name {
                "" => theirs,
                name => name,
            });
            if matches!(layer, Layer::Input) && theirs != input {
                return Err(format!("nothing makes `{theirs}`"));
            }
            let differs = || {
                let [found, expected] = [&layer, &own_layer].map(Layer::describe);
                format!(
                    "its graph is not the network's: at `{at}` it has {found}, the network {expected}"
                )
            };
            if !self.layers(&own_layer, &layer, theirs)? {
                return Err(differs());
            }
        }
        Ok(self.found)
    }

    /// Takes the numbers of a layer, and puts what it is made of among the pending; or says that the two are not the same.
    fn layers(
        &mut self,
        ours: &Layer<'a>,
        theirs: &Layer<'a>,
        value: &'a str,
    ) -> Result<bool, Problem> {
        match (ours, theirs) {
            (Layer::Input, Layer::Input) => {}
            (
                Layer::Norm {
                    input,
                    parameters,
                    epsilon,
                },
                Layer::Norm {
                    input: other,
                    parameters: found,
                    epsilon: other_epsilon,
                },
            ) => {
                if parameters[0].shape != found[0].shape {
                    return Ok(false);
                }
                for (own, found) in parameters.iter().zip(found) {
                    self.take(own, found, found.data())?;
                }
                // Under the same root as theirs.
                let [_, _, _, variance] = parameters;
                if epsilon != other_epsilon
                    && let Some(data) = self.found.get_mut(variance.name)
                {
                    let values = data.iter::<f32>().map(|v| v + other_epsilon - epsilon);
                    *data = TensorData::new(values.collect::<Vec<_>>(), variance.shape.clone());
                }
                self.pending.push([input, other]);
            }
            // A norm that was folded into the layer before it.
            (
                Layer::Norm {
                    input,
                    parameters,
                    epsilon,
                },
                Layer::Conv { bias, .. } | Layer::Linear { bias, .. },
            ) => {
                let (_, node) = self.ours.producer(input)?;
                let before = self.ours.layer(node)?;
                let has_bias = match &before {
                    Layer::Conv { bias, .. } | Layer::Linear { bias, .. } => bias.is_some(),
                    _ => return Ok(false),
                };
                let [gamma, beta, mean, variance] = parameters;
                let constant = |tensor: &TensorProto, value: f32| {
                    let count = tensor.elements().unwrap_or_default();
                    TensorData::new(vec![value; count], tensor.shape.clone())
                };
                let shift = match bias {
                    Some(bias) if !has_bias => Some(bias),
                    _ => None,
                };
                if shift.is_some_and(|shift| shift.elements() != beta.elements()) {
                    return Ok(false);
                }
                let values = [
                    (gamma, constant(gamma, 1.0)),
                    (mean, constant(mean, 0.0)),
                    (variance, constant(variance, 1.0 - epsilon)),
                ];
                for (tensor, data) in values {
                    self.found.insert(tensor.name.to_owned(), data);
                }
                match shift {
                    Some(shift) => self.take(beta, shift, shift.data())?,
                    None => {
                        self.found.insert(beta.name.to_owned(), constant(beta, 0.0));
                    }
                }
                // The layer itself, whose bias the norm has.
                let (inner, _) = self.ours.producer(input)?;
                self.same.insert(inner, value);
                let without_bias = match (theirs, has_bias) {
                    (_, true) => return self.layers(&before, theirs, value),
                    (
                        &Layer::Conv {
                            node,
                            input,
                            weight,
                            ..
                        },
                        false,
                    ) => Layer::Conv {
                        node,
                        input,
                        weight,
                        bias: None,
                    },
                    (
                        &Layer::Linear {
                            input,
                            weight,
                            is_transposed,
                            ..
                        },
                        false,
                    ) => Layer::Linear {
                        input,
                        weight,
                        is_transposed,
                        bias: None,
                    },
                    _ => return Ok(false),
                };
                return self.layers(&before, &without_bias, value);
            }
            (
                Layer::Conv {
                    node,
                    input,
                    weight,
                    bias,
                },
                Layer::Conv {
                    node: other_node,
                    input: other,
                    weight: found,
                    bias: found_bias,
                },
            ) => {
                let same = |name: &str, otherwise: &[i64]| {
                    node.integers(name, otherwise) == other_node.integers(name, otherwise)
                };
                if weight.shape != found.shape
                    || !same("strides", &[1, 1])
                    || !same("pads", &[0; 4])
                    || !same("dilations", &[1, 1])
                    || node.integer("group", 1) != other_node.integer("group", 1)
                    || bias.is_some() != found_bias.is_some()
                {
                    return Ok(false);
                }
                self.take(weight, found, found.data())?;
                if let (Some(bias), Some(found)) = (bias, found_bias) {
                    self.take(bias, found, found.data())?;
                }
                self.pending.push([input, other]);
            }
            (
                Layer::Linear {
                    input,
                    weight,
                    bias,
                    ..
                },
                Layer::Linear {
                    input: other,
                    weight: found,
                    is_transposed,
                    bias: found_bias,
                },
            ) => {
                // Ours lies as `[in, out]` in the graph, but as `[out, in]` among the network's tensors.
                let mut shape = found.shape.clone();
                if *is_transposed {
                    shape.reverse();
                }
                if weight.shape != shape || bias.is_some() != found_bias.is_some() {
                    return Ok(false);
                }
                let data = found.data().map_err(|problem| in_tensor(found, problem))?;
                let data = if *is_transposed {
                    data
                } else {
                    transposed(&data)
                };
                self.found.insert(weight.name.to_owned(), data);
                if let (Some(bias), Some(found)) = (bias, found_bias) {
                    self.take(bias, found, found.data())?;
                }
                self.pending.push([input, other]);
            }
            (
                Layer::Prelu { input, slopes },
                Layer::Prelu {
                    input: other,
                    slopes: found,
                },
            ) => {
                let count = slopes.elements();
                if count != found.elements() {
                    return Ok(false);
                }
                let data = found.data().map_err(|problem| in_tensor(found, problem))?;
                let data =
                    TensorData::new(data.iter::<f32>().collect(), [count.unwrap_or_default()]);
                self.found.insert(slopes.name.to_owned(), data);
                self.pending.push([input, other]);
            }
            (Layer::Flatten { input }, Layer::Flatten { input: other }) => {
                self.pending.push([input, other]);
            }
            // To rows, whatever says so: the layer behind it knows how many numbers they have.
            (Layer::Flatten { input }, Layer::Other(node)) if node.kind == "Reshape" => {
                let Some(other) = node.inputs.first() else {
                    return Ok(false);
                };
                self.pending.push([input, other]);
            }
            (Layer::Other(own), Layer::Other(node)) => return self.others(own, node),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Nodes that have no parameters, or that only files of our own have.
    fn others(&mut self, ours: &'a Node<'a>, theirs: &'a Node<'a>) -> Result<bool, Problem> {
        let same = |name: &str, otherwise: &[i64]| {
            ours.integers(name, otherwise) == theirs.integers(name, otherwise)
        };
        if ours.kind != theirs.kind
            || ours.inputs.len() != theirs.inputs.len()
            || !same("kernel_shape", &[])
            || !same("strides", &[1, 1])
            || !same("pads", &[0; 4])
            || !same("perm", &[])
            || ours.integer("axis", 0) != theirs.integer("axis", 0)
            || ours.float("epsilon", 0.0) != theirs.float("epsilon", 0.0)
        {
            return Ok(false);
        }
        let mut inputs = theirs.inputs.clone();
        // A sum's parts may stand the other way round.
        if let ("Add" | "Mul", [first, second], [other_first, other_second]) =
            (ours.kind, &ours.inputs[..], &theirs.inputs[..])
        {
            let alike = |own, other| self.are_alike(own, other);
            let straight = alike(first, other_first)? && alike(second, other_second)?;
            if !straight && alike(first, other_second)? && alike(second, other_first)? {
                inputs.reverse();
            }
        }
        for (own, other) in ours.inputs.iter().zip(inputs) {
            match (self.ours.tensor(own), self.theirs.tensor(other)) {
                (Some(own), Some(found)) if own.equals(found) => {
                    if let Ok(data) = found.data() {
                        self.found.insert(own.name.to_owned(), data);
                    }
                }
                (Some(own), Some(found)) if own.shape == found.shape => {
                    self.take(own, found, found.data())?;
                }
                (None, None) => self.pending.push([own, other]),
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Whether two values come from layers of the same kind and size.
    fn are_alike(&self, ours: &'a str, theirs: &'a str) -> Result<bool, Problem> {
        match (self.ours.tensor(ours), self.theirs.tensor(theirs)) {
            (Some(own), Some(found)) => return Ok(own.shape == found.shape),
            (None, None) => {}
            _ => return Ok(false),
        }
        let (_, own) = self.ours.producer(ours)?;
        let (_, found) = self.theirs.producer(theirs)?;
        let (own, found) = (self.ours.layer(own)?, self.theirs.layer(found)?);
        // As it is where a norm was folded into what stands before it.
        let own = match (own, &found) {
            (Layer::Norm { input, .. }, Layer::Conv { .. } | Layer::Linear { .. }) => {
                let (_, node) = self.ours.producer(input)?;
                self.ours.layer(node)?
            }
            (own, _) => own,
        };
        Ok(own.describe() == found.describe())
    }

    fn take(
        &mut self,
        ours: &TensorProto,
        theirs: &TensorProto,
        data: Result<TensorData, Problem>,
    ) -> Result<(), Problem> {
        let data = data.map_err(|problem| in_tensor(theirs, problem))?;
        self.found.insert(ours.name.to_owned(), data);
        Ok(())
    }
}

fn in_tensor(tensor: &TensorProto, problem: Problem) -> Problem {
    format!("`{}`: {problem}", tensor.name)
}

fn transposed(data: &TensorData) -> TensorData {
    let [rows, columns] = data.shape().dims();
    let values: Vec<f32> = data.iter::<f32>().collect();
    let turned = (0..columns).flat_map(|column| (0..rows).map(move |row| [row, column]));
    let turned = turned.map(|[row, column]| values[row * columns + column]);
    TensorData::new(turned.collect::<Vec<_>>(), [columns, rows])
}
