//! Tests of the crate from outside, each against an oracle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod config;
mod devices;
mod events;
mod fake_run;
mod metrics;
mod progress;
mod report;
mod resume;
mod support;
mod tiny;
mod trainer;
mod training;
