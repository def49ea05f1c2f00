//! Trainings side by side: which method, pool or loader pays on given pictures.
//!
//! A [`Plan`] is a base configuration with columns of settings, a grid and seeds. Each cell, a column with a seed, is an ordinary run in a
//! folder of its own, trained by a process of its own, for the same number of pictures or of seconds. The whole can be killed at any moment
//! and goes on where it was.
//!
//! | part | what |
//! |---|---|
//! | [`Plan`], [`Budget`] | what is compared, in TOML |
//! | [`Comparison`] | its cells in a folder, run side by side |
//! | [`Results`], [`Summary`] | what they reached: means with intervals over seeds, differences by seed |

mod budget;
mod cell;
mod column;
mod comparison;
mod error;
pub mod identities;

mod page;
mod plan;
mod program;
mod results;
mod statistics;
mod summary;

pub use budget::Budget;
pub use cell::{Cell, CellState};
pub use column::Column;
pub use comparison::{Comparison, Event, Expected};
pub use error::{Error, Result};
pub use plan::Plan;
pub use program::Program;
pub use results::{CellResult, ColumnResult, Found, Measured, Results};
pub use statistics::Interval;
pub use summary::{Summary, SummaryRow};
