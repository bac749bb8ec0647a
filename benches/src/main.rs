//! ntpark, its peers and the limits that nature sets, measured side by side on one backend.
//!
//! A *work* is something to be done, as often as it takes to be measured; a *subject* is a way to do it. Each
//! round measures every subject of a work once, in an order that is shuffled anew, so that whatever else the
//! machine does meanwhile hits all of them alike. Ratios are formed within a round, and their median
//! is reported. See `docs/performance.md`.

mod locks;
mod measure;
mod pictures;
mod report;
mod subjects;
mod sys;
mod works;

use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use measure::Plan;
use report::Report;

/// What the command line says.
struct Options {
    backend: Option<String>,
    works: Vec<String>,
    plan: Plan,
    json: Option<PathBuf>,
    pictures: Option<PathBuf>,
    spin: Option<u32>,
    /// Set by the program itself, for a process that parks once and tells how long that took.
    first_park: Option<String>,
}

const HELP: &str = "\
Measures ntpark and its peers side by side, on one backend.

Usage: ntpark-bench [--backend NAME] [--work NAME]... [--rounds N] [--quick] [--json FILE]
                    [--pictures DIR]

  --backend NAME  wait-address, keyed-event, keyed-event-null or host [default: ntpark's own choice]
  --work NAME     only this work; may be given several times
  --rounds N      rounds of each work, several times as many of some [default: 11; with --quick: 3]
  --quick         short rounds: shows that everything runs, but measures nothing well
  --spin N        how often a parker looks at its word before it blocks, on the host backend
  --json FILE     write the rows to FILE
  --pictures DIR  draw what the work `mutex` has measured, in two files of DIR
";

fn options() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        backend: None,
        works: Vec::new(),
        plan: Plan::full(),
        json: None,
        pictures: None,
        spin: None,
        first_park: None,
    };
    let mut rounds = None;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("backend") => options.backend = Some(parser.value()?.string()?),
            Long("work") => options.works.push(parser.value()?.string()?),
            Long("rounds") => rounds = Some(parser.value()?.parse::<usize>()?.max(1)),
            Long("quick") => options.plan = Plan::quick(),
            Long("spin") => options.spin = Some(parser.value()?.parse()?),
            Long("pictures") => options.pictures = Some(parser.value()?.into()),
            Long("json") => options.json = Some(parser.value()?.into()),
            Long("first-park") => options.first_park = Some(parser.value()?.string()?),
            Long("help") | Short('h') => return Ok(None),
            _ => return Err(argument.unexpected()),
        }
    }
    if let Some(rounds) = rounds {
        options.plan.rounds = rounds;
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    if let Some(subject) = &options.first_park {
        return works::first_park::child(subject, options.backend.as_deref());
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    sys::choose_backend(options.backend.as_deref(), options.spin)?;
    let backend = ntpark::Backend::get().kind().name();
    let works = works::all();
    if let Some(unknown) = options.works.iter().find(|name| works.iter().all(|work| work.name != name.as_str())) {
        let names: Vec<&str> = works.iter().map(|work| work.name).collect();
        return Err(format!("there is no work {unknown}; there are {}", names.join(", ")).into());
    }
    let mut report = Report::new(backend, &options.plan);
    for work in works {
        if options.works.is_empty() || options.works.iter().any(|name| name == work.name) {
            report.add(work.run(&options.plan));
        }
    }
    report.print();
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    if let Some(dir) = &options.pictures {
        pictures::draw(&report, dir)?;
    }
    Ok(())
}
