//! Each parser as a function of the bytes that it reads.
//!
//! Bytes that are no such file must give an error: what is found here is a panic, a hang, memory beyond bounds, or a value that does not survive
//! its own format. The functions panic where that is so.

// That is how a fuzzer and a test learn of it.
#![allow(clippy::expect_used)]

mod archive;
mod configuration;
mod detector;
mod embeddings;
mod index;
mod landmarks;
mod list;
mod lmdb;
mod pair_bin;
mod picture;
mod pool;
mod read_all;
mod scratch;
mod weights;

pub use archive::{record_io, tar, zip};
pub use configuration::configuration;
pub use detector::detector;
pub use embeddings::embeddings;
pub use index::index;
pub use landmarks::landmarks;
pub use list::list;
pub use lmdb::lmdb;
pub use pair_bin::pair_bin;
pub use picture::picture;
pub use pool::pool;
pub use weights::{onnx, weights, write_onnx};

/// A function of the bytes that a parser reads. Whether it took them.
pub type Parser = fn(&[u8]) -> bool;

/// All parsers, each by the name of its target and of its folder of seeds.
pub const ALL: [(&str, Parser); 15] = [
    ("configuration", configuration),
    ("detector", detector),
    ("embeddings", embeddings),
    ("index", index),
    ("landmarks", landmarks),
    ("list", list),
    ("lmdb", lmdb),
    ("onnx", onnx),
    ("pair_bin", pair_bin),
    ("picture", picture),
    ("pool", pool),
    ("record_io", record_io),
    ("tar", tar),
    ("weights", weights),
    ("zip", zip),
];
