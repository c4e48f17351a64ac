//! `several`: a kind that only the tests have. A node of it makes calls in a row and concurrently,
//! polls with a pause, and runs another node.

use std::sync::Arc;
use std::time::Duration;

use flowgate_engine::call::{HttpCall, ModelCall, ModelMessage, Rendered, RenderedUrl};
use flowgate_engine::compile::fields::Fields;
use flowgate_engine::expr::scope::Scope;
use flowgate_engine::expr::template::Text;
use flowgate_engine::field::{FieldSpec, FieldType};
use flowgate_engine::kind::{
    Bindings, CallLimits, Done, Group, KindSpec, Node, NodeError, OutputFields, Plan, Planned,
    Price, Role, Touches,
};
use flowgate_engine::{Action, Kinds};
use serde_json::{Value, json};

const NAME: &str = "several";

const URL: FieldSpec =
    FieldSpec::new("url", FieldType::Text, "a call goes to its name below this address").required();
const TOOL: FieldSpec =
    FieldSpec::new("tool", FieldType::Object, "an http node, bound to an earlier answer as `tool`")
        .required();
const PAUSE: FieldSpec = FieldSpec::with_default(
    "pause",
    FieldType::Duration("10ms", "1m"),
    "100ms",
    "before each look but the first",
);
const SAY: FieldSpec = FieldSpec::new(
    "say",
    FieldType::Text,
    "said by a model in the middle, and by another at the end",
);
const FIELDS: &[FieldSpec] = &[URL, TOOL, PAUSE, SAY];

const LIMITS: CallLimits =
    CallLimits { default_timeout: Duration::from_secs(60), max_timeout: Duration::from_secs(300) };

/// What documents may use where the tests bring their kind.
pub fn kinds() -> Kinds {
    Kinds::standard().clone().with(spec())
}

pub(crate) fn is_among(kinds: &Kinds) -> bool {
    kinds.find(NAME).is_some()
}

fn spec() -> KindSpec {
    KindSpec {
        name: NAME.into(),
        summary: "Makes several calls.".into(),
        details: "".into(),
        fields: FIELDS.into(),
        outputs: |_| OutputFields::Any,
        call: Some(LIMITS),
        role: Role::Step,
        operation: None,
        group: Group::Call,
        touches: Touches::Nothing,
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Several::read(fields))),
    }
}

const EXAMPLE: &str = r#"{ id: s, type: several, url: "https://example.com", tool: { url: "https://example.com/<tool.said>" } }"#;

#[derive(Debug)]
struct Several {
    url: Text,
    /// `None` where its fields have problems: the workflow does not compile then.
    tool: Option<Arc<dyn Node>>,
    pause: Duration,
    say: Option<Text>,
}

impl Several {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let http = Kinds::standard().find("http");
        Self {
            url: fields.text(&URL).unwrap_or_default(),
            tool: http.and_then(|http| fields.inner_node(&TOOL, http, "tool")),
            pause: fields.duration(&PAUSE).unwrap_or(Duration::from_millis(100)),
            say: fields.text(&SAY),
        }
    }
}

impl Node for Several {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        match (Asked { node: self, scope, done }).answers() {
            Ok(answers) => Ok(Plan::done(answers)),
            Err(NotYet::Calls(calls)) => Ok(Plan::Perform(calls)),
            Err(NotYet::Failed(error)) => Err(error),
        }
    }
}

/// Why a node has not got all its answers.
enum NotYet {
    Calls(Vec<Planned>),
    Failed(NodeError),
}

impl From<NodeError> for NotYet {
    fn from(error: NodeError) -> Self {
        Self::Failed(error)
    }
}

struct Asked<'a> {
    node: &'a Several,
    scope: &'a Scope<'a>,
    done: &'a Done,
}

impl Asked<'_> {
    fn answers(&self) -> Result<Value, NotYet> {
        let [first] = self.get(["first"], "")?;
        let [second] = self.get(["second"], &first)?;
        let [third] = self.get(["third"], &second)?;
        self.say("draft")?;
        let [left, right] = self.get(["left", "right"], &third)?;
        let looks = self.poll(&left)?;
        let tool = self.run_tool(&left)?;
        let last = self.say("last")?;
        Ok(json!({
            "first": first, "second": second, "third": third, "left": left, "right": right,
            "looks": looks, "tool": tool, "last": last,
        }))
    }

    /// What the calls of these names said; they are concurrent.
    fn get<const N: usize>(
        &self,
        names: [&'static str; N],
        after: &str,
    ) -> Result<[String; N], NotYet> {
        let mut said = names.map(|_| String::new());
        for (name, said) in names.iter().zip(&mut said) {
            let Some(answer) = self.done.value(name)? else {
                let calls = names.iter().map(|name| self.request(name, after));
                return Err(NotYet::Calls(calls.collect::<Result<_, _>>()?));
            };
            *said = text(&answer["data"]["said"]);
        }
        Ok(said)
    }

    fn request(&self, name: &str, after: &str) -> Result<Planned, NodeError> {
        let url = format!("{}/{name}", self.node.url.render_string(self.scope)?);
        let call = HttpCall {
            method: "GET".to_owned(),
            url: RenderedUrl::of_author(url),
            query: vec![("after".to_owned(), Rendered::Json(json!(after)))],
            ..HttpCall::default()
        };
        Ok(Planned::call(name.to_owned(), Action::Http(call), Price::Free))
    }

    /// `look0`, `look1` … until an answer is ready. Returns how many looks that took.
    fn poll(&self, after: &str) -> Result<usize, NotYet> {
        let mut looks = 0;
        loop {
            let name = format!("look{looks}");
            let Some(answer) = self.done.value(&name)? else {
                let pause = if looks == 0 { Duration::ZERO } else { self.node.pause };
                return Err(NotYet::Calls(vec![self.request(&name, after)?.after(pause)]));
            };
            looks += 1;
            if answer["data"]["ready"] == true {
                return Ok(looks);
            }
        }
    }

    fn run_tool(&self, said: &str) -> Result<String, NotYet> {
        if let Some(answer) = self.done.value("tool")? {
            return Ok(text(&answer["data"]["said"]));
        }
        let bindings = || Bindings(Arc::new(json!({ "said": said })));
        let calls =
            self.node.tool.iter().map(|tool| Planned::node("tool", Arc::clone(tool), bindings()));
        Err(NotYet::Calls(calls.collect()))
    }

    /// `None` where there is nothing to say.
    fn say(&self, name: &'static str) -> Result<Option<String>, NotYet> {
        let Some(say) = &self.node.say else { return Ok(None) };
        if let Some(answer) = self.done.value(name)? {
            return Ok(Some(text(&answer["content"])));
        }
        let content = format!("{name}: {}", say.render_string(self.scope)?);
        let call = ModelCall {
            model: "offline/echo".to_owned(),
            messages: vec![ModelMessage::user(content)],
            echo_delay: Duration::from_millis(10),
            ..ModelCall::default()
        };
        Err(NotYet::Calls(vec![Planned::call(name, Action::Model(call), Price::Priced)]))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
