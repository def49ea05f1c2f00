use std::sync::Arc;
use std::time::Duration;

use ffc_core::collective::{Alone, Collective};
use ffc_data::ErrorChain;

use crate::error::{Error, Result};

/// What launchers of MPI programs tell each process of how many there are: OpenMPI's, those that speak PMI, Slurm's.
const COUNTS: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];
/// What they tell where they do not tell that.
const NUMBERS: [&str; 2] = ["PMIX_RANK", "PMI_RANK"];

/// The processes that `mpirun` has started to do one thing together; this one alone where it was not started so.
///
/// One that ends without [`finish`](Self::finish) ends the others too, which would wait for it.
pub struct Ranks {
    collective: Arc<dyn Collective>,
    #[cfg(feature = "mpi")]
    mpi: Option<Arc<ffc_mpi::Mpi>>,
}

impl Ranks {
    pub fn alone() -> Self {
        Self {
            collective: Arc::new(Alone),
            #[cfg(feature = "mpi")]
            mpi: None,
        }
    }

    /// Joins the others. What they wait for each other is limited.
    ///
    /// # Errors
    /// Where the build has no MPI, or it fails.
    #[cfg(feature = "mpi")]
    pub fn join(limit: Duration) -> Result<Self> {
        if !are_launched() {
            return Ok(Self::alone());
        }
        let mpi = ffc_mpi::Mpi::join(limit);
        let mpi = mpi.map_err(|error| Error::Failed(ErrorChain(&error).to_string()))?;
        let found = mpi.ranks();
        if let Some(count) = launched().filter(|&count| count != found) {
            mpi.finish();
            return Err(Error::Usage(format!(
                "{count} processes were launched, but this build's MPI, {}, knows of {found}: launch it with that MPI's own mpirun, or with srun --mpi=pmix",
                ffc_mpi::library()
            )));
        }
        let mpi = Arc::new(mpi);
        Ok(Self {
            collective: mpi.clone(),
            mpi: Some(mpi),
        })
    }

    /// Refuses to be one of several: each would train alone, all in one folder.
    ///
    /// # Errors
    /// Where it is launched as such.
    #[cfg(not(feature = "mpi"))]
    pub fn join(_: Duration) -> Result<Self> {
        match are_launched() {
            false => Ok(Self::alone()),
            true => Err(Error::Usage(
                "this build has no MPI, so the processes that were launched would each train alone: build it with `cargo build --release --features mpi`".into(),
            )),
        }
    }

    pub fn collective(&self) -> Arc<dyn Collective> {
        self.collective.clone()
    }

    /// Whether this one decides, writes and speaks.
    pub fn is_first(&self) -> bool {
        self.collective.rank() == 0
    }

    pub fn are_several(&self) -> bool {
        self.collective.ranks() > 1
    }

    /// This rank among those of its machine: the number of its GPU.
    pub fn on_host(&self) -> usize {
        #[cfg(feature = "mpi")]
        if let Some(mpi) = &self.mpi {
            return mpi.rank_on_host();
        }
        0
    }

    /// `rank 1 of 4: ` where there are several.
    pub fn name(&self) -> String {
        match self.are_several() {
            false => String::new(),
            true => format!(
                "rank {} of {}: ",
                self.collective.rank(),
                self.collective.ranks()
            ),
        }
    }

    /// Gives all what the first rank has.
    ///
    /// # Errors
    /// Where a rank fails.
    pub fn of_first<T: serde::Serialize + serde::de::DeserializeOwned>(
        &self,
        own: &T,
    ) -> Result<T> {
        let failed = |error: serde_json::Error| Error::Failed(ErrorChain(&error).to_string());
        let mut bytes = serde_json::to_vec(own).map_err(failed)?;
        let told = self.collective.broadcast(0, &mut bytes);
        told.map_err(ffc_train::Error::from)?;
        serde_json::from_slice(&bytes).map_err(failed)
    }

    /// Leaves in peace, when all have come to this.
    pub fn finish(&self) {
        #[cfg(feature = "mpi")]
        if let Some(mpi) = &self.mpi {
            mpi.finish();
        }
    }

    /// Ends all, this process too, where there are others.
    pub fn abort(&self, code: u8) {
        let _ = code;
        #[cfg(feature = "mpi")]
        if let Some(mpi) = &self.mpi {
            mpi.abort_with(code);
        }
    }
}

/// How many processes the launcher says there are.
fn launched() -> Option<usize> {
    let count = |name: &&str| std::env::var(name).ok()?.parse().ok();
    COUNTS.iter().find_map(count)
}

/// Whether this is one of several processes, or may be.
pub fn are_launched() -> bool {
    match launched() {
        Some(count) => count > 1,
        None => NUMBERS.iter().any(|name| std::env::var_os(name).is_some()),
    }
}
