use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ffc_core::collective::Collective;
use ffc_core::{Error, Result};
use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::datatype::PartitionMut;
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;

/// Bytes that one call sends: MPI counts in 31 bits.
const PIECE: usize = 1 << 28;

/// How long an end waits for MPI itself before the process ends without it.
const ABORT_WITHIN: Duration = Duration::from_secs(5);

/// This process as one of the ranks that `mpirun` has started.
///
/// A thread of its own calls MPI, whatever thread asks. A call that the others do not join within the limit ends this process, with a message
/// that names its rank and what it waited for: the launcher then ends the others. [`barrier`](Collective::barrier) and
/// [`broadcast`](Collective::broadcast) wait for as long as it takes, since a rank may have long work of its own before them; a process that has
/// ended in the meantime is the launcher's to notice.
///
/// A rank that is dropped without [`finish`](Self::finish), by an error or a panic, ends all: else the others would wait for it for ever.
#[derive(Debug)]
pub struct Mpi {
    rank: usize,
    ranks: usize,
    rank_on_host: usize,
    ranks_on_host: usize,
    limit: Duration,
    /// None once it has finished.
    owner: Mutex<Option<Owner>>,
}

/// The thread that calls MPI.
#[derive(Debug)]
struct Owner {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

type Job = Box<dyn FnOnce(&SimpleCommunicator) + Send>;

/// Where a rank is: in the world, and on its host.
struct Place([usize; 4]);

impl Mpi {
    /// Joins the ranks. A call that the others do not join within `limit` ends this process.
    ///
    /// # Errors
    ///
    /// [`Error::Collective`] where this process has joined before, or no thread can be started.
    pub fn join(limit: Duration) -> Result<Self> {
        let failed = |problem: String| Error::Collective { rank: 0, problem };
        let (jobs, receive) = channel();
        let (tell, told) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("ffc-mpi".into())
            .spawn(move || own(&receive, |place| drop(tell.send(place))))
            .map_err(|error| failed(format!("no thread for MPI: {error}")))?;
        // It ends without a word where MPI was initialised before.
        let place = told.recv();
        let Place([rank, ranks, rank_on_host, ranks_on_host]) =
            place.map_err(|_| failed("MPI cannot be initialised, or was before".into()))?;
        Ok(Self {
            rank,
            ranks,
            rank_on_host,
            ranks_on_host,
            limit,
            owner: Mutex::new(Some(Owner { jobs, thread })),
        })
    }

    /// This rank among those of its host, from 0 on: the number of its GPU.
    pub fn rank_on_host(&self) -> usize {
        self.rank_on_host
    }

    /// How many ranks its host has.
    pub fn ranks_on_host(&self) -> usize {
        self.ranks_on_host
    }

    /// Leaves in peace, once all have come to this.
    pub fn finish(&self) {
        let Some(Owner { jobs, thread }) = self.owner().take() else {
            return;
        };
        // The thread finalises MPI when there is nothing more to come.
        drop(jobs);
        let _ = thread.join();
    }

    /// Ends all ranks and this process with an exit code.
    pub fn abort_with(&self, code: u8) -> ! {
        let owner = self.owner();
        if let Some(owner) = &*owner {
            let sent = owner
                .jobs
                .send(Box::new(move |world| world.abort(code.into())));
            if sent.is_ok() {
                std::thread::sleep(ABORT_WITHIN);
            }
        }
        // The thread is in a call that does not end: the launcher sees that a process has gone.
        std::process::exit(code.into());
    }

    /// Has the thread call MPI, and waits for what it says, within the limit if there is one.
    fn call<T: Send + 'static>(
        &self,
        what: &str,
        limit: Option<Duration>,
        work: impl FnOnce(&SimpleCommunicator) -> T + Send + 'static,
    ) -> Result<T> {
        let failed = |problem: String| Error::Collective {
            rank: self.rank,
            problem,
        };
        let (reply, replied) = sync_channel(1);
        let job: Job = Box::new(move |world| drop(reply.send(work(world))));
        let sent = match &*self.owner() {
            Some(owner) => owner.jobs.send(job).is_ok(),
            None => false,
        };
        if !sent {
            return Err(failed(format!("it has left, and asks for {what}")));
        }
        match limit {
            None => replied.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(limit) => replied.recv_timeout(limit),
        }
        .map_err(|error| match error {
            RecvTimeoutError::Disconnected => failed(format!("MPI has failed in {what}")),
            RecvTimeoutError::Timeout => {
                let seconds = self.limit.as_secs();
                eprintln!(
                    "error: rank {}: the others did not come within {seconds} s to {what}: one hangs, or cannot be reached",
                    self.rank
                );
                // The thread that could abort is the one that waits.
                std::process::exit(1);
            }
        })
    }

    fn owner(&self) -> MutexGuard<'_, Option<Owner>> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reduce(
        &self,
        what: &str,
        values: &mut [f32],
        operation: fn() -> SystemOperation,
    ) -> Result<()> {
        let own = values.to_vec();
        let all = self.call(what, Some(self.limit), move |world| {
            let mut all = vec![0.0; own.len()];
            let pieces = own.chunks(PIECE / size_of::<f32>());
            for (own, all) in pieces.zip(all.chunks_mut(PIECE / size_of::<f32>())) {
                world.all_reduce_into(own, all, operation());
            }
            all
        })?;
        values.copy_from_slice(&all);
        Ok(())
    }
}

impl Drop for Mpi {
    fn drop(&mut self) {
        if self.owner().is_some() {
            // A panic has said what it is.
            if !std::thread::panicking() {
                eprintln!("error: rank {}: it leaves the others", self.rank);
            }
            self.abort_with(1);
        }
    }
}

/// Initialises MPI, tells where this rank is, does the jobs until there are no more, and finalises MPI.
fn own(jobs: &Receiver<Job>, tell: impl FnOnce(Place)) {
    let Some((universe, _)) = mpi::initialize_with_threading(Threading::Funneled) else {
        return;
    };
    let world = universe.world();
    let of_host = world.split_shared(world.rank());
    let place = [world.rank(), world.size(), of_host.rank(), of_host.size()];
    // Never negative.
    tell(Place(place.map(|number| number.unsigned_abs() as usize)));
    drop(of_host);
    for job in jobs {
        job(&world);
    }
}

/// The name and version of the MPI that this was built with.
pub fn library() -> String {
    let version = mpi::environment::library_version().unwrap_or_default();
    let line = version.lines().next().unwrap_or_default();
    line.trim_end_matches('\0').trim().to_owned()
}

impl Collective for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn all_reduce_sum(&self, values: &mut [f32]) -> Result<()> {
        self.reduce("a sum", values, SystemOperation::sum)
    }

    fn all_reduce_max(&self, values: &mut [f32]) -> Result<()> {
        self.reduce("a maximum", values, SystemOperation::max)
    }

    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let (own, ranks) = (bytes.to_vec(), self.ranks);
        self.call("a gathering", Some(self.limit), move |world| {
            let mut lengths = vec![0_u64; ranks];
            world.all_gather_into(&(own.len() as u64), &mut lengths[..]);
            let mut all: Vec<Vec<u8>> = (lengths.iter())
                .map(|&length| Vec::with_capacity(length as usize))
                .collect();
            // All ranks' pieces together are counted in 31 bits.
            let piece = PIECE / ranks;
            let longest = lengths.iter().max().map_or(0, |&length| length as usize);
            for begin in (0..longest).step_by(piece) {
                let of = |length: usize| begin.min(length)..(begin + piece).min(length);
                let counts: Vec<i32> = (lengths.iter())
                    .map(|&length| of(length as usize).len() as i32)
                    .collect();
                let begins: Vec<i32> = (counts.iter())
                    .scan(0, |end, count| {
                        *end += count;
                        Some(*end - count)
                    })
                    .collect();
                let mut pieces = vec![0_u8; counts.iter().map(|&count| count as usize).sum()];
                let mut parts = PartitionMut::new(&mut pieces[..], &counts[..], &begins[..]);
                world.all_gather_varcount_into(&own[of(own.len())], &mut parts);
                for ((all, &begin), &count) in all.iter_mut().zip(&begins).zip(&counts) {
                    all.extend_from_slice(&pieces[begin as usize..][..count as usize]);
                }
            }
            all
        })
    }

    fn reduce_scatter_sum(&self, values: &[f32]) -> Result<Vec<f32>> {
        let ranks = self.ranks;
        // MPI counts in 31 bits.
        if !values.len().is_multiple_of(ranks) || i32::try_from(values.len()).is_err() {
            return Err(Error::Collective {
                rank: self.rank,
                problem: format!(
                    "{} values are no {ranks} equal parts of 2,147,483,647 at most",
                    values.len()
                ),
            });
        }
        let (all, length) = (values.to_vec(), values.len() / ranks);
        self.call("a sum of parts", Some(self.limit), move |world| {
            let mut own = vec![0.0; length];
            world.reduce_scatter_block_into(&all[..], &mut own[..], SystemOperation::sum());
            own
        })
    }

    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>) -> Result<()> {
        if root >= self.ranks {
            return Err(Error::Collective {
                rank: root,
                problem: "there is no such rank to broadcast".into(),
            });
        }
        let mut own = match root == self.rank {
            true => std::mem::take(bytes),
            false => Vec::new(),
        };
        *bytes = self.call("a broadcast", None, move |world| {
            let root = world.process_at_rank(root as i32);
            let mut length = own.len() as u64;
            root.broadcast_into(&mut length);
            own.resize(length as usize, 0);
            for piece in own.chunks_mut(PIECE) {
                root.broadcast_into(piece);
            }
            own
        })?;
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        self.call("a barrier", None, |world| world.barrier())
    }

    fn abort(&self, problem: &str) {
        eprintln!("error: rank {}: {problem}", self.rank);
        self.abort_with(1);
    }
}
