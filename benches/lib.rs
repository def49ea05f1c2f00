//! What the benches share: the work of a head step, pictures in every format, and the tables at the end.

pub mod head_work;
pub mod memory;
pub mod picture_files;
pub mod table;
