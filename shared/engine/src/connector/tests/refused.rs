use super::*;

fn check(file: &str, expected: &[(&str, &str)]) {
    let (connector, problems) = parse(file);
    let found: Vec<_> = problems.iter().map(|it| (it.path.as_str(), it.message.as_str())).collect();
    assert_eq!(found, expected, "{file}");
    assert_eq!(connector.is_none(), !expected.is_empty());
}

#[test]
fn all_faults_of_a_file_are_found_at_once_with_their_places() {
    check(
        "connector: a\nhosts: [a.example]\nbase: https://a.example\nauth: { type: baerer }\n\
         errors: [{ when: 'bdy.x == 1', code: x }, { when: status, kode: x }]\n\
         operations:\n  op:\n    summary: Does it\n    effect: wirte\n    \
         fields: { properties: { text: {}, id: {} } }\n    \
         request: { methd: GET, path: '/a/<in.txt>/{{K}}', body: { $frist: [1] } }\n    \
         answer: { x: <boddy.y> }\n",
        &[
            (
                "/auth/type",
                "`type` must be one of none, bearer, basic, header, headers, url, path, oauth2, \
                 jwt_bearer; did you mean `bearer`?",
            ),
            (
                "/errors/0/when",
                "`bdy` names nothing here: a value is read by a reference, such as <node.field>, \
                 and a text stands in quotes",
            ),
            ("/errors/1/kode", "unknown field `kode`; did you mean `code`?"),
            ("/errors/1", "`code` is missing"),
            (
                "/operations/op/effect",
                "`effect` must be one of read, write, delete; did you mean `write`?",
            ),
            (
                "/operations/op/fields/properties/id",
                "`id` is a field of every node: call it something else",
            ),
            ("/operations/op/request/methd", "unknown field `methd`; did you mean `method`?"),
            (
                "/operations/op/request/path",
                "<in.txt>: `fields` has no `txt`; did you mean `text`?",
            ),
            ("/operations/op/request/path", "{{K}}: a connector's secret is the node's `login`"),
            (
                "/operations/op/request/body/$frist",
                "there is no operator `$frist`; did you mean `$first`?",
            ),
            (
                "/operations/op/answer/x",
                "<boddy.y>: nothing before is called `boddy`; did you mean `body`?",
            ),
        ],
    );
}
