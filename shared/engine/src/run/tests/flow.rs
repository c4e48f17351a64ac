use super::*;

#[test]
fn runs_and_workflows_cross_threads() {
    fn check<T: Send + Sync>() {}
    check::<Workflow>();
    check::<Run>();
    check::<Step>();
}

#[test]
fn greets() {
    let yaml = "
input: [{ name: name }, { name: n, type: number }]
nodes: [{ id: t, type: template, template: 'Hello <api.name> x<api.n>' }]
output: { greeting: <t.content> }
";
    assert_eq!(output(yaml, json!({"name": "Ada", "n": 3})), json!({"greeting": "Hello Ada x3"}));
    let mut run = start(&compile(yaml), json!({"name": "Ada", "n": 3}));
    assert_eq!(
        drive(&mut run, |_, _| unreachable!()),
        "start api\nend api {\"name\":\"Ada\",\"n\":3}\nstart t\nend t {\"content\":\"Hello Ada x3\"}\nstart output\nend output {\"greeting\":\"Hello Ada x3\"}\ndone\n"
    );
}

#[test]
fn what_callers_send_is_never_scanned() {
    let yaml = "
nodes:
  - { id: t, type: template, template: 'say <api.input.x>' }
  - { id: u, type: template, template: '<t.content> again' }
";
    let input = json!({"x": "{{SECRET}} <api.input.y> <t.content>"});
    assert_eq!(output(yaml, input), json!({"content": "say {{SECRET}} <api.input.y> <t.content> again"}));
}
