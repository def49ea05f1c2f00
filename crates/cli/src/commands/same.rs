use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use ffc_align::Missing;
use ffc_data::{Dataset, Files};
use ffc_eval::{Embeddings, FarThreshold, Threshold, ThresholdsFile};
use serde_json::json;

use crate::arguments::Same;
use crate::error::{Error, Result};
use crate::network::{Network, hash};
use crate::output::say;

/// The threshold that pictures are compared by.
struct Chosen {
    threshold: Threshold,
    /// Where it comes from, for a sentence.
    origin: String,
}

/// Says whether two pictures show the same identity.
pub fn run(arguments: Same) -> Result<ExitCode> {
    let Same { network, a, b, .. } = &arguments;
    let alignment = &network.alignment;
    let network = Network::read(network)?;
    let chosen = match arguments.threshold {
        Some(_) => None,
        None => choose(&arguments, &network)?,
    };
    let files = Files::new(vec![a.clone(), b.clone()])?;
    let set = Arc::new(Dataset::files(files)?.as_stored(network.as_stored));
    let (set, _) = alignment.apply(set, &network.preprocessing, Missing::Fail)?;
    let cosine = Embeddings::of_images(&set, &[0, 1], &mut network.embedder()?)?.cosine(0, 1);

    let given = arguments.threshold;
    let threshold = given.or(chosen.as_ref().map(|chosen| chosen.threshold.cosine));
    let far = chosen.as_ref().map(|chosen| chosen.threshold.far);
    if arguments.json {
        let answer = json!({
            "a": a.display().to_string(),
            "b": b.display().to_string(),
            "cosine": cosine,
            "threshold": threshold,
            "same": threshold.map(|threshold| cosine >= threshold),
            "false_accept_rate": far,
        });
        say!("{answer}");
        return Ok(ExitCode::SUCCESS);
    }
    say!("cosine {cosine:.4}");
    match threshold {
        None => say!(
            "no threshold is known for these weights: ffc eval measures and writes them, --threshold gives one"
        ),
        Some(threshold) => {
            let verdict = match cosine >= threshold {
                true => "the same",
                false => "different ones",
            };
            let origin = chosen.map_or("as given".to_owned(), |chosen| chosen.origin);
            say!("{verdict}, by the threshold {threshold:.4} ({origin})");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The threshold of a file: that of the false accept rate that was asked for, or else the one that decides most pairs rightly.
fn choose(arguments: &Same, network: &Network) -> Result<Option<Chosen>> {
    let Some(path) = file(arguments, network) else {
        return match arguments.far {
            None => Ok(None),
            Some(_) => Err(Error::Usage(
                "--far needs thresholds: ffc eval writes them beside the weights, --thresholds names them".into(),
            )),
        };
    };
    let ThresholdsFile {
        measured_on,
        thresholds,
    } = ThresholdsFile::read(&path)?;
    let weights = &arguments.network.weights;
    if let Some(measured) = &measured_on.weights_xxh3
        && weights.is_file()
        && *measured != hash(weights)?
    {
        return Err(Error::Usage(format!(
            "{} was measured with other weights ({}) than {}: measure these with ffc eval, or give a --threshold",
            path.display(),
            measured_on.network,
            weights.display()
        )));
    }
    if measured_on.flip != arguments.network.flip {
        let (with, without) = ("with --flip", "without --flip");
        let (was, is) = match measured_on.flip {
            true => (with, without),
            false => (without, with),
        };
        tracing::warn!("{} was measured {was}, and this is {is}", path.display());
    }
    if let Some(step) = &network.step
        && measured_on.network != *step
    {
        return Err(Error::Usage(format!(
            "{} was measured with the {}, and this is the {step}: measure it with ffc eval, or give a --threshold",
            path.display(),
            measured_on.network
        )));
    }
    if measured_on.aligned != arguments.network.alignment.align {
        let (with, without) = ("with --align", "without --align");
        let (was, is) = match measured_on.aligned {
            true => (with, without),
            false => (without, with),
        };
        return Err(Error::Usage(format!(
            "{} was measured {was}, and this is {is}: measure it so with ffc eval, or give a --threshold",
            path.display()
        )));
    }
    if thresholds.best.tar <= thresholds.best.far {
        tracing::warn!(
            "on the pairs of {} no threshold tells the same from others",
            path.display()
        );
    }
    let of = format!(
        "{} of {}, {} different pairs",
        measured_on.pairs, measured_on.data, thresholds.different_pairs
    );
    let says = |threshold: &Threshold| {
        format!(
            "false accept rate {:.2e}, true accept rate {:.1} % on {of}",
            threshold.far,
            100.0 * threshold.tar
        )
    };
    let Some(far) = arguments.far else {
        return Ok(Some(Chosen {
            origin: says(&thresholds.best),
            threshold: thresholds.best,
        }));
    };
    let is_asked = |at: &&FarThreshold| (at.target / far - 1.0).abs() < 1e-6;
    let Some(at) = thresholds.at_far.iter().find(is_asked) else {
        let known: Vec<String> = (thresholds.at_far.iter())
            .map(|at| format!("{:e}", at.target))
            .collect();
        return Err(Error::Usage(format!(
            "{} has no threshold for a false accept rate of {far:e}; it has those for {}",
            path.display(),
            known.join(", ")
        )));
    };
    if at.is_rough() {
        tracing::warn!(
            "{} pairs alone stand behind this false accept rate: it is rough",
            at.accepted
        );
    }
    Ok(Some(Chosen {
        origin: says(&at.threshold),
        threshold: at.threshold,
    }))
}

/// The file that was named, or the one that lies beside the weights.
fn file(arguments: &Same, network: &Network) -> Option<PathBuf> {
    let named = arguments.thresholds.clone();
    named.or_else(|| Some(network.thresholds.clone()).filter(|path| path.exists()))
}
