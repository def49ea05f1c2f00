//! Ranks of a training as processes of MPI, started by `mpirun`, on one machine or several.
//!
//! `Mpi` is the `Collective` of `ffc-core` for this process. All of it is behind the feature `mpi`: without it the crate is
//! empty, and no MPI is needed to build it. It is written to the standard, for OpenMPI and MPICH.

#[cfg(feature = "mpi")]
mod process;

#[cfg(feature = "mpi")]
pub use process::{Mpi, library};
