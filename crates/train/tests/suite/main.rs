//! Tests of the crate from outside, each against an oracle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod any_head;
mod config;
mod devices;
mod evaluations;
mod events;
mod heads;
mod identities;
mod metrics;
mod mine;
mod progress;
mod ranks;
mod ranks_of_a_run;
mod resume;
mod scores;
mod support;
mod tiny;
mod trainer;
mod training;
