//! Tests of the crate from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod folder_lock;
mod hashed;
mod new_file;
#[cfg(unix)]
mod process;
mod text;
