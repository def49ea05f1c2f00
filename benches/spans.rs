//! Time spent in `tracing` spans, by their names.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::Subscriber;
use tracing::span::Id;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

static TIMES: Mutex<BTreeMap<&'static str, Duration>> = Mutex::new(BTreeMap::new());

/// From now on the times of all spans are added up.
///
/// # Errors
///
/// If another subscriber is at work already.
pub fn watch() -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(Registry::default().with(Watch))
}

/// Times since the last call, by the spans' names.
pub fn take() -> BTreeMap<&'static str, Duration> {
    std::mem::take(&mut *times())
}

fn times() -> MutexGuard<'static, BTreeMap<&'static str, Duration>> {
    TIMES.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Watch;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Watch {
    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(Instant::now());
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(start) = span.extensions_mut().remove::<Instant>()
        {
            *times().entry(span.name()).or_default() += start.elapsed();
        }
    }
}
