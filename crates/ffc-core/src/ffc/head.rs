use std::io::{Read, Write};

use burn::tensor::{Bytes, Tensor};

use super::head_config::needs;
use super::means::{Groups, Means};
use super::{FfcHead, FfcOutput, FfcStats};
use crate::Result;
use crate::head::{Head, HeadInput, HeadOutput, Needs, StepContext, part};
use crate::margin::part::{MARGIN, read_state, write_state};
use crate::slot_map::SlotMapState;

/// The file of the pool's record.
const POOL: &str = "pool.bpk";

impl Head for FfcHead {
    fn needs(&self) -> Needs {
        needs(self.prefill, self.config.gallery_sides)
    }

    fn quantities(&self) -> &'static [&'static str] {
        &FfcStats::NAMES
    }

    fn step(&mut self, input: HeadInput, _context: &StepContext) -> Result<HeadOutput> {
        let FfcOutput { loss, stats } = self.step(input.dual()?)?;
        Ok(HeadOutput {
            loss,
            quantities: stats.quantities(),
        })
    }

    fn prefill(&mut self, features: Tensor<2>, identities: &[u64]) -> Result<()> {
        self.pool.prefill(features, identities)
    }

    fn group_rows(&mut self, of_row: &[u32]) {
        if self.config.means == Means::Groups {
            self.groups = Groups::new(of_row.to_vec());
        }
    }

    fn is_sharded(&self) -> bool {
        self.pool.shard().ranks().is_some()
    }

    fn parts(&self) -> &'static [&'static str] {
        match self.margin.state() {
            Some(_) => &[POOL, MARGIN],
            None => &[POOL],
        }
    }

    fn write_part(&self, part: &str, to: &mut dyn Write) -> Result<()> {
        match part {
            POOL => {}
            MARGIN => return write_state(&*self.margin, to),
            _ => return Err(part::unknown(part)),
        }
        // The record's container is made whole, in the host's memory.
        to.write_all(&self.pool.to_bytes()?)
            .map_err(|error| part::failed(part, "written", error))
    }

    fn write_common(&self, to: &mut dyn Write) -> Result<()> {
        if !self.is_sharded() {
            self.write_part(POOL, to)?;
        } else {
            let SlotMapState {
                by_recency,
                next_layer,
            } = self.pool.slots().state();
            let of_slot = |(identity, slot): (u64, u32)| [identity, u64::from(slot)];
            let numbers = by_recency.into_iter().flat_map(of_slot);
            let mut bytes: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
            bytes.extend(next_layer);
            to.write_all(&bytes)
                .map_err(|error| part::failed(POOL, "written", error))?;
        }
        match self.margin.state() {
            Some(_) => write_state(&*self.margin, to),
            None => Ok(()),
        }
    }

    fn read_part(&mut self, part: &str, from: &mut dyn Read) -> Result<()> {
        match part {
            POOL => {}
            MARGIN => return read_state(&mut *self.margin, from),
            _ => return Err(part::unknown(part)),
        }
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)
            .map_err(|error| part::failed(part, "read", error))?;
        self.pool.read_bytes(Bytes::from_bytes_vec(bytes))
    }
}
