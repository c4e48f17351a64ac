//! Files of a package refer to each other in one direction.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;

use super::{WITHOUT_CIRCLES, files, read, root, without_tests};

#[test]
fn files_name_each_other_in_one_direction() {
    for package in WITHOUT_CIRCLES {
        let folder = root().join(package).join("src");
        let modules: HashMap<String, HashSet<String>> = files(&folder, &["rs"])
            .into_iter()
            .filter_map(|file| Some((module_of(file.strip_prefix(&folder).ok()?)?, read(&file))))
            .map(|(module, text)| (module.clone(), named_modules(&module, without_tests(&text))))
            .collect();
        let circle = modules.keys().find_map(|module| way_back(&modules, module));
        assert!(circle.is_none(), "{package}: {}", circle.unwrap_or_default().join(" -> "));
    }
}

#[test]
fn a_circle_of_files_is_found() {
    let names = |module: &str, text: &str| named_modules(module, text);
    assert_eq!(
        names("a", "use crate::b::{C, d::E};\nuse super::f;"),
        ["b::C", "b::d::E", "f"].map(str::to_owned).into()
    );
    assert_eq!(names("a", "mod b;\npub use b::C;\nmod d;"), ["a::b"].map(str::to_owned).into());
    assert_eq!(
        names("a::b", "fn f() { crate::c::d(); super::e() }"),
        ["c::d", "a::e"].map(str::to_owned).into()
    );
    let modules = [
        ("a", "use crate::b::X;"),
        ("b", "use crate::{c, d};"),
        ("c", "use crate::a::Y;"),
        ("d", ""),
    ];
    let modules = modules.map(|(module, text)| (module.to_owned(), names(module, text))).into();
    assert_eq!(way_back(&modules, "b").unwrap(), ["b", "c", "a", "b"]);
    assert!(way_back(&modules, "d").is_none());
}

/// Returns the module path of a file: `runs/read.rs` is `runs::read`. `lib.rs` only lists the
/// others.
fn module_of(file: &Path) -> Option<String> {
    let module = file
        .with_extension("")
        .iter()
        .filter_map(|part| part.to_str())
        .collect::<Vec<_>>()
        .join("::");
    (module != "lib").then_some(module)
}

/// Returns the paths after `crate::`, `super::`, `self::` and the file's own modules, from the
/// root.
fn named_modules(module: &str, text: &str) -> HashSet<String> {
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let starts = [("crate::", ""), ("super::", parent), ("self::", module)];
    let mut names = HashSet::new();
    for (start, base) in starts {
        for rest in code.split(start).skip(1) {
            let base = if base.is_empty() { String::new() } else { format!("{base}::") };
            names.extend(paths(rest).into_iter().map(|path| format!("{base}{path}")));
        }
    }
    let children = code.lines().filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'));
    names.extend(
        children
            .filter(|child| code.contains(&format!("{child}::")))
            .map(|child| format!("{module}::{child}")),
    );
    names
}

/// Splits `b::{C, d::E}` into `b::C` and `b::d::E`.
fn paths(text: &str) -> Vec<String> {
    let end = text
        .find(|sign: char| !(sign.is_ascii_alphanumeric() || matches!(sign, '_' | ':')))
        .unwrap_or(text.len());
    let (path, rest) = text.split_at(end);
    let Some(inner) = rest.strip_prefix('{').filter(|_| path.is_empty() || path.ends_with("::"))
    else {
        return vec![path.trim_end_matches(':').to_owned()];
    };
    let (mut depth, mut begin, mut found) = (0, 0, Vec::new());
    for (at, sign) in inner.char_indices() {
        let is_end = depth == 0 && matches!(sign, ',' | '}');
        if is_end {
            found.extend(
                paths(inner[begin..at].trim()).into_iter().map(|inner| format!("{path}{inner}")),
            );
            begin = at + 1;
        }
        match sign {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
    }
    found
}

/// Returns the shortest path from a file through its references back to itself.
fn way_back(modules: &HashMap<String, HashSet<String>>, start: &str) -> Option<Vec<String>> {
    let mut ways = VecDeque::from([vec![start.to_owned()]]);
    let mut seen = HashSet::new();
    while let Some(way) = ways.pop_front() {
        let mut next: Vec<_> =
            modules[way.last()?].iter().filter_map(|path| file_of(modules, path)).collect();
        next.sort();
        for module in next.into_iter().filter(|module| Some(module) != way.last()) {
            let further = [way.clone(), vec![module.clone()]].concat();
            if module == start {
                return Some(further);
            }
            if seen.insert(module) {
                ways.push_back(further);
            }
        }
    }
    None
}

/// Returns the file that a path leads into.
fn file_of(modules: &HashMap<String, HashSet<String>>, path: &str) -> Option<String> {
    let mut path = path;
    while !modules.contains_key(path) {
        path = path.rsplit_once("::")?.0;
    }
    Some(path.to_owned())
}
