//! How the configuration comes together.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use super::{Config, SECRETS, SECTIONS};

/// What is wrong with a configuration: which key, and how to mend it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub(super) String);

/// The configuration from defaults, the file if there is one, the environment, and overrides from the command line (keys
/// such as `server.listen`), each before the next.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    overrides: &[(&str, String)],
) -> Result<Config, ConfigError> {
    let mut table = file.map_or_else(|| Ok(Table::new()), read)?;
    let mut variables: Vec<_> = environment.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    variables.sort();
    let present: BTreeSet<String> = variables.iter().map(|(name, _)| name.clone()).collect();
    for (name, value) in variables {
        let key = name[PREFIX.len()..].to_ascii_lowercase();
        let Some((section, field)) = key.split_once("__") else {
            return Err(ConfigError(format!("{name}: expects NEXO__SECTION__FIELD, such as NEXO__SERVER__LISTEN")));
        };
        match of_file(section, field) {
            Some(secret) if present.contains(&name[..name.len() - FILE.len()]) => {
                return Err(ConfigError(format!(
                    "{name}: {section}.{secret} is given by a variable of its own too; leave one out"
                )));
            }
            Some(secret) => set(&mut table, &name, (section, secret), &read_secret(&name, Path::new(&value))?)?,
            None => set(&mut table, &name, (section, field), &value)?,
        }
    }
    for (key, value) in overrides {
        let (section, field) = key.split_once('.').unwrap_or((key, ""));
        set(&mut table, key, (section, field), value)?;
    }
    let stores = table.entry("store").or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(store) = stores {
        store.entry("mode").or_insert_with(|| Value::String("embedded".to_owned()));
    }
    let config = decode(table)?.settled();
    config.validate()?;
    Ok(config)
}

/// What the names of environment variables begin with. Two underscores: a Kubernetes Service named `nexo` injects variables
/// such as `NEXO_SERVICE_HOST`.
const PREFIX: &str = "NEXO__";

/// What a variable's name ends with that names a file which has the secret.
const FILE: &str = "_FILE";

/// The secret that such a variable is about.
fn of_file<'a>(section: &str, field: &'a str) -> Option<&'a str> {
    let secret = field.strip_suffix("_file")?;
    SECRETS.contains(&(section, secret)).then_some(secret)
}

/// A secret's file, without the end of its line.
fn read_secret(name: &str, file: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| ConfigError(format!("{name}: cannot read {}: {error}", file.display())))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(ConfigError(format!("{name}: {} is empty", file.display())));
    }
    Ok(secret.to_owned())
}

fn read(file: &Path) -> Result<Table, ConfigError> {
    let wrong = |error: String| ConfigError(format!("cannot read the configuration {} (--config): {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    // Without the line itself, which may hold a secret.
    let said = |error: &toml::de::Error| {
        let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{place}{}", error.message().trim_end().replace('\n', "; "))
    };
    text.parse().map_err(|error: toml::de::Error| wrong(said(&error)))
}

/// Puts a setting that came as text where the file would have it, in the type that it has there.
fn set(table: &mut Table, source: &str, (section, field): (&str, &str), text: &str) -> Result<(), ConfigError> {
    let mut settings = SECTIONS.iter().filter(|(name, ..)| *name == section).flat_map(|(_, _, settings)| *settings);
    let kind = match (section, field) {
        ("store", "mode") => Some("Mode"),
        _ => settings.find(|setting| setting.name == field).map(|setting| setting.kind),
    };
    let Some(kind) = kind else {
        return Err(ConfigError(format!(
            "{source}: there is no setting {section}.{field}; docs/configuration.md lists them"
        )));
    };
    let value = match kind {
        "bool" | "Option<bool>" => text.parse().map(Value::Boolean).map_err(|_| "true or false"),
        "u16" | "u32" | "u64" | "usize" | "i64" => text.parse().map(Value::Integer).map_err(|_| "a whole number"),
        "f64" => text.parse().map(Value::Float).map_err(|_| "a number"),
        _ => Ok(Value::String(text.to_owned())),
    };
    let value = value.map_err(|expected| ConfigError(format!("{source}: expects {expected}, not {text:?}")))?;
    let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(entries) = entry else {
        return Err(ConfigError(format!("{section}: expects a table of settings")));
    };
    entries.insert(field.to_owned(), value);
    Ok(())
}

fn decode(table: Table) -> Result<Config, ConfigError> {
    let decoded = serde_path_to_error::deserialize::<_, Config>(Value::Table(table));
    decoded.map_err(|error| {
        let path = error.path().to_string();
        let is_secret = path.split_once('.').is_some_and(|key| SECRETS.contains(&key));
        let cause = if is_secret { "expects a string" } else { error.inner().message() };
        // A setting of the other mode is the likely mistake there.
        let which = if path == "store" { "the settings of each store.mode" } else { "the settings" };
        ConfigError(format!("{path}: {}; docs/configuration.md lists {which}", cause.trim_end().replace('\n', "; ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_environment(variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(None, variables, &[]).map_err(|error| error.to_string())
    }

    fn from_file(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("nexo.toml");
        std::fs::write(&file, text).expect("writable");
        load(Some(&file), std::iter::empty(), &[]).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_valid() {
        let config = from_environment(&[]).expect("valid");
        assert_eq!(config.server.listen, "127.0.0.1:8080");
    }

    #[test]
    fn the_environment_wins_over_the_file_and_arguments_over_both() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("nexo.toml");
        std::fs::write(&file, "[limits]\nenabled = false\nauth_burst = 7\n[ws]\nqueue_bytes = 100000").expect("writable");
        let variables = [("NEXO__LIMITS__AUTH_BURST".to_owned(), "9".to_owned())];
        let overrides = [("server.listen", "127.0.0.1:1".to_owned())];
        let config = load(Some(&file), variables.into_iter(), &overrides).expect("valid");
        assert!(!config.limits.enabled);
        assert_eq!((config.limits.auth_burst, config.ws.queue_bytes), (9, 100_000));
        assert_eq!(config.server.listen, "127.0.0.1:1");
    }

    #[test]
    fn what_is_unknown_or_of_a_wrong_type_is_named() {
        for (variable, value, named) in [
            ("NEXO__SERVER__LISTN", "x", "server.listn"),
            ("NEXO__SERVER", "x", "NEXO__SECTION__FIELD"),
            ("NEXO__LIMITS__ENABLED", "yes", "NEXO__LIMITS__ENABLED"),
            ("NEXO__AUTH__TOKEN_TTL_S", "-1", "auth.token_ttl_s"),
            ("NEXO__STORE__MODE", "both", "store"),
            ("NEXO__STORE__MODE", "cluster", "store.cql_nodes"),
            ("NEXO__STORE__REDIS_URL", "redis://127.0.0.1", "redis_url"),
            ("NEXO__STORE__CQL_NODES", "127.0.0.1:9042", "cql_nodes"),
            ("NEXO__STORE__CQL_NODES", "127.0.0.1:9042", "store.mode"),
            ("NEXO__AUTH__SECRET", "short", "auth.secret"),
            ("NEXO__WS__SILENCE_MS", "1", "ws.silence_ms"),
            ("NEXO__SERVER__LISTEN", "nowhere", "server.listen"),
        ] {
            let error = from_environment(&[(variable, value)]).expect_err(variable);
            assert!(error.contains(named), "{variable}: {error}");
        }
        for (text, named) in [
            ("[server]\nlistn = 1", "listn"),
            ("[sever]\n", "sever"),
            ("[server]\nlisten = 5", "server.listen"),
            ("server = 5", "server"),
            ("[server", "nexo.toml"),
        ] {
            let error = from_file(text).expect_err(text);
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn a_secret_may_stand_in_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("writable");
            path.to_str().expect("a path").to_owned()
        };
        let secret = "0123456789 0123456789 0123456789 ";
        let (good, empty) = (file("good", &format!("{secret}\n")), file("empty", "\n"));
        let config = from_environment(&[("NEXO__AUTH__SECRET_FILE", &good)]).expect("valid");
        assert_eq!(config.auth.secret, secret);
        for (variables, named) in [
            (vec![("NEXO__AUTH__SECRET_FILE", good.as_str()), ("NEXO__AUTH__SECRET", secret)], "leave one out"),
            (vec![("NEXO__AUTH__SECRET_FILE", empty.as_str())], "is empty"),
            (vec![("NEXO__AUTH__SECRET_FILE", "/nowhere/to/be/found")], "/nowhere"),
            (vec![("NEXO__AUTH__ISSUER_FILE", good.as_str())], "there is no setting"),
        ] {
            let error = from_environment(&variables).expect_err(named);
            assert!(error.contains(named) && !error.contains("0123456789"), "{variables:?}: {error}");
        }
    }

    #[test]
    fn variables_of_a_kubernetes_service_are_left_alone() {
        from_environment(&[("NEXO_SERVICE_HOST", "10.0.0.1"), ("NEXO_PORT", "tcp://10.0.0.1:80")]).expect("valid");
    }

    #[test]
    fn the_chat_is_for_a_node_that_is_alone_unless_the_setting_says_otherwise() {
        let cluster = [
            ("NEXO__STORE__MODE", "cluster"),
            ("NEXO__STORE__CQL_NODES", "127.0.0.1:9042"),
            ("NEXO__STORE__REDIS_URL", "redis://127.0.0.1"),
            ("NEXO__AUTH__SECRET", "0123456789abcdef0123456789abcdef"),
        ];
        let chat = |variables: &[(&str, &str)]| from_environment(variables).expect("valid").server.chat;
        assert_eq!((chat(&[]), chat(&cluster)), (Some(true), Some(false)));
        assert_eq!(chat(&[("NEXO__SERVER__CHAT", "false")]), Some(false));
        assert_eq!(chat(&[cluster.as_slice(), &[("NEXO__SERVER__CHAT", "true")]].concat()), Some(true));
        assert_eq!(from_file("[server]\nchat = false").expect("valid").server.chat, Some(false));
        from_environment(&[("NEXO__SERVER__CHAT", "yes")]).expect_err("no such value");
    }

    #[test]
    fn traces_go_to_an_address_and_are_a_share() {
        let traces = |endpoint, share| {
            from_environment(&[("NEXO__TRACES__ENDPOINT", endpoint), ("NEXO__TRACES__SHARE", share)])
                .map(|config| (config.traces.endpoint, config.traces.share))
        };
        assert_eq!(traces("https://collector:4318/", "1"), Ok(("https://collector:4318/".to_owned(), 1.0)));
        assert_eq!(traces("", "0.25"), Ok((String::new(), 0.25)));
        for (endpoint, share) in
            [("collector:4318", "1"), ("http://", "1"), ("http://a:b@c", "1"), ("", "1.1"), ("", "NaN"), ("", "x")]
        {
            assert!(traces(endpoint, share).is_err(), "{endpoint} {share}");
        }
    }
}
