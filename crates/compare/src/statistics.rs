/// A mean with its 95 % interval by Student's t: of values that are independent draws, such as one of each seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Half the interval's width; none of a single value, whose spread is not known.
    pub half: Option<f64>,
    /// How many values there are.
    pub count: usize,
}

impl Interval {
    /// Of values; none where there are none.
    pub fn new(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let half = (count > 1).then(|| {
            let squares = values.iter().map(|value| (value - mean).powi(2));
            let deviation = (squares.sum::<f64>() / (count - 1) as f64).sqrt();
            student_t(count - 1) * deviation / (count as f64).sqrt()
        });
        Some(Self { mean, half, count })
    }

    /// Its ends, lower first.
    pub fn ends(&self) -> Option<(f64, f64)> {
        self.half.map(|half| (self.mean - half, self.mean + half))
    }
}

/// 97.5 % quantile of Student's t with so many degrees of freedom, 1 at least.
fn student_t(degrees: usize) -> f64 {
    const FIRST: [f64; 30] = [
        12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010,
        2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739,
        2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
    ];
    match FIRST.get(degrees.saturating_sub(1)) {
        Some(known) => *known,
        // The first terms of its expansion about the normal distribution's.
        None => {
            let (z, degrees) = (1.959_964_f64, degrees as f64);
            z + (z.powi(3) + z) / (4.0 * degrees)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The deviation of these four is 5.5005, the quantile of three degrees of freedom 3.1824.
    #[test]
    fn an_interval_is_students() {
        let interval = Interval::new(&[92.2, 88.2, 91.5, 80.2]).unwrap();
        assert!((interval.mean - 88.025).abs() < 1e-9);
        let (low, high) = interval.ends().unwrap();
        assert!(
            (low - 79.272).abs() < 2e-3 && (high - 96.778).abs() < 2e-3,
            "{low} {high}"
        );
        assert_eq!(Interval::new(&[3.0]).unwrap().half, None);
        assert_eq!(Interval::new(&[]), None);
        assert_eq!(Interval::new(&[2.0, 2.0]).unwrap().half, Some(0.0));
    }

    /// Quantiles of tables at 40, 60 and 120 degrees of freedom.
    #[test]
    fn quantiles_beyond_the_table() {
        for (degrees, expected) in [(40, 2.0211), (60, 2.0003), (120, 1.9799)] {
            assert!((student_t(degrees) - expected).abs() < 2e-3);
        }
        assert!(student_t(31) < student_t(30));
    }
}
