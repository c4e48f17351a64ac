//! Licences, bans and sources of everything that is linked, by the rules of `.deny.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};

use super::{read, root};

/// What `.deny.toml` says.
struct Rules {
    targets: Vec<String>,
    licenses: BTreeSet<String>,
    banned: BTreeSet<String>,
    one_version: BTreeSet<String>,
    registry: String,
}

/// The registry that `Cargo.lock` names for a package which is there for sure.
fn default_registry() -> String {
    let lock = read(&root().join("Cargo.lock"));
    let package = lock.split("[[package]]").find(|package| package.contains("name = \"serde\"\n"));
    let source = package.and_then(|package| package.split("source = \"").nth(1)?.split('"').next());
    source.expect("Cargo.lock says where serde is from").to_owned()
}

impl Rules {
    fn read() -> Self {
        let text = read(&root().join(".deny.toml"));
        let strings = |section: &str, key: &str| quoted(&list(&text, section, key));
        let denied = list(&text, "bans", "deny");
        let (several, banned): (Vec<_>, Vec<_>) =
            denied.lines().partition(|line| line.contains("deny-multiple-versions = true"));
        let names = |lines: Vec<&str>| quoted(&lines.join("\n")).into_iter().collect();
        let rules = Self {
            targets: strings("graph", "targets"),
            licenses: strings("licenses", "allow").into_iter().collect(),
            banned: names(banned),
            one_version: names(several),
            registry: default_registry(),
        };
        let is_whole = !rules.targets.is_empty()
            && rules.licenses.len() > 5
            && rules.banned.contains("openssl")
            && rules.one_version.contains("tokio");
        assert!(is_whole, ".deny.toml was not understood");
        rules
    }

    /// Returns what is wrong with the packages that `cargo metadata` lists.
    fn broken_by(&self, metadata: &Value) -> Vec<String> {
        let mut broken = Vec::new();
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let name = package["name"].as_str().unwrap();
            let version = package["version"].as_str().unwrap();
            versions.entry(name).or_default().insert(version);
            let license = package["license"].as_str().unwrap_or_default();
            if !is_allowed(license, &self.licenses) {
                broken.push(format!("{name} {version}: the licence {license:?}"));
            }
            // Our own packages have no source.
            let source = package["source"].as_str();
            if source.is_some_and(|source| source != self.registry) {
                broken.push(format!("{name} {version}: the source {}", source.unwrap_or_default()));
            }
            if self.banned.contains(name) {
                broken.push(format!("{name} {version}: banned"));
            }
        }
        let several = versions
            .iter()
            .filter(|(name, all)| all.len() > 1 && self.one_version.contains(**name));
        broken.extend(several.map(|(name, all)| format!("{name}: several versions, {all:?}")));
        broken
    }
}

#[test]
fn everything_linked_obeys_the_rules() {
    let rules = Rules::read();
    for manifest in ["Cargo.toml", "tests/aws/Cargo.toml"] {
        for target in &rules.targets {
            let mut broken = rules.broken_by(&metadata(manifest, target));
            // The double of AWS is no part of the product, and may be as large as it likes.
            broken.retain(|why| manifest == "Cargo.toml" || !why.contains("several versions"));
            assert!(broken.is_empty(), "{manifest}, {target}:\n{}", broken.join("\n"));
        }
    }
}

#[test]
fn what_breaks_a_rule_is_found() {
    let registry = default_registry();
    let package = |name: &str, version: &str, license: Value, source: Value| json!({ "name": name, "version": version, "license": license, "source": source });
    let good = package("good", "1.0.0", json!("MIT OR GPL-3.0-only"), json!(registry));
    let check = |more: Vec<Value>| {
        let packages: Vec<_> = [good.clone()].into_iter().chain(more).collect();
        Rules::read().broken_by(&json!({ "packages": packages }))
    };
    assert_eq!(check(Vec::new()), Vec::<String>::new());
    let from = |source: &str| package("a", "1.0.0", json!("MIT"), json!(source));
    let under = |license: Value| package("a", "1.0.0", license, json!(registry));
    let version = |version: &str| package("tokio", version, json!("MIT"), json!(registry));
    for (more, found) in [
        (vec![under(json!("GPL-3.0-only"))], "a 1.0.0: the licence \"GPL-3.0-only\""),
        (
            vec![under(json!("MIT AND AGPL-3.0-only"))],
            "a 1.0.0: the licence \"MIT AND AGPL-3.0-only\"",
        ),
        (vec![under(Value::Null)], "a 1.0.0: the licence \"\""),
        (vec![from("git+https://example.com/a")], "a 1.0.0: the source git+https://example.com/a"),
        (
            vec![from("registry+https://example.com/")],
            "a 1.0.0: the source registry+https://example.com/",
        ),
        (
            vec![package("openssl", "0.10.0", json!("MIT"), json!(registry))],
            "openssl 0.10.0: banned",
        ),
        (
            vec![version("1.0.0"), version("0.2.0")],
            "tokio: several versions, {\"0.2.0\", \"1.0.0\"}",
        ),
    ] {
        assert_eq!(check(more), [found]);
    }
}

#[test]
fn licences_are_expressions() {
    let allowed =
        BTreeSet::from(["MIT".to_owned(), "ISC".into(), "Apache-2.0 WITH LLVM-exception".into()]);
    for good in [
        "MIT",
        "MIT/GPL-3.0",
        "GPL-3.0 OR MIT",
        "MIT AND ISC",
        "MIT AND (GPL-3.0 OR ISC)",
        "GPL-3.0 AND LGPL-3.0 OR MIT",
        "Apache-2.0 WITH LLVM-exception",
        "Apache-2.0 WITH LLVM-exception AND (MIT)",
    ] {
        assert!(is_allowed(good, &allowed), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "Apache-2.0",
        "(MIT",
        "MIT OR",
        "MIT ISC",
        "ISC AND (GPL-3.0 AND MIT)",
    ] {
        assert!(!is_allowed(bad, &allowed), "{bad}");
    }
}

/// Whether an SPDX expression can be met with these licences. `/` is an old way to write OR.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allowed).is_some_and(|met| met && rest.is_empty())
}

/// `None` where the expression ends too early.
fn any_of(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut met = all_of(words, allowed)?;
    while let Some(rest) = words.strip_prefix(&["OR"]) {
        *words = rest;
        met |= all_of(words, allowed)?;
    }
    Some(met)
}

fn all_of(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut met = one(words, allowed)?;
    while let Some(rest) = words.strip_prefix(&["AND"]) {
        *words = rest;
        met &= one(words, allowed)?;
    }
    Some(met)
}

fn one(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    if *first == "(" {
        let met = any_of(words, allowed)?;
        *words = words.strip_prefix(&[")"])?;
        return Some(met);
    }
    let mut license = (*first).to_owned();
    if let ["WITH", exception, rest @ ..] = *words {
        license = format!("{license} WITH {exception}");
        *words = rest;
    }
    Some(allowed.contains(&license))
}

fn metadata(manifest: &str, target: &str) -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target]);
    let output = command.arg("--manifest-path").arg(root().join(manifest)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns the text between the brackets of a list, without comments.
fn list(text: &str, section: &str, key: &str) -> String {
    let after = text.split(&format!("\n[{section}]\n")).nth(1).unwrap_or_default();
    let section = after.split("\n[").next().unwrap_or_default();
    let value = section
        .split(&format!("\n{key} = ["))
        .nth(1)
        .or_else(|| section.strip_prefix(&format!("{key} = [")));
    let lines = value.unwrap_or_default().lines().map(|line| line.split('#').next().unwrap_or(""));
    let mut list = Vec::new();
    for line in lines {
        list.push(line.trim_end_matches(']'));
        if line.trim_end().ends_with(']') {
            break;
        }
    }
    list.join("\n")
}

fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}
