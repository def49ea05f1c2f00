//! Trainings by several processes that `mpirun` starts: what one process finds, and how all end when one does.
#![cfg(feature = "mpi")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod launch;
mod tiny;

use std::fs;
use std::process::{Child, Command};
use std::time::Instant;

use launch::{MOST, assert_near, assert_same, column, course, finish, said, train, until};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The losses of one process, and of two and four.
#[test]
fn processes_find_what_one_finds() {
    let folder = tempfile::tempdir().unwrap();
    let config = course(&folder);
    let config = config.to_str().unwrap();
    let of = |name: &str| folder.path().join(name);
    let one = of("1");
    finish(train(1, &[config, "--out", one.to_str().unwrap()]));
    for ranks in [2, 4] {
        let run = of(&ranks.to_string());
        finish(train(ranks, &[config, "--out", run.to_str().unwrap()]));
        assert_near(&run, &one);
        assert!(run.join("report.html").exists());
    }
}

/// The children of `mpirun`.
fn processes(launcher: &Child) -> Vec<String> {
    let id = launcher.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let children = children.unwrap_or_default();
    children.split_whitespace().map(str::to_owned).collect()
}

fn signal(process: &str, signal: &str) {
    let sent = Command::new("kill").args([signal, process]).status();
    assert!(sent.unwrap().success(), "kill {signal} {process}");
}

/// Killed at random, any of them, ten times: all end, and the run ends as one that was left alone.
#[test]
fn a_killed_process_ends_all_and_the_run_can_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = course(&folder);
    let config = config.to_str().unwrap();
    let of = |name: &str| folder.path().join(name);
    let whole = of("whole");
    let begin = Instant::now();
    finish(train(2, &[config, "--out", whole.to_str().unwrap()]));
    let mut duration = begin.elapsed();

    let mut rng = StdRng::seed_from_u64(0);
    let (mut kills, mut runs) = (0, 0);
    while kills < 10 {
        let run = of(&format!("run-{runs}"));
        let path = run.to_str().unwrap();
        runs += 1;
        assert!(runs < 50, "only {kills} processes could be killed");
        let mut whole_run = Some(Instant::now());
        loop {
            let mut command = match run.join("config.toml").exists() {
                true => train(2, &["--resume", path]),
                false => train(2, &[config, "--out", path]),
            };
            let launcher = command.spawn().unwrap();
            std::thread::sleep(duration.mul_f64(rng.random_range(0.0..1.0)));
            let ranks = processes(&launcher);
            let killed = match ranks.is_empty() || kills == 10 {
                true => false,
                false => {
                    let rank = &ranks[rng.random_range(0..ranks.len())];
                    // It may have ended just now.
                    let kill = Command::new("kill").args(["-KILL", rank]).output().unwrap();
                    kill.status.success()
                }
            };
            let begin = Instant::now();
            let output = launcher.wait_with_output().unwrap();
            match output.status.success() {
                true => {
                    // Where the machine was busy at first, kills would come too late.
                    if let Some(begin) = whole_run {
                        duration = duration.min(begin.elapsed());
                    }
                    break;
                }
                false => {
                    whole_run = None;
                    assert!(killed, "{}", said(&output));
                    assert!(begin.elapsed() < MOST, "{:?}", begin.elapsed());
                    kills += 1;
                }
            }
        }
        assert_same(&run, &whole);
    }
    println!("{kills} kills in {runs} runs");
}

/// A signal to `mpirun` saves and stops all; one process goes on, and two again.
#[test]
fn a_signal_saves_and_stops_all() {
    let folder = tempfile::tempdir().unwrap();
    let config = course(&folder);
    let config = config.to_str().unwrap();
    let of = |name: &str| folder.path().join(name);
    let (one, run) = (of("one"), of("run"));
    finish(train(1, &[config, "--out", one.to_str().unwrap()]));
    let path = run.to_str().unwrap();
    let mut arguments = vec![config, "--out", path, "--set", "training.length=2000 steps"];
    for ranks in [2, 4] {
        let launcher = train(ranks, &arguments).spawn().unwrap();
        let table = run.join("metrics.csv");
        let lines = || {
            fs::read_to_string(&table)
                .unwrap_or_default()
                .lines()
                .count()
        };
        let before = lines();
        until(|| lines() > before.max(2));
        let begin = Instant::now();
        signal(&launcher.id().to_string(), "-USR1");
        let output = launcher.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", said(&output));
        assert!(begin.elapsed() < MOST);
        arguments = vec!["--resume", path];
    }
    finish(train(
        1,
        &["--resume", path, "--set", "training.length=400 steps"],
    ));
    assert_eq!(column(&run.join("metrics.csv"), "step").len(), 400);
}

/// A picture that cannot be read, by one of the processes.
#[test]
fn what_one_cannot_read_ends_all_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("people");
    for person in 0..20u8 {
        fs::create_dir_all(pictures.join(person.to_string())).unwrap();
        for number in 0..4u8 {
            let mut file = b"P5\n16 16\n255\n".to_vec();
            file.extend((0..=255u8).map(|at| at.wrapping_mul(number + 3) ^ (person * 12)));
            fs::write(pictures.join(format!("{person}/{number}.pgm")), file).unwrap();
        }
    }
    let config = course(&folder);
    let text = fs::read_to_string(&config).unwrap();
    let begin = text.find("[[evaluation]]").unwrap();
    let end = text.find("\n[training]").unwrap();
    let text = format!("{}{}", &text[..begin], &text[end..]);
    let source = text
        .lines()
        .find(|line| line.starts_with("source"))
        .unwrap();
    fs::write(
        &config,
        text.replace(source, &format!("path = {pictures:?}")),
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let of = |name: &str| folder.path().join(name);
    let (whole, run) = (of("whole"), of("run"));
    finish(train(2, &[config, "--out", whole.to_str().unwrap()]));

    let damaged = pictures.join("7/2.pgm");
    let picture = fs::read(&damaged).unwrap();
    fs::write(&damaged, "none").unwrap();
    let output = train(2, &[config, "--out", run.to_str().unwrap()])
        .output()
        .unwrap();
    let message = said(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("error: rank "), "{message}");
    assert!(message.contains("2.pgm"), "{message}");
    fs::write(&damaged, picture).unwrap();
    finish(train(2, &["--resume", run.to_str().unwrap()]));
    assert_same(&run, &whole);
}

/// What is wrong with the command is said once, and ends all.
#[test]
fn what_is_wrong_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = course(&folder);
    let config = config.to_str().unwrap();
    for (ranks, arguments, part) in [
        (3, vec![config], "loader.batch"),
        (2, vec!["no-such.toml"], "no-such.toml"),
        (2, vec!["--resume", "nowhere"], "no run lies there"),
    ] {
        let output = train(ranks, &arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let message = said(&output);
        assert!(!output.status.success(), "{message}");
        assert_eq!(message.matches(part).count(), 1, "{message}");
    }
}
