//! The commands, one a file.

pub mod align;
pub mod bench;
pub mod compare;
pub mod completions;
pub mod config;
pub mod data;
pub mod doctor;
pub mod embed;
pub mod eval;
pub mod export;
pub mod report;
pub mod same;
pub mod search;
pub mod sheet;
pub mod train;
