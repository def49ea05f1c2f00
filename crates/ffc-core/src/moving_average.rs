use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use hashbrown::HashMap;

use crate::{Error, Result};

/// Keeps a gallery network that follows a probe network as a moving average of its weights:
/// G <- m G + (1 - m) P (MoCo, arXiv:1911.05722, equation 2).
///
/// Works on any burn [`Module`]. Tensors are matched by their path in the module.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::Device;
/// use ffc_core::{MovingAverage, RunningStatistics};
///
/// let probe = LinearConfig::new(4, 2).init(&Device::flex().autodiff());
/// let average = MovingAverage::new(0.99, RunningStatistics::Average)?;
/// let mut gallery = MovingAverage::gallery(&probe);
/// // ... an optimizer step on the probe network ...
/// average.update(&mut gallery, &probe)?;
/// # Ok::<(), ffc_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MovingAverage {
    momentum: f64,
    statistics: RunningStatistics,
}

/// What becomes of tensors that are no trainable parameters, such as a batch norm's running mean and
/// variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunningStatistics {
    /// They are averaged as the parameters are.
    Average,
    /// The gallery network keeps its own, as in the published code.
    Keep,
}

impl Default for MovingAverage {
    /// With the published momentum, 0.99. Running statistics are averaged too.
    fn default() -> Self {
        Self {
            momentum: 0.99,
            statistics: RunningStatistics::Average,
        }
    }
}

impl MovingAverage {
    /// With momentum m; 0.99 is published.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where `momentum` is not between 0 and 1.
    pub fn new(momentum: f64, statistics: RunningStatistics) -> Result<Self> {
        if !(0.0..=1.0).contains(&momentum) {
            return Err(Error::Setting {
                setting: "momentum",
                value: momentum.to_string(),
                expected: "between 0 and 1",
            });
        }
        Ok(Self {
            momentum,
            statistics,
        })
    }

    /// m. With 0 the gallery network is the probe network as it was before the step.
    pub fn momentum(&self) -> f64 {
        self.momentum
    }

    /// A gallery network that starts equal to `probe` and shares nothing with it, running statistics
    /// included. It takes no gradient, and its training flags are off: a batch norm uses running
    /// statistics. (A plain `clone` would share the running statistics.)
    pub fn gallery<M: Module>(probe: &M) -> M {
        probe.valid()
    }

    /// Moves `gallery` towards `probe`. Reads nothing back from the device.
    ///
    /// # Errors
    ///
    /// [`Error::ModuleMismatch`] where a tensor is missing on one side or has another shape;
    /// `gallery` is then unchanged.
    pub fn update<M: Module>(&self, gallery: &mut M, probe: &M) -> Result<()> {
        // Training mode tells trainable tensors from others; validation mode, that running
        // statistics are up to date and not shared.
        let mut source = Tensors::default();
        probe.valid().train().visit(&mut source);
        let mut target = Tensors::default();
        gallery.visit(&mut target);
        compare(&target.by_path, &source.by_path)?;

        let mut blend = Blend {
            average: *self,
            source: source.by_path,
            path: Vec::new(),
        };
        *gallery = gallery.valid().map(&mut blend);
        Ok(())
    }
}

/// One float tensor of a module.
struct Source {
    flat: Tensor<1>,
    shape: Vec<usize>,
    trainable: bool,
}

/// The float tensors of a module by their paths.
#[derive(Default)]
struct Tensors {
    by_path: HashMap<String, Source>,
    path: Vec<String>,
}

impl ModuleVisitor for Tensors {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let source = Source {
            shape: value.dims().to_vec(),
            trainable: value.is_require_grad(),
            flat: value.inner().flatten(0, D.saturating_sub(1)),
        };
        self.by_path.insert(self.path.join("."), source);
    }
}

fn compare(gallery: &HashMap<String, Source>, probe: &HashMap<String, Source>) -> Result<()> {
    let mismatch = |path: &str, what: String| {
        Err(Error::ModuleMismatch {
            path: path.to_owned(),
            what,
        })
    };
    if let Some(path) = probe
        .keys()
        .filter(|path| !gallery.contains_key(*path))
        .min()
    {
        return mismatch(path, "the gallery network lacks it".into());
    }
    let mut paths: Vec<&String> = gallery.keys().collect();
    paths.sort_unstable();
    for path in paths {
        let Some(source) = probe.get(path) else {
            return mismatch(path, "the probe network lacks it".into());
        };
        let (probe, gallery) = (&source.shape, &gallery[path].shape);
        if probe != gallery {
            return mismatch(
                path,
                format!("shape {gallery:?} in the gallery network, {probe:?} in the probe network"),
            );
        }
    }
    Ok(())
}

struct Blend {
    average: MovingAverage,
    source: HashMap<String, Source>,
    path: Vec<String>,
}

impl ModuleMapper for Blend {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(source) = self.source.remove(&self.path.join(".")) else {
            return param;
        };
        if !source.trainable && self.average.statistics == RunningStatistics::Keep {
            return param;
        }
        let momentum = self.average.momentum;
        param.map(|gallery| {
            let probe = source
                .flat
                .reshape(gallery.dims())
                .to_device(&gallery.device());
            gallery * momentum + probe * (1.0 - momentum)
        })
    }
}
