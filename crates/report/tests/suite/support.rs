use ffc_train::run::{EvaluationMetrics, StepMetrics};

/// Metrics from their names in `metrics.jsonl`, those of the head too.
pub fn named_metrics(step: u64, values: &[(&str, Option<f64>)]) -> StepMetrics {
    let mut line = format!("{{\"step\":{step}");
    for (name, value) in values {
        let value = value.map_or("null".to_owned(), |value| value.to_string());
        line += &format!(",\"{name}\":{value}");
    }
    line.push('}');
    serde_json::from_str(&line).unwrap()
}

/// Metrics that say something else at each step, in numbers that decimals hold exactly.
pub fn step_metrics(step: u64) -> StepMetrics {
    named_metrics(
        step,
        &[
            ("epoch", Some(step as f64 / 64.0)),
            ("loss", Some(40.0 - step as f64 / 8.0)),
            ("learning_rate", Some(0.125)),
            ("gradient_norm", Some(2.5)),
            ("target_cosine", (!step.is_multiple_of(20)).then_some(0.25)),
            ("fresh_share", Some(0.5)),
            ("pool_fill", Some(0.75)),
            ("evictions", Some(3.0)),
            ("images_per_s", Some(512.0)),
            ("data_wait_share", Some(0.0625)),
            ("elapsed_s", Some(step as f64 * 1.5)),
        ],
    )
}

pub fn evaluation_metrics(step: u64, name: &str) -> EvaluationMetrics {
    EvaluationMetrics {
        step,
        name: name.to_owned(),
        network: "gallery".to_owned(),
        measure: "accuracy".to_owned(),
        value: 0.5 + step as f64 / 256.0,
        low: 0.375,
        high: 0.875,
    }
}

pub fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{message}` does not say `{part}`");
    }
}
