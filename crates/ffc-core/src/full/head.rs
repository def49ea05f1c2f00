use std::io::{Read, Write};

use super::FullHead;
use crate::Result;
use crate::class_weights::{MOMENTUM, WEIGHT, write_common};
use crate::head::{BatchForm, Head, HeadInput, HeadOutput, Needs, StepContext, part};
use crate::margin::part::{MARGIN, read_state, write_state};

impl Head for FullHead {
    fn needs(&self) -> Needs {
        Needs::only(BatchForm::Instances)
    }

    fn quantities(&self) -> &'static [&'static str] {
        &["target_cosine"]
    }

    fn step(&mut self, input: HeadInput, context: &StepContext) -> Result<HeadOutput> {
        self.score(input.single()?, context)
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
            WEIGHT => self.shard.write_rows(part, &self.rows.weight, to),
            MOMENTUM => self.shard.write_rows(part, &self.rows.momentum, to),
            MARGIN => write_state(&*self.margin, to),
            _ => Err(part::unknown(part)),
        }
    }

    fn write_common(&self, to: &mut dyn Write) -> Result<()> {
        write_common(self, to)
    }

    fn read_part(&mut self, part: &str, from: &mut dyn Read) -> Result<()> {
        match part {
            WEIGHT => self.shard.read_rows(part, &mut self.rows.weight, from),
            MOMENTUM => self.shard.read_rows(part, &mut self.rows.momentum, from),
            MARGIN => read_state(&mut *self.margin, from),
            _ => Err(part::unknown(part)),
        }
    }
}
