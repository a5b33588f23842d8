//! The `nexo` binary: arguments, configuration, logs, run, exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use nexo::app::{self, Failure};
use nexo::config::{self, Config};
use nexo::telemetry::{self, Metrics};

/// Half of a pull of 50 messages is allocations; see docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "\
nexo, a self-hosted instant-messaging backend

Usage:
  nexo [serve] [--listen ADDR] [--data DIR] [--config FILE]   run a server (the default)
  nexo migrate [--config FILE]                                prepare the database of a cluster
  nexo config [--config FILE]                                 print the effective configuration, secrets hidden
  nexo config --reference                                     print the reference of all settings, in Markdown
  nexo metrics                                                print the reference of all metrics, in Markdown
  nexo openapi                                                print the API document, OpenAPI 3.1 in JSON
  nexo healthcheck [--url URL] [--config FILE]                exit with 0 if the server is ready
  nexo --version
  nexo --help

Settings also come from the environment, as NEXO__SECTION__FIELD; docs/configuration.md lists them.
";

/// Tasks that a worker runs before it looks at its sockets, tokio's 61 otherwise: a task that writes to a share of a crowd takes some
/// 0.16 ms, and whoever else sends would wait for 61 of them; see docs/performance.md.
const TASKS_BETWEEN_LOOKS: u32 = 7;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Serve,
    Migrate,
    Config,
    Metrics,
    Openapi,
    Healthcheck,
    Help,
    Version,
}

/// What the command line asks for.
struct Arguments {
    command: Command,
    file: Option<PathBuf>,
    overrides: Vec<(&'static str, String)>,
    reference: bool,
    url: Option<String>,
}

fn main() -> ExitCode {
    let arguments = match parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("nexo: {error}; nexo --help says more");
            return ExitCode::from(2);
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("nexo: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn parse() -> Result<Arguments, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let mut command = None;
    let mut arguments =
        Arguments { command: Command::Serve, file: None, overrides: Vec::new(), reference: false, url: None };
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => command = Some(Command::Help),
            Short('V') | Long("version") => command = Some(Command::Version),
            Long("config") => arguments.file = Some(parser.value()?.into()),
            Long("listen") => arguments.overrides.push(("server.listen", parser.value()?.string()?)),
            Long("data") => arguments.overrides.push(("store.data", parser.value()?.string()?)),
            Long("reference") if command == Some(Command::Config) => arguments.reference = true,
            Long("url") if command == Some(Command::Healthcheck) => arguments.url = Some(parser.value()?.string()?),
            Value(word) if command.is_none() => {
                command = Some(match word.to_str() {
                    Some("serve") => Command::Serve,
                    Some("migrate") => Command::Migrate,
                    Some("config") => Command::Config,
                    Some("metrics") => Command::Metrics,
                    Some("openapi") => Command::Openapi,
                    Some("healthcheck") => Command::Healthcheck,
                    _ => return Err(Value(word).unexpected()),
                });
            }
            other => return Err(other.unexpected()),
        }
    }
    arguments.command = command.unwrap_or(Command::Serve);
    Ok(arguments)
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let failure = |error: &dyn std::fmt::Display| Failure(error.to_string());
    match arguments.command {
        Command::Help => print!("{HELP}"),
        Command::Version => println!("nexo {}", env!("CARGO_PKG_VERSION")),
        Command::Config if arguments.reference => print!("{}", config::reference().map_err(|error| failure(&error))?),
        Command::Config => print!("{}", config::render(&load(&arguments)?).map_err(|error| failure(&error))?),
        Command::Metrics => print!("{}", Metrics::new().map_err(|error| failure(&error))?.reference()),
        Command::Openapi => print!("{}", nexo::http::openapi().map_err(|error| failure(&error))?),
        Command::Healthcheck => {
            let listen = || load(&arguments).map(|config| format!("{}://{}", config.server.scheme(), config.server.listen));
            app::healthcheck(&arguments.url.clone().map_or_else(listen, Ok)?)?;
        }
        Command::Serve => run_with_logs(load(&arguments)?, app::serve)?,
        Command::Migrate => run_with_logs(load(&arguments)?, app::migrate)?,
    }
    Ok(())
}

fn run_with_logs<F>(config: Config, run: impl FnOnce(Config) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    telemetry::init_logs(config.log.format, &config.log.filter).map_err(Failure)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().event_interval(TASKS_BETWEEN_LOOKS).enable_all().build();
    runtime.map_err(|error| Failure(error.to_string()))?.block_on(run(config))
}

fn load(arguments: &Arguments) -> Result<Config, Failure> {
    // Lossy: a setting that is not UTF-8 is then refused as one that does not exist or cannot be.
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    let loaded = config::load(arguments.file.as_deref(), environment, &arguments.overrides);
    loaded.map_err(|error| Failure(error.to_string()))
}
