//! Holds every answer and every frame that a test sees against the API documents: its status, its headers, its code and every field
//! of its body.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::Reply;

/// Headers that a route may answer with only if the document says so.
const HEADERS: [&str; 4] = ["x-next-cursor", "retry-after", "ratelimit", "ratelimit-policy"];

/// The API document, as `nexo openapi` prints it.
pub(crate) static OPENAPI: LazyLock<Value> = LazyLock::new(|| {
    let json = nexo::http::openapi().expect("the API document");
    serde_json::from_str(&json).expect("JSON")
});

/// The document of the WebSocket, with the components of both.
pub(crate) static ASYNCAPI: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../docs/asyncapi.yaml").replace("./openapi.json#", "#");
    let mut document: Value = yaml_serde::from_str(&text).expect("YAML");
    let shared = OPENAPI["components"]["schemas"].as_object().expect("schemas").clone();
    let own = document["components"]["schemas"].as_object_mut().expect("schemas");
    for (name, schema) in shared {
        assert!(own.insert(name.clone(), schema).is_none(), "{name} is in both documents");
    }
    document
});

/// Fails if a server sent a frame that the document does not say: an answer, an event or a message.
pub(super) fn check_frame(frame: &Value) {
    let names = match frame["event"].as_str() {
        Some(event) => vec![event],
        None if frame.get("code").is_none() => vec!["message"],
        None if frame["code"] != 0 => vec!["refusal"],
        None => vec!["send_answer", "pull_answer", "max_seq_answer", "mark_read_answer", "ping_answer"],
    };
    let errors: Vec<Vec<String>> = names.iter().map(|name| frame_errors(name, frame)).collect();
    assert!(errors.iter().any(Vec::is_empty), "not a frame of the document: {errors:?}\n{frame}");
}

/// Fails if a client's frame or the success that answers it is not what the document says of `op`.
pub(super) fn check_exchange(op: &str, frame: &Value, answer: &Value) {
    if answer["code"] == 0 {
        let errors = [frame_errors(op, frame), frame_errors(&format!("{op}_answer"), answer)].concat();
        assert!(errors.is_empty(), "not what the document says of {op}: {errors:?}\n{frame}\n{answer}");
    }
}

fn frame_errors(name: &str, frame: &Value) -> Vec<String> {
    let message = &ASYNCAPI["components"]["messages"][name];
    assert!(!message.is_null(), "the document knows no {name}: {frame}");
    violations(&format!("frame {name}"), &ASYNCAPI, &message["payload"], frame)
}

/// Fails if a server of Nexo answered what the document does not say. Routes and methods that there are none of are not in it.
pub(super) fn check(method: &str, path: &str, reply: &Reply) {
    // A proxy or a test's own server answers without it.
    let nexo = !reply.header("x-request-id").is_empty();
    let Some(template) = template(path).filter(|_| nexo) else { return };
    let operation = &OPENAPI["paths"][template][method.to_ascii_lowercase()];
    if operation.is_null() {
        return;
    }
    let response = resolve(&operation["responses"][reply.status.to_string()]);
    assert!(!response.is_null(), "{method} {template} never answers {}, says the document: {reply:?}", reply.status);
    for name in HEADERS.iter().filter(|name| reply.headers.contains_key(**name)) {
        let documented = response["headers"]
            .as_object()
            .is_some_and(|headers| headers.keys().any(|header| header.eq_ignore_ascii_case(name)));
        assert!(documented, "{method} {template} never answers {} with {name}, says the document: {reply:?}", reply.status);
    }
    let kind = reply.header("content-type").split(';').next().unwrap_or_default();
    let content = &response["content"][kind];
    assert!(!content.is_null(), "{method} {template} never answers {} in {kind:?}: {reply:?}", reply.status);
    if kind == "application/json" {
        let key = format!("{method} {template} {}", reply.status);
        let errors = violations(&key, &OPENAPI, &content["schema"], &reply.json());
        assert!(errors.is_empty(), "not what the document says of {key}:\n{}\n{reply:?}", errors.join("\n"));
    }
}

/// The path of the document that a request's path is one of.
fn template(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let paths = OPENAPI["paths"].as_object().expect("paths");
    let fits = |template: &str| {
        let (mut given, mut wanted) = (path.split('/'), template.split('/'));
        loop {
            match (given.next(), wanted.next()) {
                (None, None) => return true,
                (Some(given), Some(wanted)) if given == wanted || wanted.starts_with('{') && !given.is_empty() => {}
                _ => return false,
            }
        }
    };
    paths.keys().map(String::as_str).find(|template| fits(template))
}

/// What a reference leads to.
fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => OPENAPI.pointer(reference.trim_start_matches('#')).expect("what is referred to"),
        None => value,
    }
}

/// What is wrong with `instance` by `schema`, of which the document with its components is given. Validators are kept by `key`.
pub(crate) fn violations(key: &str, document: &Value, schema: &Value, instance: &Value) -> Vec<String> {
    static KEPT: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut kept = KEPT.lock().expect("no panic while it is held");
    let validator = kept.entry(key.to_owned()).or_insert_with(|| {
        let whole = json!({ "components": document["components"], "allOf": [schema] });
        Arc::new(jsonschema::validator_for(&whole).expect("a schema"))
    });
    let validator = Arc::clone(validator);
    drop(kept);
    validator.iter_errors(instance).map(|error| format!("{} at {}", error, error.instance_path())).collect()
}
