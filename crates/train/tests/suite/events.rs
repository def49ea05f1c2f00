//! Event files, read back by a reader that shares nothing with the writer.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use ffc_train::run::{Metric, MetricsWriter, StepMetrics};

use super::support::{QUANTITIES, evaluation, event_files, step, step_metrics};

/// CRC32C bit by bit, as its polynomial defines it.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The data of the records.
fn records(mut file: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while !file.is_empty() {
        let (length, rest) = file.split_at(8);
        let (length_crc, rest) = rest.split_at(4);
        assert_eq!(
            u32::from_le_bytes(length_crc.try_into().unwrap()),
            masked(length)
        );
        let (data, rest) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        let (data_crc, rest) = rest.split_at(4);
        assert_eq!(
            u32::from_le_bytes(data_crc.try_into().unwrap()),
            masked(data)
        );
        records.push(data);
        file = rest;
    }
    records
}

#[derive(Debug, Clone, PartialEq)]
enum Value<'a> {
    Integer(u64),
    Double(f64),
    Float(f32),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for place in 0.. {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

/// The fields of a protobuf message.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Value<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let layout = key & 7;
        let length = match layout {
            0 => 0,
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            _ => panic!("layout {layout}"),
        };
        let (taken, rest) = bytes.split_at(length);
        bytes = rest;
        let value = match layout {
            0 => Value::Integer(varint(&mut bytes)),
            1 => Value::Double(f64::from_le_bytes(taken.try_into().unwrap())),
            2 => Value::Bytes(taken),
            _ => Value::Float(f32::from_le_bytes(taken.try_into().unwrap())),
        };
        fields.push((key >> 3, value));
    }
    fields
}

#[derive(Debug, Default, PartialEq)]
struct Event {
    time: f64,
    step: u64,
    version: Option<String>,
    session_status: Option<u64>,
    scalars: BTreeMap<String, f32>,
}

fn event(bytes: &[u8]) -> Event {
    let mut event = Event::default();
    for (field, value) in fields(bytes) {
        match (field, value) {
            (1, Value::Double(time)) => event.time = time,
            (2, Value::Integer(step)) => event.step = step,
            (3, Value::Bytes(text)) => {
                event.version = Some(String::from_utf8(text.into()).unwrap())
            }
            (5, Value::Bytes(summary)) => {
                for (field, value) in fields(summary) {
                    let (1, Value::Bytes(value)) = (field, value) else {
                        panic!("field {field} of the summary")
                    };
                    let [(1, Value::Bytes(tag)), (2, Value::Float(value))] = fields(value)[..]
                    else {
                        panic!("no scalar")
                    };
                    let tag = String::from_utf8(tag.into()).unwrap();
                    assert_eq!(event.scalars.insert(tag, value), None);
                }
            }
            (7, Value::Bytes(session)) => {
                let [(1, Value::Integer(status))] = fields(session)[..] else {
                    panic!("no status")
                };
                event.session_status = Some(status);
            }
            (field, value) => panic!("field {field}: {value:?}"),
        }
    }
    event
}

fn events(path: &Path) -> Vec<Event> {
    let file = std::fs::read(path).unwrap();
    records(&file).into_iter().map(event).collect()
}

/// Runs a writer and reads its event file.
fn written(at: u64, metrics: &[Metric]) -> Vec<Event> {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = MetricsWriter::open(folder.path(), at, &[], &QUANTITIES).unwrap();
    for metric in metrics {
        writer.write(metric).unwrap();
    }
    events(&event_files(folder.path())[0])
}

#[test]
fn the_test_reader_knows_the_published_checksums() {
    // RFC 3720, B.4.
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn a_file_begins_with_its_version_and_the_start_of_the_session() {
    let events = written(300, &[]);
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].version.as_deref(), Some("brain.Event:2"));
    assert_eq!(events[1].session_status, Some(1));
    assert_eq!(events[1].step, 301);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64();
    assert!((now - 60.0..=now).contains(&events[0].time));
}

#[test]
fn scalars_have_the_metrics_values() {
    let events = written(0, &[step(10), step(20), evaluation(300)]);
    let [_, _, first, second, third] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((first.step, second.step, third.step), (10, 20, 300));
    let scalars = |pairs: &[(&str, f32)]| -> BTreeMap<String, f32> {
        pairs
            .iter()
            .map(|(tag, value)| ((*tag).to_owned(), *value))
            .collect()
    };
    assert_eq!(
        first.scalars,
        scalars(&[
            ("train/loss", 38.75),
            ("train/learning_rate", 0.125),
            ("train/gradient_norm", 2.5),
            ("head/target_cosine", 0.25),
            ("train/epoch", 0.15625),
            ("head/fresh_share", 0.5),
            ("head/pool_fill", 0.75),
            ("head/evictions", 3.0),
            ("speed/images_per_s", 512.0),
            ("speed/data_wait_share", 0.0625),
        ])
    );
    // No row of step 20 had a centre.
    assert!(!second.scalars.contains_key("head/target_cosine"));
    assert_eq!(second.scalars.len(), first.scalars.len() - 1);
    let accuracy = 0.5 + 300.0 / 256.0;
    assert_eq!(
        third.scalars,
        scalars(&[("evaluation/lfw/gallery/accuracy", accuracy)])
    );
}

/// An evaluation that is made again takes the place of what an earlier file says of it; the line of its step stays.
#[test]
fn an_evaluation_is_shown_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = MetricsWriter::open(folder.path(), 0, &[], &QUANTITIES).unwrap();
    for metric in [step(10), step(20), evaluation(20)] {
        writer.write(&metric).unwrap();
    }
    drop(writer);
    MetricsWriter::open(folder.path(), 20, &["lfw"], &QUANTITIES).unwrap();
    let [_, second] = &event_files(folder.path())[..] else {
        panic!("two files")
    };
    let [_, session, again] = &events(second)[..] else {
        panic!("{:?}", events(second))
    };
    assert_eq!((session.session_status, session.step), (Some(1), 20));
    assert_eq!(again.step, 20);
    assert!(again.scalars.contains_key("train/loss"));
}

#[test]
fn diverged_values_are_kept() {
    let diverged = StepMetrics {
        loss: f64::NAN,
        ..step_metrics(10)
    };
    let events = written(0, &[Metric::Step(diverged)]);
    assert!(events[2].scalars["train/loss"].is_nan());
}

#[test]
fn every_opening_has_a_file_named_after_time_and_host() {
    let folder = tempfile::tempdir().unwrap();
    for at in [0, 10, 20] {
        MetricsWriter::open(folder.path(), at, &[], &QUANTITIES).unwrap();
    }
    let files = event_files(folder.path());
    assert_eq!(files.len(), 3);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let rest = name.strip_prefix("events.out.tfevents.").unwrap();
        let (seconds, host) = rest.split_once('.').unwrap();
        assert!(seconds.parse::<u64>().unwrap() > 1_700_000_000);
        assert!(!host.is_empty());
        assert_eq!(events(&file).len(), 2);
    }
}
