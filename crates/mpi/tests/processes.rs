//! Processes that `mpirun` starts: what they compute together, and how all of them end when one does. This program starts itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[cfg(not(feature = "mpi"))]
fn main() {
    println!("built without the feature mpi: nothing of it is tested");
}

#[cfg(feature = "mpi")]
fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("--as-rank") => rank::run(&std::env::args().nth(2).unwrap()),
        // How a test harness is asked what there is.
        Some("--list") => {}
        _ => launcher::run(),
    }
}

/// One of the processes.
#[cfg(feature = "mpi")]
mod rank {
    use std::time::Duration;

    use ffc_core::collective::Collective;
    use ffc_mpi::Mpi;

    pub fn run(role: &str) {
        let mpi = Mpi::join(Duration::from_secs(5)).unwrap();
        assert!(Mpi::join(Duration::from_secs(5)).is_err(), "joined twice");
        let last = mpi.rank() + 1 == mpi.ranks();
        match (role, last) {
            ("computes", _) => computes(&mpi),
            ("panics", true) => panic!("as it should"),
            ("returns", true) => return,
            ("aborts", true) => mpi.abort("the pictures are gone"),
            ("exits", true) => std::process::exit(7),
            ("hangs", true) => std::thread::sleep(Duration::from_secs(100)),
            _ => mpi.all_reduce_sum(&mut [1.0]).unwrap(),
        }
        mpi.finish();
        assert!(mpi.all_reduce_sum(&mut [1.0]).is_err(), "after the end");
    }

    /// Each call against what it must give.
    fn computes(mpi: &Mpi) {
        let (rank, ranks) = (mpi.rank(), mpi.ranks());
        assert_eq!((mpi.rank_on_host(), mpi.ranks_on_host()), (rank, ranks));
        let mut sums = [rank as f32, 1.0, -0.5];
        mpi.all_reduce_sum(&mut sums).unwrap();
        let count = ranks as f32;
        assert_eq!(sums, [count * (count - 1.0) / 2.0, count, -0.5 * count]);
        // The same bits everywhere, where the order of a sum shows.
        let mut sums: Vec<f32> = (0..10_000)
            .map(|at| ((at * 7919 + rank * 104_729) as f32).sin())
            .collect();
        mpi.all_reduce_sum(&mut sums).unwrap();
        let bytes: Vec<u8> = sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        let all = mpi.all_gather(&bytes).unwrap();
        assert!(all.iter().all(|other| *other == bytes));

        let mut greatest = [rank as f32, -(rank as f32)];
        mpi.all_reduce_max(&mut greatest).unwrap();
        assert_eq!(greatest, [count - 1.0, 0.0]);

        // Of different lengths, one of them empty.
        let own = vec![rank as u8; rank * 3];
        let all = mpi.all_gather(&own).unwrap();
        assert_eq!(all.len(), ranks);
        for (rank, other) in all.iter().enumerate() {
            assert_eq!(*other, vec![rank as u8; rank * 3]);
        }

        let values: Vec<f32> = (0..2 * ranks).map(|at| (at + rank) as f32).collect();
        let part = mpi.reduce_scatter_sum(&values).unwrap();
        let expected = |at: usize| (0..ranks).map(|rank| (at + rank) as f32).sum::<f32>();
        assert_eq!(part, [expected(2 * rank), expected(2 * rank + 1)]);
        let unequal = mpi.reduce_scatter_sum(&vec![0.0; 2 * ranks + 1]);
        assert_eq!(unequal.is_err(), ranks > 1);

        for root in 0..ranks {
            let mut bytes = vec![rank as u8; 5 + rank];
            mpi.broadcast(root, &mut bytes).unwrap();
            assert_eq!(bytes, vec![root as u8; 5 + root]);
        }
        assert!(mpi.broadcast(ranks, &mut Vec::new()).is_err());
        // Longer than the limit.
        if rank == 0 {
            std::thread::sleep(Duration::from_secs(7));
        }
        mpi.barrier().unwrap();
    }
}

/// What starts them.
#[cfg(feature = "mpi")]
mod launcher {
    use std::process::{Command, Output, Stdio};
    use std::time::{Duration, Instant};

    fn mpirun(ranks: usize, role: &str) -> (Output, Duration) {
        let begin = Instant::now();
        let output = Command::new("mpirun")
            .args([
                "--oversubscribe",
                "--bind-to",
                "none",
                "-n",
                &ranks.to_string(),
            ])
            .arg(std::env::current_exe().unwrap())
            .args(["--as-rank", role])
            .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
            .env("OMPI_MCA_mpi_yield_when_idle", "1")
            .stdin(Stdio::null())
            .output()
            .expect("mpirun is there where the crate was built with MPI");
        (output, begin.elapsed())
    }

    pub fn run() {
        for ranks in [1, 2, 4] {
            let (output, _) = mpirun(ranks, "computes");
            let message = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{ranks} ranks: {message}");
        }
        // How the last of three ends, and what is said of it.
        for (role, said) in [
            ("panics", "as it should"),
            ("returns", "error: rank 2: it leaves the others"),
            ("aborts", "error: rank 2: the pictures are gone"),
            // Nothing of its own.
            ("exits", ""),
            ("hangs", "the others did not come within 5 s to a sum"),
        ] {
            let (output, took) = mpirun(3, role);
            let message = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{role}: {message}");
            assert!(message.contains(said), "{role}: {message}");
            assert!(took < Duration::from_secs(60), "{role}: {took:?}");
            println!(
                "{role}: ended in {:.1} s, {}",
                took.as_secs_f64(),
                output.status
            );
        }
    }
}
