//! What the benches share: the work of a head step, and the tables at the end.

pub mod head_work;
pub mod table;
