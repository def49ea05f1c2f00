//! Ranks as threads: every operation against what it is by hand, and ranks that end.

use std::time::{Duration, Instant};

use ffc_core::Error;
use ffc_core::collective::{Alone, Collective, Threads};

/// What each rank gives.
fn values(rank: usize, length: usize) -> Vec<f32> {
    (0..length)
        .map(|at| ((rank * 31 + at * 7) as f32).sin())
        .collect()
}

/// Runs a function on every rank, and gives what they give.
fn on_all<T: Send>(ranks: usize, run: impl Fn(&Threads) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = Threads::new(ranks)
            .into_iter()
            .map(|rank| {
                let run = &run;
                scope.spawn(move || run(&rank))
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

/// Many rounds of all kinds, with no rest between them.
#[test]
fn operations_are_what_they_are_by_hand() {
    for ranks in [1, 2, 3, 5] {
        let expected_sum: Vec<f32> = (0..6)
            .map(|at| (1..ranks).fold(values(0, 6)[at], |sum, rank| sum + values(rank, 6)[at]))
            .collect();
        on_all(ranks, |all| {
            let rank = all.rank();
            assert_eq!(all.ranks(), ranks);
            for round in 0..200 {
                let mut sum = values(rank, 6);
                all.all_reduce_sum(&mut sum).unwrap();
                // Bit for bit: in the order of the ranks.
                assert_eq!(sum, expected_sum);
                let mut most = [rank as f32, -(rank as f32)];
                all.all_reduce_max(&mut most).unwrap();
                assert_eq!(most, [ranks as f32 - 1.0, 0.0]);
                let gathered = all.all_gather(&vec![rank as u8; rank + round % 3]).unwrap();
                for (other, bytes) in gathered.iter().enumerate() {
                    assert_eq!(*bytes, vec![other as u8; other + round % 3]);
                }
                let parts = all.reduce_scatter_sum(&values(rank, 2 * ranks)).unwrap();
                let mut whole = values(rank, 2 * ranks);
                all.all_reduce_sum(&mut whole).unwrap();
                assert_eq!(parts, whole[2 * rank..][..2]);
                let mut told = vec![rank as u8];
                all.broadcast(round % ranks, &mut told).unwrap();
                assert_eq!(told, [(round % ranks) as u8]);
                all.barrier().unwrap();
            }
        });
    }
}

#[test]
fn alone_is_one_rank() {
    let mut values = [1.5, -2.0];
    Alone.all_reduce_sum(&mut values).unwrap();
    Alone.all_reduce_max(&mut values).unwrap();
    assert_eq!(values, [1.5, -2.0]);
    assert_eq!(Alone.all_gather(b"ab").unwrap(), [b"ab"]);
    assert_eq!(Alone.reduce_scatter_sum(&values).unwrap(), values);
    assert_eq!((Alone.rank(), Alone.ranks()), (0, 1));
}

fn problem(error: Error) -> (usize, String) {
    match error {
        Error::Collective { rank, problem } => (rank, problem),
        other => panic!("{other}"),
    }
}

/// Nobody waits for ever, whatever a rank does.
#[test]
fn a_rank_that_ends() {
    let begin = Instant::now();
    // It is done too soon.
    let found = on_all(3, |all| match all.rank() {
        1 => Ok(()),
        _ => all.barrier(),
    });
    for found in [&found[0], &found[2]] {
        let (rank, said) = match found {
            Err(Error::Collective { rank, problem }) => (*rank, problem),
            other => panic!("{other:?}"),
        };
        assert_eq!((rank, said.as_str()), (1, "it has ended"));
    }
    // It panics.
    let mut ranks = Threads::new(2);
    let (second, first) = (ranks.pop().unwrap(), ranks.pop().unwrap());
    let panics = std::thread::spawn(move || {
        let _held = second;
        panic!("a test's");
    });
    let (rank, said) = problem(first.all_reduce_sum(&mut [1.0]).unwrap_err());
    assert_eq!((rank, said.as_str()), (1, "it panicked"));
    assert!(panics.join().is_err());
    // It says so.
    let found = on_all(2, |all| match all.rank() {
        0 => {
            all.abort("the disk is full");
            Ok(())
        }
        _ => all.all_gather(&[]).map(drop),
    });
    let (rank, said) = problem(found.into_iter().nth(1).unwrap().unwrap_err());
    assert_eq!((rank, said.as_str()), (0, "the disk is full"));
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn ranks_that_do_not_fit_are_told() {
    let found = on_all(2, |all| all.all_reduce_sum(&mut vec![1.0; 2 + all.rank()]));
    for (rank, found) in found.into_iter().enumerate() {
        let (other, said) = problem(found.unwrap_err());
        assert_eq!(other, 1 - rank);
        assert!(
            said.contains(&format!("gives {} values", 3 - rank)),
            "{said}"
        );
    }
    let found = on_all(2, |all| match all.rank() {
        0 => all.barrier(),
        _ => all.all_reduce_max(&mut [0.0]),
    });
    for found in found {
        assert!(problem(found.unwrap_err()).1.contains("calls"));
    }
    let found = on_all(2, |all| all.reduce_scatter_sum(&[1.0; 3]));
    for found in found {
        assert!(problem(found.unwrap_err()).1.contains("equal parts"));
    }
}
