use std::collections::{BTreeMap, BTreeSet};

use burn::store::burn_pack::Tensor as StoredTensor;

use super::{ShapeMismatch, TensorInfo, TensorMismatch};

/// PyTorch counts batches in its norms and never reads the count.
pub(super) const COUNTER: &str = "num_batches_tracked";

/// Where FFC's training and many others put the weights of a checkpoint: these count where a file holds several networks.
const CHECKPOINT: &str = "state_dict.";

/// The tensors of a file as those of a network.
pub(super) struct Found {
    /// Under the network's names.
    pub(super) tensors: BTreeMap<String, StoredTensor>,
    /// Names of tensors that are no part of the network, such as a head's.
    pub(super) left_out: Vec<String>,
}

impl Found {
    /// Looks for a network's tensors among those of a file, whatever stands before all of their names: a checkpoint's keys, and what PyTorch's
    /// wrappers put there (`module.`, `_orig_mod.`).
    ///
    /// # Errors
    /// Where they lie in several places, names those.
    pub(super) fn new(
        network: &[TensorInfo],
        file: BTreeMap<String, StoredTensor>,
    ) -> Result<Self, String> {
        let prefix = prefix(network, &file)?;
        let (mut tensors, mut left_out) = (BTreeMap::new(), Vec::new());
        for (name, tensor) in file {
            if name.ends_with(COUNTER) {
                continue;
            }
            match name.strip_prefix(&prefix) {
                Some(plain) => {
                    tensors.insert(plain.to_owned(), tensor);
                }
                None => left_out.push(name),
            }
        }
        // A deeper network has all tensors of a shallower one: what is more in a part of the network is no head.
        let parts: BTreeSet<&str> = network.iter().map(|tensor| part(&tensor.name)).collect();
        let foreign: Vec<String> = (tensors.keys())
            .filter(|name| !parts.contains(part(name)))
            .cloned()
            .collect();
        for name in foreign {
            tensors.remove(&name);
            left_out.push(name);
        }
        Ok(Self { tensors, left_out })
    }

    /// In what they differ from the network's.
    pub(super) fn compare(&self, network: &[TensorInfo]) -> TensorMismatch {
        let mut mismatch = TensorMismatch::default();
        let mut unused: BTreeSet<&str> = self.tensors.keys().map(String::as_str).collect();
        for tensor in network {
            unused.remove(tensor.name.as_str());
            match self.tensors.get(&tensor.name) {
                None => mismatch.missing.push(tensor.name.clone()),
                Some(stored) if stored.shape.as_slice() != tensor.shape => {
                    mismatch.shapes.push(ShapeMismatch {
                        name: tensor.name.clone(),
                        expected: tensor.shape.clone(),
                        found: stored.shape.to_vec(),
                    });
                }
                Some(_) => {}
            }
        }
        mismatch.unused = unused.into_iter().map(str::to_owned).collect();
        // Of a file that has nothing of the network, all of it tells what it is.
        if mismatch.missing.len() == network.len() {
            mismatch.unused.extend(self.left_out.iter().cloned());
            mismatch.unused.sort_unstable();
        }
        mismatch
    }
}

/// The first part of a name.
fn part(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

/// What stands before the names of most of the network's tensors.
fn prefix(network: &[TensorInfo], file: &BTreeMap<String, StoredTensor>) -> Result<String, String> {
    let names: BTreeSet<&str> = network.iter().map(|tensor| &*tensor.name).collect();
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for name in file.keys() {
        // Every ending of the name that begins a part may be a name of the network.
        let begins = std::iter::once(0).chain(name.match_indices('.').map(|(dot, _)| dot + 1));
        for begin in begins {
            let (before, rest) = name.split_at(begin);
            if names.contains(rest) {
                *found.entry(before).or_default() += 1;
            }
        }
    }
    let most = found.values().copied().max().unwrap_or_default();
    // Parts of other networks have names like some of this one's.
    if 2 * most < network.len() {
        return Ok(String::new());
    }
    let best = found.into_iter().filter(|(_, tensors)| *tensors == most);
    let best: Vec<&str> = best.map(|(prefix, _)| prefix).collect();
    match best[..] {
        [] => Ok(String::new()),
        [only] => Ok(only.to_owned()),
        _ if best.contains(&"") => Ok(String::new()),
        _ => {
            let checkpoint = best.iter().filter(|prefix| prefix.starts_with(CHECKPOINT));
            match checkpoint.collect::<Vec<_>>()[..] {
                [only] => Ok((*only).to_owned()),
                _ => Err(format!(
                    "it holds several networks, under `{}`; save the one that is meant alone",
                    best.join("`, `")
                )),
            }
        }
    }
}
