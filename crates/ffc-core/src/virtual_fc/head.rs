use std::io::{Read, Write};

use burn::tensor::Tensor;

use super::joint::QUANTITIES;
use super::lent_rows::LentRows;
use super::{VirtualHead, VisitingOrder};
use crate::Result;
use crate::class_weights;
use crate::head::{Head, HeadInput, HeadOutput, Needs, StepContext, part};

/// The matrix of the rows.
const ROWS: &str = "virtual_rows.f32";
/// The matrix of their momentum.
const MOMENTUM: &str = "virtual_momentum.f32";
/// What is put back at the next step.
const LENT: &str = "virtual_lent.bin";

impl Head for VirtualHead {
    fn needs(&self) -> Needs {
        // The same for any set.
        self.config.needs(0)
    }

    fn quantities(&self) -> &'static [&'static str] {
        match self.joint {
            Some(_) => &QUANTITIES,
            None => &["conflicts", "conflict_share", "target_cosine"],
        }
    }

    fn step(&mut self, input: HeadInput, context: &StepContext) -> Result<HeadOutput> {
        let batch = input.single()?;
        if let Some(joint) = self.joint.take() {
            let (joint, output) = self.step_jointly(joint, batch, context);
            self.joint = Some(joint);
            return output;
        }
        let order = VisitingOrder::of_batch(&batch.identities);
        self.step_in_order(batch, &order, context)
    }

    fn parts(&self) -> &'static [&'static str] {
        match self.joint {
            Some(_) => &[
                ROWS,
                MOMENTUM,
                LENT,
                class_weights::WEIGHT,
                class_weights::MOMENTUM,
            ],
            None => &[ROWS, MOMENTUM, LENT],
        }
    }

    fn write_part(&self, part: &str, to: &mut dyn Write) -> Result<()> {
        match part {
            ROWS => part::write_matrix(part, &self.rows, to),
            MOMENTUM => part::write_matrix(part, &self.momentum, to),
            LENT => LentRows::write(self.lent.as_ref(), part, to),
            _ => match &self.joint {
                Some(joint) => joint.head.write_part(part, to),
                None => Err(part::unknown(part)),
            },
        }
    }

    fn read_part(&mut self, part: &str, from: &mut dyn Read) -> Result<()> {
        match part {
            ROWS => read_whole(part, &mut self.rows, from),
            MOMENTUM => read_whole(part, &mut self.momentum, from),
            LENT => {
                self.lent = LentRows::read(&self.rows, part, from)?;
                Ok(())
            }
            _ => match &mut self.joint {
                Some(joint) => joint.head.read_part(part, from),
                None => Err(part::unknown(part)),
            },
        }
    }
}

/// Reads a matrix, or leaves it as it is. There are few rows: two copies at once do no harm.
fn read_whole(part: &str, matrix: &mut Tensor<2>, from: &mut dyn Read) -> Result<()> {
    let mut read = matrix.clone();
    part::read_matrix(part, &mut read, from)?;
    *matrix = read;
    Ok(())
}
