//! The `ffc` command: trains an embedding network over any number of identities, measures it and uses it.

mod aligned_set;
mod alignment;
mod allocator;
mod arguments;
mod commands;
mod destination;
mod device;
mod environment;
mod error;
mod interrupt;
mod logging;
mod lost_file;
mod network;
mod output;
mod pictures;
mod presets;
mod quality;
mod ranks;
mod trained;

use std::process::ExitCode;

use clap::Parser;
use ffc_data::ErrorChain;
use ffc_train::Interrupt;

use arguments::{Arguments, Bench, Command};
use error::Error;
use logging::LogFormat;
use ranks::Ranks;

fn main() -> ExitCode {
    allocator::keep_freed_pages();
    lost_file::tell_of_lost_files();
    let arguments = Arguments::parse();
    if let Err(error) = logging::init(arguments.log, arguments.quiet) {
        eprintln!("error: {}", ErrorChain(&error));
        return ExitCode::FAILURE;
    }
    let quiet = arguments.quiet;
    let progress = !quiet && arguments.log == LogFormat::Text;
    // A signal may come before the ranks have found each other.
    let joined = match &arguments.command {
        Some(Command::Train(train)) => Some(train.rank_limit()),
        // The built-in job is a training too.
        None => Some(arguments::RANK_LIMIT),
        Some(_) => None,
    };
    let joined = joined.map(|limit| Ok((interrupt::interrupt()?, Ranks::join(limit)?)));
    let (interrupt, ranks) = match joined.transpose() {
        Ok(Some((interrupt, ranks))) => (interrupt, ranks),
        Ok(None) => (Interrupt::default(), Ranks::alone()),
        Err(error) => {
            tell("", &error, arguments.log);
            return error.code().into();
        }
    };
    // One of several ranks speaks for all.
    let progress = progress && ranks.is_first();
    let result = match arguments.command {
        None => commands::train::built_in(&ranks, interrupt, progress),
        Some(Command::Train(train)) => commands::train::run(train, &ranks, interrupt, progress),
        Some(Command::Compare(compare)) => commands::compare::run(compare, quiet),
        Some(Command::Bench(Bench::Step(step))) => commands::bench::step(step),
        Some(Command::Bench(Bench::Identities(sweep))) => commands::bench::identities(sweep, quiet),
        Some(Command::Eval(eval)) => commands::eval::run(*eval, quiet),
        Some(Command::Same(same)) => commands::same::run(same),
        Some(Command::Embed(embed)) => commands::embed::run(embed),
        Some(Command::Search(search)) => commands::search::run(search),
        Some(Command::Align(align)) => commands::align::run(*align, progress),
        Some(Command::Data(data)) => commands::data::run(data, quiet),
        Some(Command::Export(export)) => commands::export::run(export),
        Some(Command::Config(config)) => commands::config::run(config),
        Some(Command::Report { run }) => commands::report::run(&run),
        Some(Command::Doctor) => commands::doctor::run(),
        Some(Command::Completions { shell }) => commands::completions::run(shell),
    };
    match result {
        Ok(code) => {
            ranks.finish();
            code
        }
        Err(error) => {
            tell(&ranks.name(), &error, arguments.log);
            ranks.abort(error.code());
            error.code().into()
        }
    }
}

/// Says what a command failed with, on which rank, and what helps: in a log of JSON as one of its lines.
fn tell(rank: &str, error: &Error, log: LogFormat) {
    let (text, remedy) = (format!("{rank}{}", ErrorChain(error)), error.remedy());
    match log {
        LogFormat::Text => {
            eprintln!("error: {}", output::printable(&text));
            remedy.inspect(|remedy| eprintln!("{remedy}"));
        }
        LogFormat::Json => tracing::error!(remedy, "{text}"),
    }
}
