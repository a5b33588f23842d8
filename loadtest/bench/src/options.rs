//! The command line: one table of commands and options, from which both `--help` and the defaults come.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};
use lexopt::prelude::*;

/// One option of a command. A default of `""` means "none"; a name in [`FLAGS`] takes no value.
pub(crate) struct Opt {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) about: &'static str,
}

/// A row of an option table.
pub(crate) const fn opt(name: &'static str, default: &'static str, about: &'static str) -> Opt {
    Opt { name, default, about }
}

/// What a command is called, and what it takes beside the [`COMMON`] options.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) options: &'static [Opt],
}

/// The options of every command.
const COMMON: &[Opt] = &[
    opt("server", "", "binary to start in a folder of its own [the `nexo` beside this program]"),
    opt("url", "", "measure the running node at this URL, or at these with commas between (limits must be off)"),
    opt("pid", "", "process ids of what is at --url, for its CPU and memory"),
    opt("redis-pid", "", "the same of Redis"),
    opt("database-pid", "", "the same of the database"),
    opt("tmp", "", "where the data folder of a started server goes [the system's temporary folder]"),
    opt("runs", "1", "repeat the measurement, print the median and the spread"),
    opt("json", "", "write the figures to this file as JSON as well"),
    opt("threads", "2", "worker threads of this client"),
    opt("quiet", "", "no progress line"),
];

/// The options without a value.
const FLAGS: &[&str] = &["quiet"];

/// What the user asked for.
pub(crate) struct Options {
    pub(crate) command: &'static Command,
    values: BTreeMap<&'static str, String>,
}

/// The outcome of reading a command line.
pub(crate) enum Asked {
    Run(Options),
    Help(String),
}

impl Options {
    /// Reads a command line without its program name.
    pub(crate) fn read<I>(arguments: I, commands: &'static [Command]) -> Result<Asked>
    where
        I: IntoIterator,
        I::Item: Into<std::ffi::OsString>,
    {
        let mut parser = lexopt::Parser::from_args(arguments);
        let mut command: Option<&'static Command> = None;
        let mut given: Vec<(String, Option<String>)> = Vec::new();
        let mut help = false;
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => help = true,
                Value(word) if command.is_none() => {
                    let word = word.string()?;
                    let found = commands.iter().find(|c| c.name == word);
                    command = Some(found.with_context(|| format!("there is no command `{word}`, see nexo-bench --help"))?);
                }
                Long(name) if FLAGS.contains(&name) => given.push((name.to_owned(), None)),
                Long(name) => {
                    let name = name.to_owned();
                    given.push((name, Some(parser.value()?.string()?)));
                }
                other => bail!("{}", other.unexpected()),
            }
        }
        match command {
            Some(command) if help => Ok(Asked::Help(command_help(command))),
            None if help || given.is_empty() => Ok(Asked::Help(overview(commands))),
            None => bail!("no command given, see nexo-bench --help"),
            Some(command) => Ok(Asked::Run(Options::of(command, given)?)),
        }
    }

    fn of(command: &'static Command, given: Vec<(String, Option<String>)>) -> Result<Options> {
        let known = || COMMON.iter().chain(command.options);
        let mut values: BTreeMap<&'static str, String> = known().map(|o| (o.name, o.default.to_owned())).collect();
        for (name, value) in given {
            let option = known().find(|o| o.name == name).with_context(|| {
                let command = command.name;
                format!("{command} has no option --{name}, see nexo-bench {command} --help")
            })?;
            values.insert(option.name, value.unwrap_or_else(|| "yes".to_owned()));
        }
        Ok(Options { command, values })
    }

    /// The same common options with the defaults of another command: how `all` calls the others.
    pub(crate) fn for_command(&self, command: &'static Command, set: &[(&str, &str)]) -> Options {
        let mut values: BTreeMap<&'static str, String> = BTreeMap::new();
        for option in COMMON {
            values.insert(option.name, self.text(option.name).to_owned());
        }
        for option in command.options {
            let chosen = set.iter().find(|(name, _)| *name == option.name);
            let value = chosen.map_or(option.default, |(_, value)| value);
            values.insert(option.name, value.to_owned());
        }
        Options { command, values }
    }

    /// The value as given, `""` if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// The value as a number.
    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<T> {
        let text = self.text(name);
        let number = text.parse().ok();
        number.with_context(|| format!("--{name} must be a number, it is `{text}`"))
    }

    /// The value as a number of at least 1.
    pub(crate) fn count(&self, name: &str) -> Result<usize> {
        match self.number(name)? {
            0 => bail!("--{name} must be at least 1"),
            count => Ok(count),
        }
    }

    /// What is between commas; nothing if there is no value.
    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        self.text(name).split(',').map(str::trim).filter(|word| !word.is_empty())
    }

    /// What is between commas, as numbers.
    pub(crate) fn numbers<T: FromStr>(&self, name: &str) -> Result<Vec<T>> {
        let number = |word: &str| word.parse().ok().with_context(|| format!("--{name} must be numbers, one is `{word}`"));
        self.list(name).map(number).collect()
    }

    /// The value as a path, if there is one.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.text(name);
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    /// Whether a flag was given.
    pub(crate) fn flag(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }
}

fn overview(commands: &[Command]) -> String {
    let mut text = String::from(
        "nexo-bench: measures a Nexo server, and checks that what went in comes back\n\n\
         Usage: nexo-bench COMMAND [OPTIONS]\n\nCommands:\n",
    );
    for command in commands {
        writeln!(text, "  {:<13} {}", command.name, command.about).expect("a String takes it");
    }
    text.push_str("\nOptions of every command:\n");
    list(&mut text, COMMON);
    text.push_str("\nnexo-bench COMMAND --help shows the options of one command.\n");
    text
}

fn command_help(command: &Command) -> String {
    let mut text = format!("{}\n\nUsage: nexo-bench {} [OPTIONS]\n", command.about, command.name);
    if !command.options.is_empty() {
        text.push_str("\nOptions:\n");
        list(&mut text, command.options);
    }
    text.push_str("\nOptions of every command:\n");
    list(&mut text, COMMON);
    text
}

fn list(text: &mut String, options: &[Opt]) {
    for option in options {
        let value = if FLAGS.contains(&option.name) { "" } else { "VALUE" };
        let default = match option.default {
            "" => String::new(),
            default => format!(" [{default}]"),
        };
        let name = format!("--{} {value}", option.name);
        writeln!(text, "  {name:<20} {}{default}", option.about).expect("a String takes it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static COMMANDS: &[Command] = &[Command { name: "walk", about: "walks", options: &[opt("steps", "10", "how many")] }];

    fn read(words: &[&str]) -> Result<Asked> {
        Options::read(words.iter().copied(), COMMANDS)
    }

    #[test]
    fn defaults_hold_until_an_option_is_given() {
        let Ok(Asked::Run(options)) = read(&["walk", "--runs", "3", "--quiet"]) else {
            panic!("not read");
        };
        assert_eq!(options.count("steps").ok(), Some(10));
        assert_eq!(options.count("runs").ok(), Some(3));
        assert!(options.flag("quiet"));
    }

    #[test]
    fn a_command_shows_its_own_help() {
        let Ok(Asked::Help(text)) = read(&["walk", "--help"]) else {
            panic!("no help");
        };
        assert!(text.contains("--steps VALUE") && text.contains("[10]"));
    }

    #[test]
    fn unknown_words_are_refused() {
        assert!(read(&["run"]).is_err());
        assert!(read(&["walk", "--pace", "2"]).is_err());
        assert!(read(&["walk", "fast"]).is_err());
    }

    #[test]
    fn zero_is_no_count() {
        let Ok(Asked::Run(options)) = read(&["walk", "--steps", "0"]) else {
            panic!("not read");
        };
        assert!(options.count("steps").is_err());
    }
}
