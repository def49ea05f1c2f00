use std::io::{Read, Write};

use super::PartialHead;
use super::weight_file::Half;
use crate::Result;
use crate::class_weights::{MOMENTUM, WEIGHT, write_common};
use crate::head::{BatchForm, Head, HeadInput, HeadOutput, Needs, StepContext, part};
use crate::margin::part::{MARGIN, read_state, write_state};

impl Head for PartialHead {
    fn needs(&self) -> Needs {
        Needs::only(BatchForm::Instances)
    }

    fn quantities(&self) -> &'static [&'static str] {
        &["target_cosine", "sampled_share"]
    }

    fn step(&mut self, input: HeadInput, context: &StepContext) -> Result<HeadOutput> {
        self.step_drawn(input.single()?, context)
    }

    fn parts(&self) -> &'static [&'static str] {
        match self.margin.state() {
            Some(_) => &[WEIGHT, MOMENTUM, MARGIN],
            None => &[WEIGHT, MOMENTUM],
        }
    }

    fn is_sharded(&self) -> bool {
        self.shard.is_part()
    }

    fn write_part(&self, part: &str, to: &mut dyn Write) -> Result<()> {
        match part {
            WEIGHT => self.store.write_part(&self.shard, part, Half::Weight, to),
            MOMENTUM => self.store.write_part(&self.shard, part, Half::Momentum, to),
            MARGIN => write_state(&*self.margin, to),
            _ => Err(part::unknown(part)),
        }
    }

    fn write_common(&self, to: &mut dyn Write) -> Result<()> {
        write_common(self, to)
    }

    fn read_part(&mut self, part: &str, from: &mut dyn Read) -> Result<()> {
        match part {
            WEIGHT => self.store.read_part(&self.shard, part, Half::Weight, from),
            MOMENTUM => self
                .store
                .read_part(&self.shard, part, Half::Momentum, from),
            MARGIN => read_state(&mut *self.margin, from),
            _ => Err(part::unknown(part)),
        }
    }
}
