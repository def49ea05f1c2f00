use std::path::Path;

use ffc_eval::RocPoint;
use ffc_report::chart::{Axis, Chart, Point, Scale, Series, Style, Unit};
use ffc_report::curves::smooth;
use ffc_report::{Page, Results, RunData};
use ffc_train::run::{EvaluationScores, Metric, MetricsWriter, StepMetrics};

use super::fake_run;
use super::support::{assert_says, evaluation_metrics, step_metrics};

fn page(folder: &Path) -> String {
    let path = ffc_report::write(folder).unwrap();
    assert_eq!(path, folder.join("report.html"));
    std::fs::read_to_string(path).unwrap()
}

/// The page of a run with these metrics and nothing else.
fn page_of(metrics: &[Metric]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = MetricsWriter::open(folder.path(), 0, &[], &[]).unwrap();
    for metric in metrics {
        writer.write(metric).unwrap();
    }
    page(folder.path())
}

fn fake_page() -> String {
    let folder = tempfile::tempdir().unwrap();
    fake_run::write(folder.path());
    page(folder.path())
}

/// The page's tags with their attributes, in order, style and script left out.
///
/// Fails where a tag is not closed in its turn or an attribute has no quotes: markup from a name would do that.
fn tags(page: &str) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some(begin) = rest.find('<') {
        rest = &rest[begin + 1..];
        let mut quoted = false;
        let end = rest
            .find(|letter| {
                quoted ^= letter == '"';
                letter == '>' && !quoted
            })
            .unwrap();
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let name = name.trim_end_matches('/').to_owned();
        tags.push((name.clone(), attributes.trim_end_matches('/').to_owned()));
        if ["style", "script"].contains(&name.as_str()) {
            rest = &rest[rest.find("</").unwrap()..];
        }
        if !tag.ends_with('/') && !["meta", "img", "br"].contains(&name.as_str()) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
    tags
}

/// The values of an attribute.
fn values<'a>(tags: &'a [(String, String)], tag: &str, attribute: &str) -> Vec<&'a str> {
    let begin = format!("{attribute}=\"");
    let tags = tags.iter().filter(|(name, _)| name == tag);
    tags.filter_map(|(_, attributes)| {
        let at = format!(" {attributes}").find(&format!(" {begin}"))?;
        let value = &attributes[at + begin.len()..];
        Some(&value[..value.find('"').unwrap()])
    })
    .collect()
}

#[test]
fn a_run_is_on_one_page() {
    let page = fake_page();
    for part in [
        "<h2>Results</h2>",
        "<h2>Training</h2>",
        "<h2>Recognition</h2>",
        "<h2>Setup</h2>",
        "started 2026-11-24 09:12 UTC",
        "3 h 8 min",
        "24,000 steps",
        "before training",
        "cosine of raw pixels: 58.70 %",
        "threshold 0.31",
        "Same identity, taken for different ones",
        "Different identities, taken for one",
        "learning_rate = 0.1",
        "<dt>backend</dt><dd>flex</dd>",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
    let tags = tags(&page);
    let charts = values(&tags, "svg", "aria-label");
    assert_eq!(
        charts,
        [
            "accuracy against step",
            "TAR@FAR 1e-3 against step",
            "Loss against step",
            "Learning rate against step",
            "Gradient norm against step",
            "target cosine against step",
            "fresh share against step",
            "pool fill against step",
            "evictions against step",
            "Throughput against step",
            "Data wait against step",
            "Scores against cosine",
            "ROC against false accept rate",
        ]
    );
    assert_eq!(values(&tags, "img", "src").len(), 40);
    assert!(!page.contains("class=\"missing\"") && !page.contains("class=\"warning\""));
}

#[test]
fn the_page_refers_to_nothing_outside() {
    let page = fake_page();
    for word in [
        "href", "url(", "@import", "<link", "https:", "fetch", "srcset",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    // The name of SVG itself is no reference.
    assert_eq!(page.matches("http:").count(), 1);
    let tags = tags(&page);
    for tag in ["img", "script", "iframe", "image"] {
        let sources = values(&tags, tag, "src");
        assert!(
            sources
                .iter()
                .all(|source| source.starts_with("data:image/png;base64,"))
        );
    }
}

#[test]
fn pictures_are_those_of_the_scores() {
    use base64::Engine;
    let page = fake_page();
    let tags = tags(&page);
    let shown: Vec<Vec<u8>> = values(&tags, "img", "src")
        .iter()
        .map(|source| {
            let text = source.strip_prefix("data:image/png;base64,").unwrap();
            base64::engine::general_purpose::STANDARD
                .decode(text)
                .unwrap()
        })
        .collect();
    let scores = fake_run::scores();
    let mistakes = &scores.0["faces"].mistakes;
    assert_eq!(shown.len(), 2 * mistakes.len());
    for mistake in mistakes {
        assert!(shown.contains(&mistake.left.png) && shown.contains(&mistake.right.png));
    }
    // The worst come first: same pairs with low scores, then different ones with high scores.
    assert_eq!(shown[0], mistakes[0].left.png);
    assert_eq!(shown[16], mistakes[8].left.png);
}

#[test]
fn charts_stay_in_their_pictures_and_are_small() {
    let page = fake_page();
    let tags = tags(&page);
    let mut longest = 0;
    for path in values(&tags, "path", "d") {
        assert!(!path.contains("NaN") && !path.contains("inf"), "{path}");
        longest = longest.max(path.matches('L').count() + 1);
        if path.starts_with('M') && path.contains('L') && !path.contains('l') {
            let places = path
                .trim_start_matches('M')
                .trim_end_matches('Z')
                .split('L');
            for place in places {
                let (x, y) = place.split_once(' ').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!(
                    (54.0..=508.0).contains(&x) && (12.0..=210.0).contains(&y),
                    "{place}"
                );
            }
        }
    }
    // 1,200 lines became at most 500 points; an area has its floor too.
    assert!((300..=502).contains(&longest), "{longest}");
}

#[test]
fn the_last_values_stand_beside_the_titles() {
    let mut last = evaluation_metrics(64, "lfw");
    (last.low, last.high) = (0.6, 0.9);
    let metrics = [
        Metric::Evaluation(evaluation_metrics(0, "lfw")),
        Metric::Step(step_metrics(32)),
        Metric::Step(step_metrics(64)),
        Metric::Evaluation(last),
    ];
    let page = page_of(&metrics);
    for part in [
        "<strong>75.00 %</strong>",
        "95 % interval 60.0 – 90.0 %",
        "before training 50.00 % (37.5 – 87.5 %)",
        "<h3><span>accuracy</span> <b>75.00 %</b></h3>",
        "<h3><span>Learning rate</span> <b>0.125</b></h3>",
        "<h3><span>pool fill</span> <b>75.0 %</b></h3>",
        "1 min 36 s",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
}

#[test]
fn tooltips_have_the_values() {
    let metrics: Vec<Metric> = (1..=3)
        .map(|step| Metric::Step(step_metrics(step)))
        .collect();
    let page = page_of(&metrics);
    let tags = tags(&page);
    let data = values(&tags, "svg", "data-chart")[1].replace("&quot;", "\"");
    let data: serde_json::Value = serde_json::from_str(&data).unwrap();
    let points = serde_json::json!([[1.0, 0.125], [2.0, 0.125], [3.0, 0.125]]);
    assert_eq!(data["series"][0]["points"], points);
}

#[test]
fn missing_files_leave_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(folder.path());
    tags(&page);
    for line in [
        "Nothing was evaluated: metrics.jsonl has no evaluation.",
        "No steps in metrics.jsonl.",
        "No config.toml.",
        "No environment.json.",
    ] {
        assert!(page.contains(line), "no `{line}`");
    }
    assert!(!page.contains("<svg class=\"plot\""));
    for absent in ["<h2>Recognition</h2>", "<dl class=\"card overview\">"] {
        assert!(!page.contains(absent), "{absent}");
    }

    for (file, line) in [
        ("metrics.jsonl", "No steps in metrics.jsonl."),
        (
            "scores.json",
            "No scores.json, which the last evaluation writes",
        ),
        ("config.toml", "No config.toml."),
        ("environment.json", "No environment.json."),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fake_run::write(folder.path());
        std::fs::remove_file(folder.path().join(file)).unwrap();
        let page = self::page(folder.path());
        tags(&page);
        assert!(page.contains(line), "no `{line}`");
    }
}

#[test]
fn names_are_shown_as_they_are_and_are_no_markup() {
    const NAME: &str = "<script>alert('1')</script>\" onerror=\"alert(2)&amp;";
    const SHOWN: &str =
        "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot; onerror=&quot;alert(2)&amp;amp;";
    let parent = tempfile::tempdir().unwrap();
    // A folder's name has no slash.
    let folder = parent.path().join(NAME.replace('/', "|"));
    std::fs::create_dir(&folder).unwrap();
    fake_run::write(&folder);

    let mut writer = MetricsWriter::open(&folder, u64::MAX - 1, &[], &[]).unwrap();
    let mut metrics = evaluation_metrics(24_000, NAME);
    metrics.network = NAME.to_owned();
    writer.write(&Metric::Evaluation(metrics.clone())).unwrap();
    metrics.measure = NAME.to_owned();
    writer.write(&Metric::Evaluation(metrics)).unwrap();
    let mut scores = fake_run::scores();
    let mut evaluation = scores.0.remove("faces").unwrap();
    evaluation.network = NAME.to_owned();
    evaluation.mistakes[0].left.name = NAME.to_owned();
    evaluation.baselines[0].name = NAME.to_owned();
    scores.0.insert(NAME.to_owned(), evaluation);
    scores.write(folder.join("scores.json")).unwrap();
    std::fs::write(folder.join("config.toml"), format!("name = '{NAME}'")).unwrap();
    let environment = serde_json::json!({ NAME: NAME, "started": NAME });
    std::fs::write(folder.join("environment.json"), environment.to_string()).unwrap();

    let page = page(&folder);
    let tags = tags(&page);
    let scripts = tags.iter().filter(|(name, _)| name == "script");
    assert_eq!(scripts.count(), 1);
    for (tag, attributes) in &tags {
        // Outside of quotes, where an attribute would be.
        let names: String = attributes.split('"').step_by(2).collect();
        assert!(!names.contains("onerror"), "{tag} {attributes}");
    }
    assert!(!page.contains(NAME));
    assert!(
        page.matches(SHOWN).count() >= 15,
        "{}",
        page.matches(SHOWN).count()
    );
    assert!(values(&tags, "img", "alt").contains(&SHOWN));
    // The tooltips' data carries the name to the script whole.
    let charts = values(&tags, "svg", "data-chart");
    let data = charts.iter().find(|data| data.contains("onerror")).unwrap();
    let data = data
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let data: serde_json::Value = serde_json::from_str(&data).unwrap();
    let series = data["series"].as_array().unwrap();
    assert!(
        series
            .iter()
            .any(|series| series["name"] == format!("{NAME} {NAME}"))
    );
}

#[test]
fn values_that_are_not_finite_are_counted() {
    let mut metrics: Vec<Metric> = (1..=100)
        .map(|step| Metric::Step(step_metrics(step)))
        .collect();
    for (step, loss) in [(50, f64::NAN), (51, f64::INFINITY), (99, 1e300)] {
        metrics[step] = Metric::Step(StepMetrics {
            loss,
            ..step_metrics(step as u64 + 1)
        });
    }
    let page = page_of(&metrics);
    tags(&page);
    assert!(page.contains("Values that are not finite and have no place here: 3."));
    assert!(!page.contains("MNaN"));

    let diverged = StepMetrics {
        loss: f64::NAN,
        ..step_metrics(1)
    };
    let page = page_of(&[Metric::Step(diverged)]);
    assert!(page.contains("No value can be drawn."));
    assert!(page.contains("<h3><span>Loss</span> <b>NaN</b></h3>"));
}

/// The charts of scores.
fn score_charts(tags: &[(String, String)]) -> Vec<&str> {
    let mut charts = values(tags, "svg", "aria-label");
    charts.retain(|chart| !chart.ends_with("against step"));
    charts
}

/// A page of these scores and nothing else.
fn page_of_scores(change: impl FnOnce(&mut EvaluationScores)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut scores = fake_run::scores();
    change(scores.0.get_mut("faces").unwrap());
    scores.write(folder.path().join("scores.json")).unwrap();
    page(folder.path())
}

const HISTOGRAM: &str = "Scores against cosine";
const ROC: &str = "ROC against false accept rate";

#[test]
fn odd_scores_make_a_page() {
    for (same, different, charts) in [
        (vec![0.5], vec![], &[HISTOGRAM][..]),
        (vec![], vec![0.5], &[HISTOGRAM]),
        (vec![1.0], vec![1.0], &[HISTOGRAM, ROC]),
        (vec![-1.0, -1.0], vec![1.0, 1.0], &[HISTOGRAM, ROC]),
    ] {
        let page = page_of_scores(|scores| {
            (scores.same, scores.different) = (same, different);
            scores.threshold = None;
            scores.mistakes.clear();
        });
        assert_eq!(score_charts(&tags(&page)), charts);
        assert!(page.contains("No mistakes are recorded.") && !page.contains("NaN"));
    }
}

/// Episodes and identification have no pairs: there is no card without content.
#[test]
fn evaluations_without_scores_have_no_cards() {
    let page = page_of_scores(|scores| {
        (scores.same, scores.different) = (Vec::new(), Vec::new());
        scores.threshold = None;
        scores.mistakes.clear();
    });
    assert_eq!(score_charts(&tags(&page)), [""; 0]);
    for absent in ["<h2>Recognition</h2>", "mistakes", "No value can be drawn"] {
        let body = &page[page.find("<body>").unwrap()..];
        assert!(!body.contains(absent), "{absent}");
    }
}

/// TAR@FAR has the curve and no pairs.
#[test]
fn a_recorded_curve_is_drawn_without_pairs() {
    let curve = [(0.875, 0.0, 0.25), (0.5, 1e-4, 0.5), (-1.0, 1.0, 1.0)];
    let page = page_of_scores(|scores| {
        (scores.same, scores.different) = (Vec::new(), Vec::new());
        scores.threshold = None;
        scores.mistakes.clear();
        let curve = curve.into_iter();
        scores.roc = curve
            .map(|(threshold, far, tar)| RocPoint {
                threshold,
                far,
                tar,
            })
            .collect();
    });
    let tags = tags(&page);
    assert_eq!(score_charts(&tags), [ROC]);
    assert!(page.contains("<p class=\"note\">gallery network</p>"));
    assert!(!page.contains("No mistakes are recorded."));
    let data = values(&tags, "svg", "data-chart")[0].replace("&quot;", "\"");
    let data: serde_json::Value = serde_json::from_str(&data).unwrap();
    // The logarithm has no place for 0.
    let points = serde_json::json!([[1e-4, 0.5], [1.0, 1.0]]);
    assert_eq!(data["series"][0]["points"], points);
}

/// Of each kind the number at the threshold, and the worst of those that are recorded.
#[test]
fn mistakes_are_counted_by_kind() {
    let page = fake_page();
    let scores = &fake_run::scores().0["faces"];
    let threshold = scores.threshold.unwrap();
    let same = scores.same.iter().filter(|score| **score <= threshold);
    let different = scores.different.iter().filter(|score| **score > threshold);
    let [same, different] = [same.count(), different.count()];
    assert!(same > 8 && different > 12);
    for (title, note) in [
        (
            "Same identity, taken for different ones",
            format!("the worst 8 of {same}"),
        ),
        (
            "Different identities, taken for one",
            format!("the worst 12 of {different}"),
        ),
    ] {
        let heading = format!("<h4>{title}</h4><p class=\"note\">{note}</p>");
        assert!(page.contains(&heading), "no `{heading}`");
    }

    let page = page_of_scores(|scores| {
        scores.mistakes.retain(|mistake| mistake.same);
        scores.mistakes[0].score = -0.25;
        scores.same = vec![0.5; 3];
    });
    // All of the recorded ones are, whatever the mean of the thresholds says.
    assert!(page.contains("the worst 8 of 8<") && page.contains("<b>−0.250</b>"));
    let none = format!("{different}, no picture of them is recorded");
    assert!(page.contains(&none), "no `{none}`");
}

/// At the top stands what was trained, as far as the folder tells.
#[test]
fn the_page_begins_with_what_was_trained() {
    let folder = tempfile::tempdir().unwrap();
    fake_run::write(folder.path());
    let entry = |name: &str, value: &str, more: &str| {
        format!("<div><dt>{name}</dt><dd>{value}<small>{more}</small></dd></div>")
    };
    let entries = [
        entry("Data", "20,000 identities", "153,261 images"),
        entry("Pictures", "112 × 112 px", "colour"),
        entry(
            "Network",
            "iresnet 18",
            "1.23 M parameters, embeddings of 512 numbers",
        ),
        entry("Head", "ffc", "pool of 3,000, arcface margin 0.5"),
        entry("Device", "cpu", "A processor, 2 threads"),
    ];
    let all = format!("<dl class=\"card overview\">{}</dl>", entries.concat());
    let first = page(folder.path());
    tags(&first);
    assert!(first.contains(&all), "no `{all}`");
    assert!(first.find(&all) < first.find("<h2>Results</h2>"));

    // An old run has no facts; an odd configuration tells nothing.
    std::fs::remove_file(folder.path().join("facts.json")).unwrap();
    let config = "backbone = 3\n[head]\nkind = \"queue\"\nqueue = 512\nmargin = 0.35\n";
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    let second = page(folder.path());
    let rest = [
        entry("Head", "queue", "queue of 512, margin 0.35"),
        entries[4].clone(),
    ];
    let rest = format!("<dl class=\"card overview\">{}</dl>", rest.concat());
    assert!(second.contains(&rest), "no `{rest}`");

    // A GPU's name is enough; without TOML the rest stays.
    std::fs::write(folder.path().join("config.toml"), "no TOML").unwrap();
    let environment = r#"{"device":"cuda:0 (A card)","processor":"A processor"}"#;
    std::fs::write(folder.path().join("environment.json"), environment).unwrap();
    let third = page(folder.path());
    let rest =
        "<dl class=\"card overview\"><div><dt>Device</dt><dd>cuda:0 (A card)</dd></div></dl>";
    assert!(third.contains(rest) && third.contains("no TOML"));
}

/// Without an evaluation there is the training, and a line says why there are no results.
#[test]
fn a_run_without_evaluations() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = MetricsWriter::open(folder.path(), 0, &[], &[]).unwrap();
    for step in 1..=20 {
        writer.write(&Metric::Step(step_metrics(step))).unwrap();
    }
    // As a training leaves it.
    for scores in [None, Some("{}")] {
        if let Some(scores) = scores {
            std::fs::write(folder.path().join("scores.json"), scores).unwrap();
        }
        let page = page(folder.path());
        tags(&page);
        assert!(page.contains("Nothing was evaluated"));
        assert!(page.contains("Loss against step"));
        assert!(!page.contains("<h2>Recognition</h2>") && !page.contains("class=\"tiles\""));
    }
}

/// A single value is a dot on an axis that begins at 0 or above, and has no running mean.
#[test]
fn a_run_with_one_line() {
    let mut evaluation = evaluation_metrics(1, "lfw");
    (evaluation.value, evaluation.low, evaluation.high) = (0.0, 0.0, 0.0);
    let mut metrics = step_metrics(1);
    metrics.data_wait_share = 0.0;
    let page = page_of(&[Metric::Step(metrics), Metric::Evaluation(evaluation)]);
    assert!(!page.contains("running mean"));
    let tags = tags(&page);
    for (chart, data) in
        values(&tags, "svg", "aria-label")
            .into_iter()
            .zip(values(&tags, "svg", "data-chart"))
    {
        let data: serde_json::Value = serde_json::from_str(&data.replace("&quot;", "\"")).unwrap();
        let end = |axis: &str, end: &str| data[axis][end].as_f64().unwrap();
        assert_eq!((end("x", "low"), end("x", "high")), (0.0, 1.0), "{chart}");
        assert!(end("y", "low") >= 0.0, "{chart}");
        assert!(end("y", "low") < end("y", "high"), "{chart}");
        if data["y"]["percent"] == true {
            assert!(end("y", "high") <= 1.0, "{chart}");
        }
        assert_eq!(data["series"].as_array().unwrap().len(), 1, "{chart}");
    }
}

/// Whatever is measured first of an evaluation stands in large figures.
#[test]
fn tiles_show_the_first_measure() {
    let of = |measure: &str| {
        let mut metrics = evaluation_metrics(64, "lfw");
        metrics.measure = measure.to_owned();
        Metric::Evaluation(metrics)
    };
    let page = page_of(&[of("rank-1"), of("accuracy")]);
    assert!(page.contains("<p>lfw rank-1<i>gallery</i></p>"));
    assert_eq!(page.matches("<div class=\"card tile\">").count(), 1);
}

#[test]
fn damaged_files_are_errors_with_the_path() {
    for (file, content) in [
        ("scores.json", "{\"faces\": {"),
        ("scores.json", "{\"faces\": {\"network\": \"gallery\"}}"),
        ("environment.json", "[]"),
        ("environment.json", "{\"threads\": 2}"),
        ("facts.json", "{\"identities\": -1}"),
        ("config.toml", "\u{0}"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        let mut content = content.as_bytes().to_vec();
        if file == "config.toml" {
            // No UTF-8.
            content = vec![0xff];
        }
        std::fs::write(&path, content).unwrap();
        let error = ffc_report::write(folder.path()).unwrap_err();
        assert_says(&error.to_string(), &[path.to_str().unwrap()]);
        assert!(!folder.path().join("report.html").exists());
    }
    let missing = ffc_report::write("missing folder").unwrap_err();
    assert_says(&missing.to_string(), &["cannot open missing folder"]);
}

#[test]
fn a_report_replaces_the_older_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("report.html"), "older").unwrap();
    assert!(page(folder.path()).starts_with("<!DOCTYPE html>"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A folder that another version wrote: what this one does not know stays out of the page, and the page says so.
#[test]
fn lines_of_unknown_kinds_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let known = r#"{"kind":"evaluation","step":0,"name":"lfw","network":"gallery","measure":"accuracy","value":0.5,"low":0.4,"high":0.6}
{"kind":"step","step":10,"epoch":0.5,"loss":7.5,"learning_rate":0.1,"gradient_norm":2.0,"target_cosine":null,"fresh_share":0.5,"pool_fill":0.25,"evictions":0.0,"images_per_s":512.0,"data_wait_share":0.0,"elapsed_s":3.5}
{"kind":"evaluation","step":10,"name":"lfw","network":"gallery","measure":"accuracy","value":0.75,"low":0.7,"high":0.8}
"#;
    let path = folder.path().join("metrics.jsonl");
    std::fs::write(&path, known).unwrap();
    let first = page(folder.path());
    assert!(first.contains("<strong>75.00 %</strong>"));
    let written = concat!("<footer>Written by ffc ", env!("CARGO_PKG_VERSION"), ".");
    assert!(first.contains(&format!("{written}</footer>")));

    let newer = known
        .replace("\"loss\"", "\"memory_mib\":1024.5,\"loss\"")
        .replace("\"value\"", "\"pairs\":6000,\"value\"");
    let odd =
        "{\"kind\":\"temperature\",\"step\":10,\"celsius\":[61,\"<b>\"]}\n{\"kind\":\"end\"}\n";
    std::fs::write(&path, newer + odd).unwrap();
    let second = page(folder.path());
    tags(&second);
    let note =
        "metrics.jsonl has 2 lines of a kind that this version does not know and does not show.";
    assert!(second.contains(&format!("{written} {note}</footer>")));
    for part in [
        "<strong>75.00 %</strong>",
        "<h3><span>Loss</span> <b>7.5</b></h3>",
        "<h3><span>pool fill</span> <b>25.0 %</b></h3>",
    ] {
        assert!(first.contains(part) && second.contains(part), "no `{part}`");
    }
    // A number that another version measures is shown as a head's are.
    assert!(second.contains("<h3><span>memory mib</span> <b>1,020</b></h3>"));
}

/// The network that is used after training has the full line: without a gallery network it is the other.
#[test]
fn the_network_beside_the_gallery_is_dashed() {
    let of = |network: &str| {
        let mut metrics = evaluation_metrics(64, "lfw");
        metrics.network = network.to_owned();
        Metric::Evaluation(metrics)
    };
    let dashed = "<g class=\"c0 dashed\">";
    assert!(page_of(&[of("gallery"), of("probe")]).contains(dashed));
    for network in ["gallery", "probe"] {
        assert!(!page_of(&[of(network)]).contains(dashed), "{network}");
    }
}

/// Data, charts and sections serve a page over several runs.
#[test]
fn a_page_of_two_runs() {
    let parent = tempfile::tempdir().unwrap();
    let runs = ["long", "a < b"].map(|name| {
        let folder = parent.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        fake_run::write(&folder);
        RunData::read(&folder).unwrap()
    });
    let series = runs.iter().enumerate().map(|(colour, run)| {
        let points = run.steps.iter();
        let points = points.map(|metrics| Point::new(metrics.step as f64, metrics.loss));
        Series {
            name: run.name.clone(),
            style: Style::Line,
            colour,
            points: smooth(&points.collect::<Vec<_>>()).unwrap(),
        }
    });
    let axis = |scale| Axis {
        scale,
        unit: Unit::Number,
        includes: &[],
    };
    let chart = Chart {
        title: "Loss".to_owned(),
        headline: None,
        note: None,
        x: axis(Scale::Linear),
        x_label: "step",
        y: axis(Scale::Wide),
        series: series.collect(),
        marks: Vec::new(),
    };
    let [first, second] = runs.each_ref().map(Results);
    let page = Page {
        kind: "Comparison",
        title: "Two runs",
        facts: vec!["2 runs".to_owned()],
        sections: vec![&chart, &first, &second],
        notes: Vec::new(),
    }
    .to_string();
    let tags = tags(&page);
    assert_eq!(values(&tags, "svg", "aria-label"), ["Loss against step"]);
    assert_eq!(values(&tags, "section", "id"), ["results", "results"]);
    for part in [
        "<h1>Two runs</h1>",
        "</svg>long</li>",
        "</svg>a &lt; b</li>",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
}

/// How the page looks only eyes can tell.
#[test]
#[ignore = "writes a run to look at into the folder that FFC_SAMPLE_RUN names"]
fn write_a_sample() {
    let folder = std::env::var("FFC_SAMPLE_RUN").unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    fake_run::write(Path::new(&folder));
    page(Path::new(&folder));
}
