use std::io::{Read, Write};

use super::QueueHead;
use crate::Result;
use crate::head::{Head, HeadInput, HeadOutput, Needs, StepContext, part};

/// The matrix of the queue's features.
const FEATURES: &str = "queue_features.f32";
/// The identities of the queue's entries, and which entry is written next.
const IDENTITIES: &str = "queue_identities.u64";

impl Head for QueueHead {
    fn needs(&self) -> Needs {
        // The same for any set.
        self.config.needs(0)
    }

    fn quantities(&self) -> &'static [&'static str] {
        &["target_cosine", "masked_share", "queue_fill"]
    }

    fn step(&mut self, input: HeadInput, _context: &StepContext) -> Result<HeadOutput> {
        self.score(input.single()?)
    }

    fn parts(&self) -> &'static [&'static str] {
        &[FEATURES, IDENTITIES]
    }

    fn write_part(&self, part: &str, to: &mut dyn Write) -> Result<()> {
        match part {
            FEATURES => self.queue.write_features(part, to),
            IDENTITIES => self.queue.write_identities(part, to),
            _ => Err(part::unknown(part)),
        }
    }

    fn read_part(&mut self, part: &str, from: &mut dyn Read) -> Result<()> {
        match part {
            FEATURES => self.queue.read_features(part, from),
            IDENTITIES => self.queue.read_identities(part, self.batch, from),
            _ => Err(part::unknown(part)),
        }
    }
}
