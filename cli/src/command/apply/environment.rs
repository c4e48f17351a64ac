//! The servers that a folder is applied to: `environments.yaml` names them.

use std::path::Path;

use flowgate_engine::Document;
use serde_json::{Map, Value};

use crate::arguments::Global;
use crate::command::validate;
use crate::failure::Failure;
use crate::output::plain;

const FILES: &[&str] = &["environments.yaml", "environments.yml", "environments.json"];
const FIELDS: &[&str] = &["url", "key_env"];
const KEY: &str = "FLOWGATE_KEY";
const OWN: &str = "FLOWGATE_";

/// Returns the server of an environment; without one that of the command line.
pub(super) fn find(folder: &Path, name: Option<&str>, global: &Global) -> Result<Global, Failure> {
    let of_command = |url: &str, key: Option<String>| Global {
        url: url.to_owned(),
        key,
        output: global.output,
        json: global.json,
    };
    let Some(name) = name else { return Ok(of_command(&global.url, global.key.clone())) };
    let file = FILES.iter().map(|file| folder.join(file)).find(|file| file.exists());
    let file = file.ok_or_else(|| {
        Failure::Usage(format!(
            "--env needs {}, such as {{ {name}: {{ url: https://flowgate.example.com, key_env: \
             {KEY} }} }}",
            folder.join(FILES[0]).display()
        ))
    })?;
    let shown = file.display().to_string();
    let text = validate::read_file(&file)?;
    let document =
        Document::parse(&text).map_err(|error| Failure::Usage(format!("{shown}: {error}")))?;
    let (url, key_env) = read(document.root(), name)
        .map_err(|wrong| Failure::Usage(format!("{shown}: {}", wrong.join("\n  "))))?;
    let key = std::env::var(&key_env).ok().filter(|key| !key.trim().is_empty());
    let key = key.ok_or_else(|| {
        Failure::Usage(format!("no API key: {name} takes it from the variable {key_env}"))
    })?;
    if !is_for_flowgate(&key_env, &key) {
        return Err(Failure::Usage(format!(
            "{shown}: the variable {key_env} holds no key of Flowgate, and is not sent to {}: a \
             key begins with fg_, or its variable with {OWN}",
            plain(&url)
        )));
    }
    Ok(of_command(&url, Some(key)))
}

/// A folder that comes from elsewhere must not choose which variable is sent to its server.
fn is_for_flowgate(variable: &str, key: &str) -> bool {
    variable.starts_with(OWN) || key.trim().starts_with("fg_")
}

/// Returns the address of an environment and the variable that holds its key, or everything that is
/// wrong with the file.
fn read(root: &Map<String, Value>, name: &str) -> Result<(String, String), Vec<String>> {
    let mut wrong = Vec::new();
    for (name, environment) in root {
        wrong.extend(problems(name, environment));
    }
    let known: Vec<&str> = root.keys().map(String::as_str).collect();
    let Some(environment) = root.get(name) else {
        wrong.push(format!("there is no environment `{name}`; there are {}", known.join(", ")));
        return Err(wrong);
    };
    let text = |field: &str| environment[field].as_str().map(str::to_owned);
    match text("url") {
        Some(url) if wrong.is_empty() => Ok((url, text("key_env").unwrap_or(KEY.to_owned()))),
        _ => Err(wrong),
    }
}

fn problems(name: &str, environment: &Value) -> Vec<String> {
    let Some(fields) = environment.as_object() else {
        return vec![format!("`{name}` must be an object with `url` and `key_env`")];
    };
    let mut wrong = Vec::new();
    for (field, value) in fields {
        if !FIELDS.contains(&field.as_str()) {
            wrong.push(format!("`{name}` has no field `{field}`: there are url and key_env"));
        } else if !value.is_string() {
            wrong.push(format!("`{field}` of `{name}` must be text"));
        }
    }
    if !fields.contains_key("url") {
        wrong.push(format!("`url` of `{name}` is missing"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(file: Value, name: &str) -> Result<(String, String), Vec<String>> {
        read(file.as_object().unwrap(), name)
    }

    #[test]
    fn an_environment_has_an_address_and_a_variable_for_its_key() {
        let file =
            json!({ "a": { "url": "http://a" }, "b": { "url": "http://b", "key_env": "B" } });
        assert_eq!(of(file.clone(), "a"), Ok(("http://a".to_owned(), KEY.to_owned())));
        assert_eq!(of(file, "b"), Ok(("http://b".to_owned(), "B".to_owned())));
    }

    #[test]
    fn no_foreign_variable_is_sent() {
        assert!(is_for_flowgate("FLOWGATE_STAGING", "any-operator-key"));
        assert!(is_for_flowgate("STAGING", "fg_0123"));
        assert!(!is_for_flowgate("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI"));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let file = json!({ "a": { "key": "fg_x", "url": 1 }, "b": 1, "c": {} });
        let wrong = of(file, "d").unwrap_err();
        assert_eq!(wrong.len(), 5, "{wrong:?}");
        assert!(wrong.iter().all(|message| !message.contains("fg_x")));
    }
}
