//! What kernels for the CPU are made of, in safe Rust: loops compiled for several instruction sets, and sums, maxima and exponentials that
//! become vectors in them.
//!
//! ```
//! use ffc_simd::{exp, greatest, multiversion, sum_of};
//!
//! let mut row = [1.0, 2.0, 3.0_f32];
//! let log_sum_exp = multiversion(
//!     #[inline(always)]
//!     || {
//!         let max = greatest(&row);
//!         for x in &mut row {
//!             *x = exp(*x - max);
//!         }
//!         max + sum_of(&row, |x| x).ln()
//!     },
//! );
//! assert!((log_sum_exp - 3.407_606).abs() < 1e-6);
//! ```

mod exp;
mod multiversion;
mod reduction;

pub use exp::exp;
pub use multiversion::multiversion;
pub use reduction::{greatest, sum_of, sum_of_pairs};
