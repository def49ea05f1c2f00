use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ffc_train::progress::Progress;

use super::support::step_metrics;

/// Collects what is written.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_come_first_last_and_at_times() {
    let shared = Shared::default();
    let hour = Duration::from_secs(3600);
    let progress = Progress::lines(shared.clone(), hour, 0, 1_200);
    for step in (10..=1_200).step_by(10) {
        progress.update(&step_metrics(step));
    }
    let lines = shared.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let parts = ["step 10/1,200", "loss 38.75", "512 images/s", " left"];
    assert!(
        parts.iter().all(|part| lines[0].contains(part)),
        "{lines:?}"
    );
    assert!(lines[1].contains("step 1,200/1,200"), "{lines:?}");
}

#[test]
fn a_resumed_run_has_no_time_left_before_its_first_step() {
    let shared = Shared::default();
    let progress = Progress::lines(shared.clone(), Duration::ZERO, 100, 200);
    progress.update(&step_metrics(100));
    progress.update(&step_metrics(110));
    let lines = shared.lines();
    assert!(
        !lines[0].contains("left") && lines[1].contains("left"),
        "{lines:?}"
    );
}

#[test]
fn messages_and_evaluations_are_lines_too() {
    let shared = Shared::default();
    let progress = Progress::lines(shared.clone(), Duration::ZERO, 0, 100);
    progress.message("picture 7 skipped");
    progress.evaluation("lfw", 12_000).update(3_000);
    progress.finish();
    assert_eq!(
        shared.lines(),
        ["picture 7 skipped", "evaluating lfw: image 3,000/12,000"]
    );
}

#[test]
fn a_closed_output_stops_nothing() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }
    let progress = Progress::lines(Closed, Duration::ZERO, 0, 100);
    progress.update(&step_metrics(10));
    progress.message("still here");
}
