use super::*;

#[test]
fn what_our_python_lacks_is_found() {
    let check = |code: &str, expected: Option<&str>| {
        let found = obstacle(code);
        let found = found.as_deref().map(|why| why.split(':').next().unwrap());
        assert_eq!(found, expected, "{code}");
    };
    let module = |line| format!("line {line} of its code needs a module that is not there");
    check("import json, re\nfrom datetime import date\n", None);
    check("import requests\nrequests.get('x')", Some(&module(1)));
    check("import requests\ndef main(): return {}", None);
    check("import requests\nx = f'{requests.get(1)}'", Some(&module(1)));
    check("import json,requests\n#requests\njson.loads('1')", None);
    check("import json,requests\nrequests.get('x')", Some(&module(1)));
    check("import time\ndef main():\n    time.sleep(2)\n    return {}", None);
    check("import os.path as p\np.join('a', 'b')", None);
    check("import os.path as p\np.exists('a')", Some(&module(1)));
    check("import os\nos.walk('x')", Some(&module(1)));
    check("from time import (\n  sleep)\nsleep(1)", Some(&module(1)));
    check("from pandas import *", Some(&module(1)));
    check("'''\nimport os\n''' # import sys\nx = \"import os\"", None);
    check("\nclass A(B):\n  pass", Some("line 2 of its code inherits, which is not supported"));
    check("opened = reopen(1)", None);
    check("f = open('x')", Some("line 1 of its code calls what is not there"));
    check("a(b).isprintable()", Some("line 1 of its code calls what is not there"));
    check("a.datetime.minute", None);
    check("datetime.min", Some("line 1 of its code calls what is not there"));
    check("more.sub(lambda m: '', x)", Some("line 1 of its code calls what is not there"));
    check("x = 5 % 2; y = '%' + f'{3 % 2}'", None);
    let formats = "line 1 of its code formats with `%`, which is not supported";
    check("'%d' % 3", Some(formats));
}

#[test]
fn code_means_the_same_without_what_looks_like_a_reference() {
    let written = |code: &str| Python::read(code).unwrap().written("");
    assert_eq!(written("a = '<x.y>' + \"é\" # <x.y>"), "a = '\\x3cx.y>' + \"é\" # \\x3cx.y>");
    assert_eq!(written("if a <b.c and d> 1: pass"), "if a < b.c and d> 1: pass");
    for code in
        ["'", "'''", "\"\\", "#", "'\\é", "import", "from import ", "é'é", "re.sub(", "é, ["]
    {
        assert_eq!(without_texts(code).len(), code.len());
        let _ = Python::read(code);
    }
}

#[test]
fn imports_of_modules_that_are_lacking_become_assignments() {
    let check = |code: &str, expected: &str, modules: &[&str]| {
        let python = Python::read(code).unwrap();
        assert_eq!((python.code.as_str(), python.modules()), (expected, modules.to_vec()));
    };
    check("import json, time as t\nt.time()", "import json; t = _time\nt.time()", &["time"]);
    check(
        "if a:\n    from urllib.parse import quote as q, unquote\n    q(b)",
        "if a:\n    q = _urllib.parse.quote\n    q(b)",
        &["urllib.parse"],
    );
    check(
        "import urllib.parse\nurllib.parse.quote(a)",
        "urllib = _urllib\nurllib.parse.quote(a)",
        &["urllib.parse"],
    );
    check("from os import path\npath.join(a)", "path = _os.path\npath.join(a)", &["os.path"]);
    check("import time\nf'{time.time()}'", "time = _time\nf'{time.time()}'", &["time"]);
    check("from __future__ import annotations\na", "pass\na", &[]);
    let python = Python::read("import random\nrandom.random()").unwrap();
    assert!(python.needs_seed() && python.written("<a.b>").contains("<a.b>.replace("));
    assert!(!Python::read("import time\ntime.time()").unwrap().needs_seed());
}

#[test]
fn what_people_write_is_said_in_other_words() {
    let check = |code: &str, expected: &str| {
        assert_eq!(Python::read(code).unwrap().code, expected);
    };
    check("datetime.datetime.utcnow().date()", "datetime.datetime.now().date()");
    check("x = dt.utcfromtimestamp(1)", "x = _fromtimestamp(1)");
    check("(c.isprintable() or a.b.isprintable())", "(_isprintable(c) or _isprintable(a.b))");
    check(
        "map(str.strip, a), str.join(b, c)",
        "map((lambda text: text.strip()), a), str.join(b, c)",
    );
    check("re.sub(r'a(,)', lambda m: m, x)", "_sub(r'a(,)', lambda m: m, x)");
    check("re.sub(f(a, b),\n  r'\\1', x)", "re.sub(f(a, b),\n  r'\\1', x)");
    check("more.sub(a, b)", "more.sub(a, b)");
    check(
        "  a[i], a[j] = a[j], 'b' # c",
        "  _part_0, _part_1 = a[j], 'b' # c\n  a[i] = _part_0\n  a[j] = _part_1",
    );
    check("a, b = c[0], d", "a, b = c[0], d");
    check("f(a[1], b = 2)", "f(a[1], b = 2)");
    check("  del a['x y'] # z", "  a.pop('x y')");
    check("del a", "a = None");
    check("'''\\na[1], b.c = d\\ndel a[1]\\n'''", "'''\\na[1], b.c = d\\ndel a[1]\\n'''");
    check("x = '.utcnow() del a[1]'", "x = '.utcnow() del a[1]'");
    assert!(obstacle("del a[1:2]").is_some() && obstacle("del a[1], b[2]").is_some());
}
