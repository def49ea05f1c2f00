use ffc_train::format::{percent, significant};

/// How an axis is divided.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Linear or logarithmic.
    pub scale: Scale,
    /// What its values are.
    pub unit: Unit,
    /// Values that the axis reaches at least.
    pub includes: &'static [f64],
}

/// Where values lie on an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// In proportion.
    Linear,
    /// Logarithmic where the values are positive and far apart, else linear.
    Wide,
    /// Logarithmic; values must be positive.
    Log,
}

/// What an axis's values are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unit {
    /// Numbers without a unit.
    Number,
    /// A share that is shown as per cent.
    Percent,
}

/// Ratios of the highest value to the lowest at which a logarithm helps: below it changes little, above it shows mostly what is nearly 0.
const WIDE: std::ops::RangeInclusive<f64> = 30.0..=1e6;
/// Ticks that are aimed at.
const TICKS: f64 = 5.0;
/// Span in proportion to the values below which they count as one.
const FLAT: f64 = 1e-9;

/// An axis with its ends.
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) is_log: bool,
    unit: Unit,
    step: f64,
}

impl Range {
    /// The range of values between `low` and `high`; with `round` its ends are ticks.
    pub(super) fn new(axis: &Axis, low: f64, high: f64, round: bool) -> Self {
        let low = axis.includes.iter().copied().fold(low, f64::min);
        let high = axis.includes.iter().copied().fold(high, f64::max);
        let is_log = match axis.scale {
            Scale::Linear => false,
            Scale::Wide => low > 0.0 && WIDE.contains(&(high / low)),
            Scale::Log => low > 0.0,
        };
        let mut range = Self {
            low,
            high,
            is_log,
            unit: axis.unit,
            step: 0.0,
        };
        if is_log {
            // A single value gets a decade.
            if high / low < 1.0 + FLAT {
                range.low /= 10f64.sqrt();
                range.high *= 10f64.sqrt();
            } else if round {
                let margin = (high / low).powf(0.05);
                range.low /= margin;
                range.high *= margin;
            }
        } else {
            if high - low <= high.abs().max(low.abs()) * FLAT {
                (range.low, range.high) = around(axis.unit, low, high);
            }
            range.step = nice_step(range.high - range.low);
            if round {
                range.low = (range.low / range.step).floor() * range.step;
                range.high = (range.high / range.step).ceil() * range.step;
            }
        }
        range
    }

    /// Where a value lies: 0 at the low end, 1 at the high one. None where it has no place.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let place = if self.is_log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        place.is_finite().then_some(place)
    }

    /// The ticks, with their labels.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let values = if self.is_log {
            self.log_ticks()
        } else {
            multiples(self.low, self.high, self.step)
        };
        let largest = values.iter().copied().map(f64::abs).fold(0.0, f64::max);
        let (unit, letter) = match largest {
            1e4..1e6 if !self.is_log => (1e3, "k"),
            1e6..1e9 if !self.is_log => (1e6, "M"),
            _ => (1.0, ""),
        };
        // So many that neighbours differ, 5 at least.
        let digits = (largest / self.step).log10().ceil() + 1.0;
        let digits = match self.is_log {
            true => 5,
            false => (digits as usize).clamp(5, 12),
        };
        let label = |value| match self.unit {
            Unit::Percent if self.is_log => format!("{} %", significant(100.0 * value, 3)),
            Unit::Percent => percent(value, decimals(100.0 * self.step)),
            Unit::Number if value == 0.0 => "0".to_owned(),
            Unit::Number => format!("{}{letter}", significant(value / unit, digits)),
        };
        values
            .into_iter()
            .map(|value| (value, label(value)))
            .collect()
    }

    fn log_ticks(&self) -> Vec<f64> {
        let powers = multiples(self.low.log10(), self.high.log10(), 1.0);
        let within = |value: &f64| (self.low..=self.high).contains(value);
        if powers.len() >= 3 {
            let every = powers.len().div_ceil(7);
            let powers = powers.into_iter().rev().step_by(every);
            let mut ticks: Vec<f64> = powers.map(|power| 10f64.powi(power as i32)).collect();
            ticks.reverse();
            return ticks;
        }
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().ceil() as i32;
        let ticks: Vec<f64> = (first..=last)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)))
            .filter(within)
            .collect();
        if ticks.len() >= 3 {
            ticks
        } else {
            multiples(self.low, self.high, nice_step(self.high - self.low))
        }
    }
}

/// Ends of an axis of one value, which stays on its side of 0 and, as a share, of 1.
fn around(unit: Unit, low: f64, high: f64) -> (f64, f64) {
    if high == 0.0 {
        return (0.0, 1.0);
    }
    let margin = 0.1 * high.abs();
    let most = match unit {
        Unit::Percent if high <= 1.0 => 1.0,
        Unit::Percent | Unit::Number => f64::INFINITY,
    };
    (low - margin, (high + margin).min(most))
}

/// 1, 2 or 5 times a power of ten, about a fifth of the span.
fn nice_step(span: f64) -> f64 {
    let raw = span / TICKS;
    let power = 10f64.powf(raw.log10().floor());
    let digit = raw / power;
    let digit = match () {
        () if digit < 1.5 => 1.0,
        () if digit < 3.5 => 2.0,
        () if digit < 7.5 => 5.0,
        () => 10.0,
    };
    digit * power
}

/// Multiples of `step` from `low` to `high`, a little over the ends included.
fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step - 1e-6).ceil();
    let last = (high / step + 1e-6).floor();
    // A step that is lost in the values' rounding would give no end of ticks.
    let number = (last - first).clamp(0.0, 50.0) as u32;
    (0..=number)
        .map(|index| (first + f64::from(index)) * step)
        .collect()
}

/// Decimals that tell multiples of `step` apart.
fn decimals(step: f64) -> usize {
    (-step.log10().floor()).clamp(0.0, 9.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, unit: Unit, low: f64, high: f64) -> Vec<String> {
        let axis = Axis {
            scale,
            unit,
            includes: &[],
        };
        let range = Range::new(&axis, low, high, true);
        let ticks = range.ticks();
        for (value, label) in &ticks {
            let place = range.place(*value).unwrap();
            assert!((-1e-9..=1.0 + 1e-9).contains(&place), "{label} at {place}");
        }
        ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        use Scale::Linear;
        let number = |low, high| labels(Linear, Unit::Number, low, high);
        assert_eq!(number(0.0, 10.0), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(number(1.7, 2.1), ["1.7", "1.8", "1.9", "2", "2.1"]);
        assert_eq!(
            number(-0.3, 0.31),
            ["−0.3", "−0.2", "−0.1", "0", "0.1", "0.2", "0.3", "0.4"]
        );
        assert_eq!(number(0.0, 4.2e6), ["0", "1M", "2M", "3M", "4M", "5M"]);
        assert_eq!(number(0.0, 18_000.0), ["0", "5k", "10k", "15k", "20k"]);
        assert_eq!(
            labels(Linear, Unit::Percent, 0.981, 0.993),
            [
                "98.0 %", "98.2 %", "98.4 %", "98.6 %", "98.8 %", "99.0 %", "99.2 %", "99.4 %"
            ]
        );
    }

    #[test]
    fn logarithmic_ticks_are_powers_of_ten_or_round() {
        let log = |low, high| labels(Scale::Log, Unit::Number, low, high);
        assert_eq!(log(1e-3, 1.0), ["0.001", "0.01", "0.1", "1"]);
        assert_eq!(log(2.0, 40.0), ["2", "5", "10", "20"]);
        assert_eq!(
            log(1e-12, 1.0),
            ["1e-12", "1e-10", "1e-8", "1e-6", "0.0001", "0.01", "1"]
        );
    }

    #[test]
    fn wide_scales_are_logarithmic_only_where_that_helps() {
        let is_log = |low, high| {
            let axis = Axis {
                scale: Scale::Wide,
                unit: Unit::Number,
                includes: &[],
            };
            Range::new(&axis, low, high, true).is_log
        };
        assert!(is_log(1e-4, 0.1));
        assert!(!is_log(0.05, 0.1));
        assert!(!is_log(0.0, 0.1));
        assert!(!is_log(1e-12, 0.1));
    }

    /// Values that never change have an axis on their side of 0, shares below 100 %.
    #[test]
    fn one_value_has_an_axis_that_it_can_reach() {
        let ends = |unit, value| {
            let labels = labels(Scale::Linear, unit, value, value);
            [labels.first(), labels.last()].map(|label| label.unwrap().clone())
        };
        for (unit, value, expected) in [
            (Unit::Number, 0.0, ["0", "1"]),
            (Unit::Number, 5.0, ["4.4", "5.6"]),
            (Unit::Number, -3.0, ["−3.3", "−2.7"]),
            (Unit::Percent, 0.0, ["0 %", "100 %"]),
            (Unit::Percent, 0.5, ["44 %", "56 %"]),
            (Unit::Percent, 1.0, ["90 %", "100 %"]),
        ] {
            assert_eq!(ends(unit, value), expected, "{value}");
        }
    }

    #[test]
    fn neighbouring_ticks_differ() {
        for (low, high) in [(11.512_91, 11.512_93), (0.75, 0.750_001), (1e6, 1e6 + 1.0)] {
            let mut labels = labels(Scale::Linear, Unit::Number, low, high);
            let all = labels.len();
            labels.dedup();
            assert_eq!(labels.len(), all, "{labels:?}");
        }
    }

    #[test]
    fn odd_values_have_ticks_too() {
        for (low, high) in [
            (0.0, 0.0),
            (5.0, 5.0),
            (-3.0, -3.0),
            (1e16, 1e16 + 4.0),
            (0.0, 1e-30),
            (-1e99, 1e99),
            (3e-99, 1e99),
        ] {
            for scale in [Scale::Linear, Scale::Wide, Scale::Log] {
                let ticks = labels(scale, Unit::Number, low, high);
                assert!(
                    (1..=51).contains(&ticks.len()),
                    "{low} to {high}: {ticks:?}"
                );
            }
        }
    }
}
