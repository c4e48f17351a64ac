use serde_json::json;

use super::*;

fn paths(expected: Value, actual: Value) -> Vec<String> {
    compare(&expected, &actual, "").into_iter().map(|found| found.path).collect()
}

#[test]
fn objects_may_have_more_and_lists_may_not() {
    let actual = json!({ "a": 1, "b": { "c": [1, { "d": 2, "e": 3 }] } });
    assert_eq!(paths(json!({ "b": { "c": [1.0, { "e": 3 }] } }), actual.clone()), [""; 0]);
    assert_eq!(paths(json!({ "b": { "c": [1] } }), actual.clone()), ["/b/c"]);
    let expected = json!({ "a": 2, "z": 1, "b": { "c": [1, { "d": "2" }] } });
    assert_eq!(paths(expected, actual), ["/a", "/z", "/b/c/1/d"]);
    assert_eq!(paths(json!({}), json!([])), [""]);
}

#[test]
fn each_matcher_takes_what_it_says_and_nothing_else() {
    for (matcher, fits, misfits) in [
        (json!({ "$any": true }), vec![json!(0), json!("")], vec![json!(null)]),
        (
            json!({ "$exactly": { "a": 1 } }),
            vec![json!({ "a": 1.0 })],
            vec![json!({ "a": 1, "b": 2 })],
        ),
        (
            json!({ "$contains": "ell" }),
            vec![json!("hello"), json!(["ell"])],
            vec![json!("he"), json!(3)],
        ),
        (
            json!({ "$contains": { "a": 1 } }),
            vec![json!([{ "a": 1, "b": 2 }])],
            vec![json!([{ "b": 1 }])],
        ),
        (
            json!({ "$matches": "^a+$" }),
            vec![json!("aa")],
            vec![json!("ab"), json!(1), json!(null)],
        ),
        (json!({ "$length": 2 }), vec![json!("äö"), json!([1, 2])], vec![json!([1]), json!(2)]),
        (json!({ "$schema": { "minimum": 3 } }), vec![json!(3)], vec![json!(2)]),
        (json!({ "$not": { "$contains": "x" } }), vec![json!("a")], vec![json!("x")]),
    ] {
        for value in fits {
            assert_eq!(paths(matcher.clone(), value.clone()), [""; 0], "{matcher} {value}");
        }
        for value in misfits {
            assert_eq!(paths(matcher.clone(), value.clone()), [""], "{matcher} {value}");
        }
    }
}

#[test]
fn what_is_no_matcher_is_named_with_its_place() {
    let document = flowgate_engine::Document::parse("a: 1").unwrap();
    let mut reader = Reader::new(&document);
    let expected = json!({
        "a": { "$any": 1 }, "b": [{ "$matches": "(" }], "c": { "$lenght": 1 },
        "d": { "$length": -1 }, "e": { "$schema": { "type": 1 } },
        "f": { "$contains": { "$x": 1 } },
        "fine": { "$price": 1, "other": 2 }
    });
    check(&mut reader, &expected, "/output");
    let places: Vec<&str> = reader.problems.iter().map(|found| found.path.as_str()).collect();
    assert_eq!(
        places,
        [
            "/output/a/$any",
            "/output/b/0/$matches",
            "/output/c/$lenght",
            "/output/d/$length",
            "/output/e/$schema",
            "/output/f/$contains/$x"
        ]
    );
}
