use rayon::prelude::*;

use crate::kernel::{self, Scan};
use crate::top::Top;
use crate::{Error, Result};

/// Rows that a thread takes at once: enough to be worth it, few enough to share a small gallery. That they are always the same keeps every
/// sum the same for any number of threads.
const BLOCK_BYTES: usize = 4 << 20;

/// Embeddings to search in, `[rows, dim]`, of any length: their cosines are taken.
#[derive(Debug, Clone, Copy)]
pub struct Gallery<'a> {
    dim: usize,
    values: &'a [f32],
}

/// A row of a gallery, and how near it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The row.
    pub row: usize,
    /// Its cosine with the query, -1 to 1 up to rounding; 0 where one of them is all zeros.
    pub cosine: f32,
}

impl<'a> Gallery<'a> {
    /// Takes embeddings that lie one after the other.
    ///
    /// # Errors
    /// [`Error::Shape`] where the numbers are no whole embeddings.
    pub fn new(dim: usize, values: &'a [f32]) -> Result<Self> {
        check_shape(dim, values)?;
        Ok(Self { dim, values })
    }

    /// Number of embeddings.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Dimensions of an embedding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// For each of `queries`, `[queries, dim]`, the `top` rows with the greatest cosines, the greatest first, of equal ones the earlier
    /// row; all rows where there are no more.
    ///
    /// Runs in rayon's current pool. The result is the same for any number of threads; with other queries beside it a query's cosines may
    /// differ by rounding.
    ///
    /// # Errors
    /// [`Error::Shape`] where the queries are no whole embeddings, [`Error::Top`] where `top` is 0, [`Error::NotFinite`] where a query or
    /// row is.
    pub fn nearest(&self, queries: &[f32], top: usize) -> Result<Vec<Vec<Neighbour>>> {
        check_shape(self.dim, queries)?;
        if top == 0 {
            return Err(Error::Top);
        }
        let queries = normalised(self.dim, queries)?;
        let count = queries.len() / self.dim;
        if self.is_empty() || count == 0 {
            return Ok(vec![Vec::new(); count]);
        }
        let rows_at_once = (BLOCK_BYTES / (self.dim * size_of::<f32>())).max(1);
        let keep = top.min(self.len());
        let new = || Ok((0..count).map(|_| Top::new(keep)).collect());
        let found: Result<Vec<Top>> = self
            .values
            .par_chunks(rows_at_once * self.dim)
            .enumerate()
            .try_fold(new, |mut tops: Result<Vec<Top>>, (block, rows)| {
                if let Ok(tops) = &mut tops {
                    kernel::run(Scan {
                        dim: self.dim,
                        queries: &queries,
                        rows,
                        first_row: block * rows_at_once,
                        tops,
                    })?;
                }
                Ok(tops)
            })
            .map(|tops| tops.and_then(|tops| tops))
            .reduce(new, |left, right| {
                let pairs = left?.into_iter().zip(right?);
                Ok(pairs.map(|(left, right)| left.merge(right)).collect())
            });
        Ok(found?.into_iter().map(Top::into_sorted).collect())
    }
}

fn check_shape(dim: usize, values: &[f32]) -> Result<()> {
    match dim > 0 && values.len().is_multiple_of(dim) {
        true => Ok(()),
        false => Err(Error::Shape {
            dim,
            values: values.len(),
        }),
    }
}

/// The queries with length 1, those of zeros as they are.
fn normalised(dim: usize, queries: &[f32]) -> Result<Vec<f32>> {
    let mut queries = queries.to_vec();
    for (row, query) in queries.chunks_exact_mut(dim).enumerate() {
        let square: f64 = query.iter().map(|&value| f64::from(value).powi(2)).sum();
        if !square.is_finite() {
            let what = "query";
            return Err(Error::NotFinite { what, row });
        }
        if square > 0.0 {
            let scale = square.sqrt().recip();
            for value in query {
                *value = (f64::from(*value) * scale) as f32;
            }
        }
    }
    Ok(queries)
}
