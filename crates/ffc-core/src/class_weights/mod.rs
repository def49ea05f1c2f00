//! Class weights that are trained with the networks: one row an identity, with its momentum. What full and partial classifiers share.

mod batch;
mod initial;
mod labels;
mod objective;
mod rows;
mod settings;
mod sgd;
mod shard;

use std::io::Write;

pub(crate) use batch::Batch;
pub(crate) use initial::InitialWeights;
pub(crate) use labels::{LabelsInChunk, check_labels};
pub(crate) use objective::{Objective, Outcome};
pub(crate) use rows::{HELD, Rows, check_identities};
pub(crate) use settings::Settings;
pub(crate) use sgd::Sgd;
pub(crate) use shard::{ELSEWHERE, Shard};

use crate::Result;
use crate::head::Head;

/// Part of a head's state: the class weights.
pub(crate) const WEIGHT: &str = "weight.f32";
/// Part of a head's state: their momenta.
pub(crate) const MOMENTUM: &str = "momentum.f32";

/// Writes what ranks have alike: of weights in shards the margin's state alone.
pub(crate) fn write_common(head: &dyn Head, to: &mut dyn Write) -> Result<()> {
    let is_common = |part: &&&str| !head.is_sharded() || ![WEIGHT, MOMENTUM].contains(*part);
    for part in head.parts().iter().filter(is_common) {
        head.write_part(part, to)?;
    }
    Ok(())
}
