use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use ffc_data::{Dataset, PairBin};
use ffc_eval::{Episodes, Evaluation, Protocol, RawPixels};

use crate::arguments::{Eval, ProtocolArguments};
use crate::error::{Error, Result};
use crate::network::Network;
use crate::output::say;

/// Measures a network, and raw pixels beside it.
pub fn run(arguments: Eval, quiet: bool) -> Result<ExitCode> {
    let protocol = protocol(&arguments.protocol, arguments.train_pairs.as_ref())?;
    let network = Network::read(&arguments.network)?;
    let mut embedder = network.embedder()?;
    let data = dataset(arguments.data.as_deref(), &arguments.protocol)?;
    let evaluation = protocol.run(&data, &mut embedder)?;
    if arguments.json {
        let json = serde_json::to_string(&evaluation)
            .map_err(|error| Error::Failed(format!("cannot write JSON: {error}")))?;
        say!("{json}");
        return Ok(ExitCode::SUCCESS);
    }
    print("network", &evaluation);
    if !quiet {
        print("raw pixels", &protocol.run(&data, &mut RawPixels)?);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(what: &str, evaluation: &Evaluation) {
    for measure in &evaluation.measures {
        say!(
            "{what}: {} {:.2} % (95 % interval {:.2} to {:.2})",
            measure.name,
            100.0 * measure.value,
            100.0 * measure.low,
            100.0 * measure.high
        );
    }
}

fn dataset(data: Option<&Path>, protocol: &ProtocolArguments) -> Result<Arc<Dataset>> {
    let dataset = match (data, &protocol.bin) {
        (Some(path), _) => Dataset::from_path(path)?,
        (None, Some(path)) => Dataset::pairs(PairBin::open(path)?)?,
        (None, None) => return Err(Error::Usage("name the pictures".into())),
    };
    Ok(Arc::new(dataset))
}

fn protocol(arguments: &ProtocolArguments, train_pairs: Option<&PathBuf>) -> Result<Protocol> {
    let protocol = match arguments {
        ProtocolArguments {
            random_pairs: Some(pairs),
            ..
        } => Protocol::RandomPairs {
            pairs: *pairs,
            seed: 0,
        },
        ProtocolArguments {
            pairs: Some(path), ..
        } => Protocol::PairsFile {
            path: path.clone(),
            train: train_pairs.cloned(),
        },
        ProtocolArguments {
            bin: Some(path), ..
        } => Protocol::Bin { path: path.clone() },
        ProtocolArguments {
            episodes: Some(text),
            ..
        } => Protocol::Episodes(episodes(text)?),
        _ => Protocol::TarAtFar {
            targets: (1..=6)
                .rev()
                .map(|exponent| 10f64.powi(-exponent))
                .collect(),
        },
    };
    Ok(protocol)
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
