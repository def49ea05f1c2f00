//! Tests of the crate from outside, each against an oracle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod adaface;
mod bad_input;
mod class_weights;
mod collective;
mod fast_equals_oracle;
mod finite_differences;
mod full;
mod golden;
mod head;
mod margins;
mod moving_average;
mod naive;
mod oracle;
mod pairs;
mod partial;
mod queue;
mod record;
mod recorded;
mod sharded;
mod slot_map;
mod softmax;
mod stats;
mod support;
mod triplet;
mod virtual_fc;
