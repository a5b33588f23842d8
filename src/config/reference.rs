//! The configuration as text: the effective one, and the reference page.

use std::fmt::Write;

use super::{ClusterStore, Config, SECRETS, SECTIONS, Store};

/// The configuration as a TOML file, secrets hidden.
pub fn render(config: &Config) -> Result<String, toml::ser::Error> {
    let mut shown = toml::Table::try_from(config)?;
    for (section, name) in SECRETS {
        let setting = shown.get_mut(section).and_then(|settings| settings.get_mut(name));
        if let Some(secret) = setting.filter(|secret| secret.as_str() != Some("")) {
            *secret = toml::Value::String("(hidden)".to_owned());
        }
    }
    toml::to_string(&shown)
}

/// The reference page, in Markdown: every setting with its type, default and meaning.
pub fn reference() -> Result<String, toml::ser::Error> {
    let of = |store| toml::Table::try_from(Config { store, ..Config::default() }.settled());
    let defaults = [of(Store::default())?, of(Store::Cluster(Box::<ClusterStore>::default()))?];
    let mut page = String::from(INTRODUCTION);
    for (section, doc, settings) in SECTIONS {
        let doc = doc.concat();
        let (sentence, name) = (doc.trim(), section.to_ascii_uppercase());
        // Writing to a string cannot fail.
        let _ = write!(page, "\n## `[{section}]`\n\n{sentence}\n\n| setting | default | what it is |\n|---|---|---|\n");
        for setting in *settings {
            let mut values = defaults.iter().filter_map(|defaults| defaults.get(*section)?.get(setting.name));
            let mut default = values.next().map(|value| format!("`{value}`")).unwrap_or_default();
            if let Some(value) = values.next().map(|value| format!("`{value}`")).filter(|value| *value != default) {
                let _ = write!(default, "; `cluster`: {value}");
            }
            let field = setting.name.to_ascii_uppercase();
            let what = setting.doc.concat();
            let _ = writeln!(page, "| `{}`<br>`NEXO__{name}__{field}` | {default} | {} |", setting.name, what.trim());
        }
    }
    Ok(page)
}

const INTRODUCTION: &str = "# Configuration

<!-- Made by `nexo config --reference`; change src/config.rs, not this page. -->

Settings come from their defaults, then from the TOML file given with `--config FILE`, then from the environment
(`NEXO__SECTION__FIELD`), then from the command line (`--listen`, `--data`); each wins over the one before. A key that does
not exist and a value that cannot work keep the server from starting, with a sentence that names the key.

A secret may stand in a file, as Docker and Kubernetes give them: `NEXO__AUTH__SECRET_FILE=/run/secrets/auth` is the setting
`auth.secret`. So may `auth.other_secret`, `store.cql_password` and `store.redis_url`.

`nexo config` prints the effective configuration as a TOML file, with secrets hidden.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden() {
        let mut config = Config::default();
        config.auth.secret = "0123456789abcdef0123456789abcdef".to_owned();
        let text = render(&config).expect("TOML");
        assert!(!text.contains("0123456789abcdef") && text.contains("(hidden)"), "{text}");
    }

    #[test]
    fn the_reference_page_is_current() {
        let page = include_str!("../../docs/configuration.md");
        assert_eq!(page, reference().expect("Markdown"), "run: cargo run -- config --reference > docs/configuration.md");
    }
}
