use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Collective;
use crate::{Error, Result};

/// Ranks of one process, a thread each: for several devices of one machine, and for tests.
///
/// A rank that panics, ends early or [aborts](Collective::abort) fails all others that wait for it.
///
/// ```
/// use ffc_core::collective::{Collective, Threads};
///
/// std::thread::scope(|scope| {
///     for rank in Threads::new(3) {
///         scope.spawn(move || {
///             let mut values = [rank.rank() as f32, 1.0];
///             rank.all_reduce_sum(&mut values).unwrap();
///             assert_eq!(values, [3.0, 3.0]);
///         });
///     }
/// });
/// ```
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    meeting: Arc<Meeting>,
}

/// Where ranks meet: what each gives is there for all, once all have come.
#[derive(Debug)]
struct Meeting {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// What each rank gives; what it is for comes first.
    given: Vec<Option<(Purpose, Vec<u8>)>>,
    /// Once all have come.
    together: Option<Arc<Given>>,
    /// Ranks that have taken it.
    taken: usize,
    /// The rank that ended first, and why.
    ended: Option<(usize, String)>,
}

type Given = Vec<(Purpose, Vec<u8>)>;

/// What a rank calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Sum,
    Max,
    Gather,
    Scatter,
    Broadcast(usize),
    Barrier,
}

impl Threads {
    /// A handle for each of so many ranks.
    pub fn new(ranks: usize) -> Vec<Self> {
        let meeting = Arc::new(Meeting {
            state: Mutex::new(State {
                given: (0..ranks).map(|_| None).collect(),
                together: None,
                taken: 0,
                ended: None,
            }),
            changed: Condvar::new(),
        });
        (0..ranks)
            .map(|rank| Self {
                rank,
                meeting: meeting.clone(),
            })
            .collect()
    }

    /// Gives something, and takes what all have given for the same purpose.
    fn exchange(&self, purpose: Purpose, bytes: Vec<u8>) -> Result<Arc<Given>> {
        // The round before may not be over for all.
        let mut state = self.wait(|state| state.together.is_none())?;
        state.given[self.rank] = Some((purpose, bytes));
        if state.given.iter().all(Option::is_some) {
            let given = state.given.iter_mut().filter_map(Option::take).collect();
            state.together = Some(Arc::new(given));
            state.taken = 0;
            self.meeting.changed.notify_all();
        }
        drop(state);
        let mut state = self.wait(|state| state.together.is_some())?;
        let together = state.together.clone();
        state.taken += 1;
        if state.taken == state.given.len() {
            state.together = None;
            self.meeting.changed.notify_all();
        }
        drop(state);
        let together = together.unwrap_or_default();
        match together.iter().position(|(other, _)| *other != purpose) {
            None => Ok(together),
            Some(rank) => {
                let other = together[rank].0;
                let problem = format!("it calls {other:?}, rank {} calls {purpose:?}", self.rank);
                Err(Error::Collective { rank, problem })
            }
        }
    }

    fn wait(&self, is_due: impl Fn(&State) -> bool) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        loop {
            if is_due(&state) {
                return Ok(state);
            }
            if let Some((rank, problem)) = &state.ended {
                return Err(Error::Collective {
                    rank: *rank,
                    problem: problem.clone(),
                });
            }
            let changed = self.meeting.changed.wait(state);
            state = changed.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.meeting.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, problem: &str) {
        let mut state = self.lock();
        state
            .ended
            .get_or_insert_with(|| (self.rank, problem.to_owned()));
        self.meeting.changed.notify_all();
    }

    /// Each value of all ranks folded, in the order of the ranks.
    fn fold(
        &self,
        purpose: Purpose,
        values: &[f32],
        fold: fn(f32, f32) -> f32,
    ) -> Result<Vec<f32>> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        let together = self.exchange(purpose, bytes.collect())?;
        let expected = together[self.rank].1.len();
        if let Some(rank) = (together.iter()).position(|(_, bytes)| bytes.len() != expected) {
            let problem = format!(
                "it gives {} values, rank {} {}",
                together[rank].1.len() / 4,
                self.rank,
                values.len()
            );
            return Err(Error::Collective { rank, problem });
        }
        let mut all = together.iter().map(|(_, bytes)| {
            let values = bytes.as_chunks::<4>().0.iter();
            values.map(|bytes| f32::from_le_bytes(*bytes))
        });
        let first: Vec<f32> = all.next().map_or_else(Vec::new, Iterator::collect);
        Ok(all.fold(first, |mut sums, values| {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = fold(*sum, value);
            }
            sums
        }))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.end(match std::thread::panicking() {
            true => "it panicked",
            false => "it has ended",
        });
    }
}

impl Collective for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.lock().given.len()
    }

    fn all_reduce_sum(&self, values: &mut [f32]) -> Result<()> {
        let sums = self.fold(Purpose::Sum, values, |a, b| a + b)?;
        values.copy_from_slice(&sums);
        Ok(())
    }

    fn all_reduce_max(&self, values: &mut [f32]) -> Result<()> {
        let greatest = self.fold(Purpose::Max, values, f32::max)?;
        values.copy_from_slice(&greatest);
        Ok(())
    }

    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let together = self.exchange(Purpose::Gather, bytes.to_vec())?;
        Ok(together.iter().map(|(_, bytes)| bytes.clone()).collect())
    }

    fn reduce_scatter_sum(&self, values: &[f32]) -> Result<Vec<f32>> {
        let sums = self.fold(Purpose::Scatter, values, |a, b| a + b)?;
        part(&sums, self.rank, self.ranks())
    }

    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>) -> Result<()> {
        let own = match root == self.rank {
            true => std::mem::take(bytes),
            false => Vec::new(),
        };
        let together = self.exchange(Purpose::Broadcast(root), own)?;
        let (_, found) = together.get(root).ok_or(Error::Collective {
            rank: root,
            problem: "there is no such rank to broadcast".into(),
        })?;
        bytes.clone_from(found);
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        self.exchange(Purpose::Barrier, Vec::new()).map(drop)
    }

    fn abort(&self, problem: &str) {
        self.end(problem);
    }
}

/// A rank's of equal parts.
fn part(values: &[f32], rank: usize, ranks: usize) -> Result<Vec<f32>> {
    if !values.len().is_multiple_of(ranks) {
        return Err(Error::Collective {
            rank,
            problem: format!("{} values are no {ranks} equal parts", values.len()),
        });
    }
    let length = values.len() / ranks;
    Ok(values[rank * length..][..length].to_vec())
}
