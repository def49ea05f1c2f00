//! TensorBoard's event files: records as TensorFlow frames them, each a protobuf `Event`.
//!
//! Field numbers are those of `event.proto` and `summary.proto` in TensorFlow.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::append_file::AppendFile;
use super::{EvaluationMetrics, Metric, StepMetrics};
use crate::{Error, Result};

/// Writes metrics as scalars of TensorBoard.
pub(super) struct EventFile {
    file: AppendFile,
}

impl EventFile {
    /// Begins a file `events.out.tfevents.<unix seconds>.<host>`. What earlier files say of step `from` and later ones is forgotten.
    pub(super) fn create(folder: &Path, from: u64) -> Result<Self> {
        let seconds = since_1970().as_secs();
        let name = format!("events.out.tfevents.{seconds}.{}", host());
        let mut path = folder.join(&name);
        // Two beginnings within a second.
        for number in 2.. {
            if !path.try_exists().map_err(Error::io("open", &path))? {
                break;
            }
            path = folder.join(format!("{name}.{number}"));
        }
        let file = AppendFile::create_new(&path)?;
        let mut events = Self { file };
        events.put(0, |event| event.text(3, "brain.Event:2"))?;
        // That is what a start of the session does.
        events.put(from, |event| {
            event.message(7, |session| session.integer(1, 1));
        })?;
        Ok(events)
    }

    pub(super) fn write(&mut self, metric: &Metric) -> Result<()> {
        let scalars = match metric {
            Metric::Step(metrics) => step_scalars(metrics),
            Metric::Evaluation(metrics) => vec![evaluation_scalar(metrics)],
        };
        self.put(metric.step(), |event| {
            event.message(5, |summary| {
                for (tag, value) in &scalars {
                    summary.message(1, |scalar| {
                        scalar.text(1, tag);
                        scalar.float(2, *value as f32);
                    });
                }
            });
        })
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync()
    }

    /// Appends an event with this step and what `fill` puts into it.
    fn put(&mut self, step: u64, fill: impl FnOnce(&mut Message)) -> Result<()> {
        let mut event = Message::default();
        event.double(1, since_1970().as_secs_f64());
        event.integer(2, step);
        fill(&mut event);
        self.file.append(&record(&event.0))
    }
}

fn step_scalars(metrics: &StepMetrics) -> Vec<(String, f64)> {
    let scalars = [
        ("train/loss", metrics.loss),
        ("train/learning_rate", metrics.learning_rate),
        ("train/gradient_norm", metrics.gradient_norm),
        ("train/epoch", metrics.epoch),
        ("speed/images_per_s", metrics.images_per_s),
        ("speed/data_wait_share", metrics.data_wait_share),
    ];
    let scalars = scalars.map(|(tag, value)| (tag.to_owned(), value));
    let head = metrics.head.iter();
    let head = head.filter_map(|(name, value)| Some((format!("head/{name}"), value?)));
    scalars.into_iter().chain(head).collect()
}

fn evaluation_scalar(metrics: &EvaluationMetrics) -> (String, f64) {
    let EvaluationMetrics {
        name,
        network,
        measure,
        ..
    } = metrics;
    (
        format!("evaluation/{name}/{network}/{measure}"),
        metrics.value,
    )
}

/// A record: its length, the length's checksum, the data, the data's checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend(length);
    record.extend(masked_checksum(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked_checksum(data).to_le_bytes());
    record
}

/// CRC32C, turned and shifted so that checksums of data that hold checksums stay good.
fn masked_checksum(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

/// A protobuf message.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// The field's number and how its value is laid out: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
    fn key(&mut self, field: u64, layout: u64) {
        self.varint(field << 3 | layout);
    }

    fn integer(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn float(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    fn text(&mut self, field: u64, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    fn message(&mut self, field: u64, fill: impl FnOnce(&mut Self)) {
        let mut message = Self::default();
        fill(&mut message);
        self.bytes(field, &message.0);
    }
}

fn since_1970() -> Duration {
    // A clock before 1970 is no reason to stop.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The machine's name in letters that suit a file name.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME"))
        .or_else(|_| std::env::var("COMPUTERNAME"))
        .unwrap_or_default();
    let name: String = name
        .trim()
        .chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' => letter,
            _ => '_',
        })
        .collect();
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name
    }
}
