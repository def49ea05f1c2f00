//! Exact nearest neighbours by cosine among embeddings.
//!
//! A [`Gallery`] is a matrix of embeddings, in memory or in an [`EmbeddingFile`] that is mapped and not copied. Nothing is indexed and
//! nothing left out: every row is compared, once for all queries together, by all threads of rayon's pool.
//!
//! ```
//! use ffc_search::Gallery;
//!
//! let gallery = Gallery::new(2, &[1.0, 0.0, 0.0, 1.0, 3.0, 3.0])?;
//! let found = gallery.nearest(&[1.0, 0.1], 2)?;
//! assert_eq!(found[0][0].row, 0);
//! assert_eq!(found[0][1].row, 2);
//! # Ok::<(), ffc_search::Error>(())
//! ```

mod error;
mod file;
mod gallery;
mod kernel;
mod top;

pub use error::{Error, Result};
pub use file::EmbeddingFile;
pub use gallery::{Gallery, Neighbour};
