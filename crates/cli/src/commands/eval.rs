use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ffc_align::Missing;
use ffc_data::{Dataset, PairBin};
use ffc_eval::{
    Episodes, Evaluation, Identification, MeasuredOn, Protocol, Protocols, RawPixels, Templates,
    Threshold, Thresholds, ThresholdsFile,
};

use crate::alignment::tell;
use crate::arguments::{Eval, ProtocolArguments};
use crate::destination;
use crate::error::{Error, Result};
use crate::network::{Network, hash, thresholds_path};
use crate::output::say;

/// False accept rates without any that are named.
const TARGETS: [f64; 6] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];

/// Measures a network, and raw pixels beside it, and writes the thresholds that the pairs show.
pub fn run(arguments: Eval, quiet: bool) -> Result<ExitCode> {
    let protocols = protocols(&arguments.protocol)?;
    if let Some(out) = &arguments.thresholds {
        let inputs = std::iter::once(&arguments.network.weights).chain(&arguments.data);
        destination::check(out, inputs, |out| ThresholdsFile::read(out).is_ok())?;
    }
    if let (true, Some(bin)) = (arguments.network.alignment.align, &arguments.protocol.bin) {
        return Err(Error::Usage(format!(
            "--align is for photographs; the pictures of {} are aligned",
            bin.display()
        )));
    }
    let network = Network::read(&arguments.network)?;
    let mut embedder = network.embedder()?;
    let data = dataset(&arguments, network.as_stored)?;
    let alignment = &arguments.network.alignment;
    let (data, faces) = alignment.apply(data, &network.preprocessing, Missing::Crop)?;
    let prepared = protocols.prepare(&data)?;
    let found = prepared.run(&mut embedder)?;
    tell(&faces, &data)?;
    let labels = protocols.list().iter().map(Protocol::label);
    let shown: Vec<(String, &Evaluation)> = labels.zip(&found).collect();
    if arguments.json {
        say!("{}", json(&found)?);
    } else {
        print("network", &found);
        if !quiet {
            print("raw pixels", &prepared.run(&mut RawPixels)?);
        }
        for (label, evaluation) in &shown {
            evaluation.left_out.iter().for_each(|said| say!("{said}"));
            if let Some(thresholds) = &evaluation.thresholds {
                print_thresholds(label, thresholds);
            }
        }
    }
    let measured = (protocols.list().iter().zip(&shown))
        .filter(|(protocol, _)| protocol.compares_pictures())
        .filter_map(|(_, (label, found))| Some((label, found.thresholds.as_ref()?)));
    // More pairs show lower rates.
    if let Some((label, thresholds)) =
        measured.max_by_key(|(_, thresholds)| thresholds.different_pairs)
    {
        let step = network.step.as_deref();
        write_thresholds(&arguments, step, label, thresholds, &data)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The result of one protocol, or a list of the results of several.
fn json(found: &[Evaluation]) -> Result<String> {
    let json = match found {
        [one] => serde_json::to_string(one),
        several => serde_json::to_string(several),
    };
    json.map_err(|error| Error::Failed(format!("cannot write JSON: {error}")))
}

fn print(what: &str, found: &[Evaluation]) {
    for measure in found.iter().flat_map(|found| &found.measures) {
        let reached = measure.reached;
        say!(
            "{what}: {} {:.2} % (95 % interval {:.2} to {:.2}){}",
            measure.name,
            100.0 * measure.value,
            100.0 * measure.low,
            100.0 * measure.high,
            reached.map_or_else(String::new, |reached| format!("; {reached}"))
        );
    }
}

fn print_thresholds(label: &str, thresholds: &Thresholds) {
    say!(
        "thresholds of the cosine, {label}: {} same and {} different pairs",
        thresholds.same_pairs,
        thresholds.different_pairs
    );
    let line = |name: &str, threshold: &Threshold, note: &str| {
        say!(
            "  {name:<11} cosine {:>7.4}, FAR {:.2e}, TAR {:.2} %{note}",
            threshold.cosine,
            threshold.far,
            100.0 * threshold.tar
        );
    };
    for at in &thresholds.at_far {
        let note = match at.is_rough() {
            true if at.accepted == 1 => "; rough: a single pair is behind this FAR".into(),
            true => format!("; rough: {} pairs are behind this FAR", at.accepted),
            false => String::new(),
        };
        line(&format!("FAR <= {:e}", at.target), &at.threshold, &note);
    }
    line("most right", &thresholds.best, "");
}

/// Writes what `ffc same` reads. Where nothing can be written beside the weights, that is a warning; at a named place an error.
fn write_thresholds(
    arguments: &Eval,
    step: Option<&str>,
    label: &str,
    thresholds: &Thresholds,
    data: &Dataset,
) -> Result<()> {
    let weights = &arguments.network.weights;
    let file = ThresholdsFile {
        measured_on: MeasuredOn {
            network: match (step, weights.file_name()) {
                (Some(step), _) => step.to_owned(),
                (None, Some(name)) => name.display().to_string(),
                (None, None) => weights.display().to_string(),
            },
            weights_xxh3: match weights.is_file() {
                true => Some(hash(weights)?),
                false => None,
            },
            data: data.source().path().display().to_string(),
            pairs: label.to_owned(),
            flip: arguments.network.flip,
            aligned: arguments.network.alignment.align,
        },
        thresholds: thresholds.clone(),
    };
    let written = |path: &Path| {
        if !arguments.json {
            say!("thresholds: {}", path.display());
        }
    };
    if let Some(path) = &arguments.thresholds {
        file.write(path)?;
        written(path);
        return Ok(());
    }
    let path = thresholds_path(weights);
    match file.write(&path) {
        Ok(()) => written(&path),
        Err(error) => {
            let error = ffc_data::ErrorChain(&error);
            tracing::warn!(
                "the thresholds are not kept, {error}; --thresholds names another place"
            );
        }
    }
    Ok(())
}

fn dataset(arguments: &Eval, as_stored: bool) -> Result<Arc<Dataset>> {
    match (&arguments.data, &arguments.protocol.bin) {
        (None, Some(path)) => Ok(Arc::new(Dataset::pairs(PairBin::open(path)?)?)),
        (Some(path), None) => arguments.set.open(path, as_stored, &mut |_| {}),
        (Some(path), Some(bin)) => Err(Error::Usage(format!(
            "{} brings its own pictures; leave {} out",
            bin.display(),
            path.display()
        ))),
        (None, None) => Err(Error::Usage("name the pictures".into())),
    }
}

/// The protocols that the arguments name, in the order of the help.
fn protocols(arguments: &ProtocolArguments) -> Result<Protocols> {
    let mut protocols = Vec::new();
    if let Some(pairs) = arguments.random_pairs {
        protocols.push(Protocol::RandomPairs { pairs, seed: 0 });
    }
    if let Some(path) = &arguments.pairs {
        protocols.push(Protocol::PairsFile {
            path: path.clone(),
            train: arguments.train_pairs.clone(),
        });
    }
    if let Some(path) = &arguments.bin {
        protocols.push(Protocol::Bin { path: path.clone() });
    }
    for text in &arguments.episodes {
        protocols.push(Protocol::Episodes(episodes(text)?));
    }
    if let Some(targets) = &arguments.tar_at_far {
        protocols.push(Protocol::TarAtFar {
            targets: self::targets(targets.as_deref())?,
        });
    }
    if let Some(probes) = arguments.identification {
        protocols.push(Protocol::Identification(Identification {
            probes,
            distractors: arguments.distractors.clone(),
            seed: 0,
        }));
    }
    if let Some(media) = &arguments.templates {
        protocols.push(Protocol::Templates(Templates {
            media: media.clone(),
            pairs: arguments.template_pairs.clone(),
            galleries: arguments.galleries.clone(),
            probes: arguments.probes.clone(),
            targets: TARGETS.to_vec(),
        }));
    }
    if let Some(path) = &arguments.videos {
        protocols.push(Protocol::Videos { path: path.clone() });
    }
    if protocols.is_empty() {
        let options = "--random-pairs, --pairs, --bin, --episodes, --tar-at-far, --identification, --templates or --videos";
        return Err(Error::Usage(format!("name what is measured: {options}")));
    }
    Ok(Protocols::new(protocols)?)
}

/// `1e-4,1e-3`: false accept rates.
fn targets(text: Option<&str>) -> Result<Vec<f64>> {
    let Some(text) = text else {
        return Ok(TARGETS.to_vec());
    };
    let rates = text.split(',').map(|rate| rate.trim().parse().ok());
    let rates: Option<Vec<f64>> = rates.collect();
    rates.ok_or_else(|| {
        Error::Usage(format!(
            "{text:?} is no list of false accept rates; expected such as 1e-4,1e-3"
        ))
    })
}

/// `20x5`: ways and shots.
fn episodes(text: &str) -> Result<Episodes> {
    let numbers = text
        .split_once('x')
        .and_then(|(ways, shots)| Some((ways.trim().parse().ok()?, shots.trim().parse().ok()?)));
    let (ways, shots) = numbers.ok_or_else(|| {
        Error::Usage(format!(
            "{text:?} is no kind of episode; expected such as 20x1"
        ))
    })?;
    Ok(Episodes {
        ways,
        shots,
        episodes: 1000,
        seed: 0,
    })
}
