use std::fmt;

/// How many names of a kind a message gives.
const SHOWN: usize = 8;

/// Everything in which the tensors of a file differ from those of a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TensorMismatch {
    /// Names of the network that the file lacks.
    pub missing: Vec<String>,
    /// Names of the file that the network lacks.
    pub unused: Vec<String>,
    /// Names of both whose shapes differ.
    pub shapes: Vec<ShapeMismatch>,
    /// The settings of the network that the file was written from, where it tells.
    pub network: Option<String>,
}

/// A tensor that has another shape in a file than in a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeMismatch {
    /// Name of the tensor, as in PyTorch.
    pub name: String,
    /// Its shape in the network, as PyTorch would have it.
    pub expected: Vec<usize>,
    /// Its shape in the file.
    pub found: Vec<usize>,
}

impl TensorMismatch {
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unused.is_empty() && self.shapes.is_empty()
    }
}

impl fmt::Display for TensorMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shapes: Vec<String> = self.shapes.iter().map(ToString::to_string).collect();
        let kinds = [
            ("missing", &self.missing),
            ("unused", &self.unused),
            ("of another shape", &shapes),
        ];
        let mut separator = "";
        for (kind, names) in kinds {
            if names.is_empty() {
                continue;
            }
            let shown = names.iter().take(SHOWN).map(String::as_str);
            let shown = shown.collect::<Vec<_>>().join(", ");
            write!(f, "{separator}{} {kind}: {shown}", names.len())?;
            if names.len() > SHOWN {
                write!(f, " and {} more", names.len() - SHOWN)?;
            }
            separator = "; ";
        }
        match &self.network {
            Some(network) => write!(f, "; the file was written from {network}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ShapeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            expected,
            found,
        } = self;
        write!(f, "{name} {found:?} instead of {expected:?}")
    }
}
