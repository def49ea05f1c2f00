use crate::Result;
use crate::run::{Metric, MetricsWriter};
use crate::run_log::RunLog;

/// What a run writes line by line. Of several ranks the first writes it, the others nothing.
pub(super) struct Records(Option<(MetricsWriter, RunLog)>);

impl Records {
    pub(super) fn new(metrics: MetricsWriter, log: RunLog) -> Self {
        Self(Some((metrics, log)))
    }

    /// Of a rank that writes nothing.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Adds a line to the log.
    pub(super) fn log(&mut self, text: &str) -> Result<()> {
        match &mut self.0 {
            Some((_, log)) => log.write(text),
            None => Ok(()),
        }
    }

    /// Adds a metric.
    pub(super) fn write(&mut self, metric: &Metric) -> Result<()> {
        match &mut self.0 {
            Some((metrics, _)) => metrics.write(metric),
            None => Ok(()),
        }
    }

    /// Waits until all metrics are on disk.
    pub(super) fn sync(&mut self) -> Result<()> {
        match &mut self.0 {
            Some((metrics, _)) => metrics.sync(),
            None => Ok(()),
        }
    }
}
