//! A graph as layers, whatever nodes an exporter wrote them as.

use super::model::{GraphProto, Node, TensorProto};
use super::wire::Problem;

/// A graph, looked at as layers.
#[derive(Clone, Copy)]
pub(super) struct View<'a>(pub(super) &'a GraphProto<'a>);

/// What makes a value.
pub(super) enum Layer<'a> {
    /// Nothing: it is put in.
    Input,
    Conv {
        node: &'a Node<'a>,
        input: &'a str,
        weight: &'a TensorProto<'a>,
        bias: Option<&'a TensorProto<'a>>,
    },
    Norm {
        input: &'a str,
        /// gamma, beta, mean, variance.
        parameters: [&'a TensorProto<'a>; 4],
        epsilon: f32,
    },
    Prelu {
        input: &'a str,
        slopes: &'a TensorProto<'a>,
    },
    Linear {
        input: &'a str,
        weight: &'a TensorProto<'a>,
        /// Whether the weight lies as `[out, in]`.
        is_transposed: bool,
        bias: Option<&'a TensorProto<'a>>,
    },
    Flatten {
        input: &'a str,
    },
    Other(&'a Node<'a>),
}

impl Layer<'_> {
    /// What it is and the shape of its weight, as a message tells it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Input => "the pictures".into(),
            Self::Conv { node, weight, .. } => format!(
                "a convolution of {:?}, strides {:?}, padding {:?}, {} groups",
                weight.shape,
                node.integers("strides", &[1, 1]),
                node.integers("pads", &[0; 4]),
                node.integer("group", 1)
            ),
            Self::Norm { parameters, .. } => {
                format!("a batch normalisation of {:?}", parameters[0].shape)
            }
            Self::Prelu { slopes, .. } => format!("PReLU of {:?}", slopes.shape),
            Self::Linear {
                weight,
                is_transposed,
                ..
            } => {
                let mut shape = weight.shape.clone();
                if *is_transposed {
                    shape.reverse();
                }
                format!("a linear layer of {shape:?}")
            }
            Self::Flatten { .. } => "a flattening".into(),
            Self::Other(node) => node.kind.to_owned(),
        }
    }
}

impl<'a> View<'a> {
    /// The node that makes a value, without those that do nothing; none for what is put in.
    pub(super) fn producer(
        self,
        mut value: &'a str,
    ) -> Result<(&'a str, Option<&'a Node<'a>>), Problem> {
        for _ in 0..=self.0.nodes.len() {
            let Some(&number) = self.0.producers.get(value) else {
                return Ok((value, None));
            };
            let node = &self.0.nodes[number];
            match (node.kind, node.inputs.first()) {
                ("Identity" | "Dropout", Some(input)) => value = input,
                // Windows of one place, as IR's shortcuts have them.
                ("MaxPool", Some(input))
                    if node.integers("kernel_shape", &[]) == [1, 1]
                        && node.integers("strides", &[1, 1]) == [1, 1] =>
                {
                    value = input;
                }
                _ => return Ok((value, Some(node))),
            }
        }
        Err("its nodes form a circle".into())
    }

    pub(super) fn tensor(self, name: &str) -> Option<&'a TensorProto<'a>> {
        self.0.tensors.get(name)
    }

    pub(super) fn layer(self, node: Option<&'a Node<'a>>) -> Result<Layer<'a>, Problem> {
        let Some(node) = node else {
            return Ok(Layer::Input);
        };
        let input = |place: usize| {
            node.inputs
                .get(place)
                .copied()
                .filter(|name| !name.is_empty())
        };
        let tensor = |place: usize| input(place).and_then(|name| self.tensor(name));
        let layer = match (node.kind, input(0)) {
            ("Conv", Some(input)) => tensor(1).map(|weight| Layer::Conv {
                node,
                input,
                weight,
                bias: tensor(2),
            }),
            ("BatchNormalization", Some(input)) => {
                let parameters = [tensor(1), tensor(2), tensor(3), tensor(4)];
                let parameters = parameters.into_iter().collect::<Option<Vec<_>>>();
                let parameters = parameters.and_then(|list| list.try_into().ok());
                parameters.map(|parameters| Layer::Norm {
                    input,
                    parameters,
                    epsilon: node.float("epsilon", 1e-5),
                })
            }
            ("PRelu", Some(input)) => tensor(1).map(|slopes| Layer::Prelu { input, slopes }),
            ("Flatten", Some(input)) if node.integer("axis", 1) == 1 => {
                Some(Layer::Flatten { input })
            }
            ("MatMul", Some(input)) => tensor(1).map(|weight| Layer::Linear {
                input,
                weight,
                is_transposed: false,
                bias: None,
            }),
            ("Gemm", Some(input))
                if node.float("alpha", 1.0) == 1.0
                    && node.float("beta", 1.0) == 1.0
                    && node.integer("transA", 0) == 0 =>
            {
                tensor(1).map(|weight| Layer::Linear {
                    input,
                    weight,
                    is_transposed: node.integer("transB", 0) == 1,
                    bias: tensor(2),
                })
            }
            // A product and a sum with constants.
            ("Add", Some(first)) => {
                let second = input(1).unwrap_or_default();
                let of = |product: &'a str, bias: &str| -> Result<Option<Layer<'a>>, Problem> {
                    let (Some(bias), (_, Some(product))) =
                        (self.tensor(bias), self.producer(product)?)
                    else {
                        return Ok(None);
                    };
                    if product.kind != "MatMul" {
                        return Ok(None);
                    }
                    Ok(match self.layer(Some(product))? {
                        Layer::Linear { input, weight, .. } => Some(Layer::Linear {
                            input,
                            weight,
                            is_transposed: false,
                            bias: Some(bias),
                        }),
                        _ => None,
                    })
                };
                match of(first, second)? {
                    Some(linear) => Some(linear),
                    None => of(second, first)?,
                }
            }
            _ => None,
        };
        Ok(layer.unwrap_or(Layer::Other(node)))
    }
}
