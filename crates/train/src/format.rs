//! Numbers as people read them.

/// With commas: 12,345.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// With so many significant digits, zeros at the end left out: 0.00123, 12.3, 4,560, 1.2e-7.
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.abs().to_string();
    }
    // Rounding comes first: 9.996 to three digits is 10.
    let rounded = format!("{value:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let power: i32 = exponent.parse().unwrap_or_default();
    if !(-4..=8).contains(&power) {
        return format!("{}e{power}", without_end_zeros(mantissa));
    }
    let value: f64 = rounded.parse().unwrap_or(value);
    let decimals = usize::try_from(digits as i32 - 1 - power).unwrap_or(0);
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    let sign = if value < 0.0 { "−" } else { "" };
    without_end_zeros(&format!("{sign}{whole}.{fraction}")).to_owned()
}

/// Without zeros at the end of the decimals, nor the point before nothing.
fn without_end_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// A share as per cent.
pub fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", 100.0 * share)
}

/// A number that a head reports, by its name: shares as per cent.
pub fn quantity(name: &str, value: f64) -> String {
    let words = name.replace('_', " ");
    match is_share(name) {
        true => format!("{words} {} %", significant(100.0 * value, 3)),
        false => format!("{words} {}", significant(value, 3)),
    }
}

/// Whether a head's quantity is a share from 0 to 1, as its name tells.
pub fn is_share(name: &str) -> bool {
    name.ends_with("_share") || name.ends_with("_fill")
}

/// In the two largest units: 1 d 4 h, 2 h 5 min, 3 min 20 s, 45 s.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if days > 0 {
        format!("{} d {} h", count(days), hours % 24)
    } else if hours > 0 {
        format!("{hours} h {} min", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes} min {} s", seconds % 60)
    } else {
        format!("{seconds} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_commas() {
        let counts = [0, 999, 1_000, 12_345, 1_234_567].map(count);
        assert_eq!(counts, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn significant_digits() {
        for (value, digits, text) in [
            (0.0, 3, "0"),
            (-0.0, 3, "0"),
            (0.001_234, 3, "0.00123"),
            (9.996, 3, "10"),
            (12.3, 4, "12.3"),
            (-12.36, 3, "−12.4"),
            (4_561.0, 3, "4,560"),
            (123_456.7, 4, "123,500"),
            (1.2e-7, 4, "1.2e-7"),
            (2e12, 2, "2e12"),
            (f64::NAN, 3, "NaN"),
            (f64::INFINITY, 3, "inf"),
        ] {
            assert_eq!(significant(value, digits), text);
        }
    }

    #[test]
    fn durations_have_two_units() {
        let durations = [0.4, 45.0, 200.0, 7_500.0, 100_800.0].map(duration);
        assert_eq!(
            durations,
            ["0 s", "45 s", "3 min 20 s", "2 h 5 min", "1 d 4 h"]
        );
    }
}
