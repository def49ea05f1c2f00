//! Whether all ranks have the same networks and head still.

use std::io;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use ffc_files::Hashed;
use ffc_model::Backbone;

use super::Trainer;
use crate::{Error, Result};

impl Trainer {
    /// Does a rank's part of a checkpoint that the first one writes: gives its shard of a sharded head.
    ///
    /// # Errors
    ///
    /// Where a device or a rank fails.
    pub(crate) fn give_shard(&self) -> Result<()> {
        if self.head.is_sharded() {
            for part in self.head.parts() {
                self.head.write_part(part, &mut io::sink())?;
            }
        }
        Ok(())
    }

    /// Compares hashes of the networks over all ranks. What a norm has seen of its rank's pictures is left out: that is made equal by
    /// [`average_running_statistics`](Self::average_running_statistics).
    ///
    /// # Errors
    ///
    /// [`Error::Core`] that names a rank which differs from the first; where a device or a rank fails.
    pub fn compare_networks(&self) -> Result<()> {
        self.compare(false)
    }

    /// The same with the head, of which all is read that the ranks have alike.
    ///
    /// # Errors
    ///
    /// As [`compare_networks`](Self::compare_networks).
    pub fn compare_ranks(&self) -> Result<()> {
        self.compare(true)
    }

    fn compare(&self, with_head: bool) -> Result<()> {
        let ranks = self.ranks.collective();
        if ranks.ranks() == 1 {
            return Ok(());
        }
        let mut hashes = vec![("network", network(&self.probe)?)];
        if let Some(gallery) = &self.gallery {
            hashes.push(("gallery network", network(gallery)?));
        }
        if with_head {
            let mut hashed = Hashed::new(io::sink());
            self.head.write_common(&mut hashed)?;
            hashes.push(("head", hashed.xxh3()));
        }
        let own: Vec<u8> = (hashes.iter())
            .flat_map(|(_, hash)| hash.to_le_bytes())
            .collect();
        // Disks and devices may differ in speed.
        ranks.barrier()?;
        let all = ranks.all_gather(&own)?;
        for (rank, other) in all.iter().enumerate() {
            let pairs = other.chunks(8).zip(all[0].chunks(8));
            let parts = hashes.iter().zip(pairs);
            let differing = parts.filter(|(_, (one, first))| one != first);
            let names: Vec<&str> = differing.map(|((name, _), _)| *name).collect();
            if !names.is_empty() || other.len() != all[0].len() {
                return Err(ffc_core::Error::Collective {
                    rank,
                    problem: format!(
                        "it has another {} than rank 0 after step {}: the ranks have come apart, so nothing more is saved. Go on from the last checkpoint; if it happens again, a device or its memory gives wrong results, or the ranks run different builds",
                        names.join(" and "),
                        self.step
                    ),
                }
                .into());
            }
        }
        Ok(())
    }
}

/// A hash of the parameters.
fn network(network: &Backbone) -> Result<u64> {
    struct Hash {
        learned: std::vec::IntoIter<bool>,
        hashed: Hashed<io::Sink>,
        failure: Option<String>,
    }

    impl ModuleVisitor for Hash {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.learned.next() != Some(true) {
                return;
            }
            match param.val().try_into_vec_as::<f32>() {
                Ok(values) => {
                    let bytes: Vec<u8> = (values.iter())
                        .flat_map(|value| value.to_le_bytes())
                        .collect();
                    // A sink takes everything.
                    let _ = io::Write::write_all(&mut self.hashed, &bytes);
                }
                Err(error) => self.failure = Some(error.to_string()),
            }
        }
    }

    let tensors = network.tensors().into_iter();
    let learned: Vec<bool> = tensors
        .map(|tensor| !tensor.is_running_statistic())
        .collect();
    let mut hash = Hash {
        learned: learned.into_iter(),
        hashed: Hashed::new(io::sink()),
        failure: None,
    };
    network.visit(&mut hash);
    match hash.failure {
        Some(failure) => Err(Error::Device(failure)),
        None => Ok(hash.hashed.xxh3()),
    }
}
