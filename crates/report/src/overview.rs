use std::fmt;

use ffc_train::format::{count, significant};
use toml::{Table, Value};

use crate::escape::Escaped;
use crate::run_data::RunData;

/// What was trained, on what and where, as far as the run folder tells.
pub struct Overview<'a>(pub &'a RunData);

impl fmt::Display for Overview<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(run) = self;
        // Keys are looked up one by one: a file of another version has most of them.
        let config = run.config.as_ref().and_then(|text| text.parse().ok());
        let config = config.unwrap_or_default();
        let entries = [
            ("Data", data(run)),
            ("Pictures", pictures(&config)),
            ("Network", network(run, &config)),
            ("Head", head(&config)),
            ("Device", device(run)),
        ];
        let known: Vec<_> = entries
            .into_iter()
            .filter_map(|(name, entry)| Some((name, entry?)))
            .collect();
        if known.is_empty() {
            return Ok(());
        }
        f.write_str("<dl class=\"card overview\">")?;
        for (name, Entry { value, more }) in known {
            write!(f, "<div><dt>{name}</dt><dd>{}", Escaped(&value))?;
            if !more.is_empty() {
                write!(f, "<small>{}</small>", Escaped(&more.join(", ")))?;
            }
            f.write_str("</dd></div>")?;
        }
        f.write_str("</dl>")
    }
}

/// A value and what is said below it.
struct Entry {
    value: String,
    more: Vec<String>,
}

fn data(run: &RunData) -> Option<Entry> {
    let facts = run.facts?;
    Some(Entry {
        value: format!("{} identities", count(facts.identities)),
        more: vec![format!("{} images", count(facts.images))],
    })
}

fn pictures(config: &Table) -> Option<Entry> {
    let network = config.get("backbone")?;
    let number = |key: &str| network.get(key).and_then(Value::as_integer);
    let (width, height) = (number("width_px")?, number("height_px")?);
    let more = number("channels").map(|channels| match channels {
        1 => "grey".to_owned(),
        3 => "colour".to_owned(),
        _ => format!("{channels} channels"),
    });
    Some(Entry {
        value: format!("{width} × {height} px"),
        more: more.into_iter().collect(),
    })
}

fn network(run: &RunData, config: &Table) -> Option<Entry> {
    let network = config.get("backbone")?;
    let number = |key: &str| network.get(key).and_then(Value::as_integer);
    let name = network.get("network")?.as_str()?.replace('_', " ");
    let value = match number("depth") {
        Some(depth) => format!("{name} {depth}"),
        None => name,
    };
    let parameters = run.facts.map(|facts| parameters(facts.parameters));
    let dimensions = number("embedding").map(|numbers| format!("embeddings of {numbers} numbers"));
    Some(Entry {
        value,
        more: parameters.into_iter().chain(dimensions).collect(),
    })
}

/// 65.2 M parameters.
fn parameters(number: u64) -> String {
    match number {
        ..1_000_000 => format!("{} parameters", count(number)),
        _ => format!("{} M parameters", significant(number as f64 / 1e6, 3)),
    }
}

fn head(config: &Table) -> Option<Entry> {
    let head = config.get("head")?;
    let kind = head.get("kind")?.as_str()?.to_owned();
    let margin = head.get("margin").and_then(margin);
    Some(Entry {
        value: kind,
        more: size(head).into_iter().chain(margin).collect(),
    })
}

/// What bounds the memory of heads that have a bound.
fn size(head: &Value) -> Option<String> {
    let size = |key: &str| {
        let size = head.get(key)?.as_integer()?;
        Some(count(size.try_into().ok()?))
    };
    let pool = size("pool").map(|size| format!("pool of {size}"));
    let queue = || size("queue").map(|size| format!("queue of {size}"));
    let rows = || size("rows").map(|size| format!("{size} rows"));
    pool.or_else(queue).or_else(rows)
}

/// A number, or a table with a kind and mostly a number.
fn margin(margin: &Value) -> Option<String> {
    let words = |margin| format!("margin {}", significant(margin, 3));
    if let Some(margin) = margin.as_float() {
        return Some(words(margin));
    }
    let kind = margin.get("kind")?.as_str()?;
    let number = margin.get("margin").and_then(Value::as_float);
    Some(match number {
        Some(number) => format!("{kind} {}", words(number)),
        None => format!("{kind} margin"),
    })
}

fn device(run: &RunData) -> Option<Entry> {
    let environment = run.environment.as_ref()?;
    let device = environment.get("device")?.clone();
    // A GPU's name says more than that of the processor beside it.
    let is_cpu = device == "cpu";
    let processor = environment.get("processor").filter(|_| is_cpu).cloned();
    let threads = environment.get("threads").filter(|_| is_cpu);
    let threads = threads.map(|threads| format!("{threads} threads"));
    Some(Entry {
        value: device,
        more: processor.into_iter().chain(threads).collect(),
    })
}
