//! Tests of ffc-align as its users see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod detector;
mod golden;
mod set;
mod support;
mod transform;
