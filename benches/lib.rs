//! What the benches share: settings, the work of a head step, pictures in every format, and the tables at the end.

pub mod any_head;
pub mod counting;
pub mod head_work;
pub mod job;
pub mod memory;
pub mod picture_files;
pub mod settings;
pub mod spans;
pub mod table;
