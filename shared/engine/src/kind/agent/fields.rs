//! The fields of an agent, and of its messages and tools.

use std::borrow::Cow;

use crate::field::{FieldSpec, FieldType};
use crate::kind::{fetch, function, http, python, workflow};

const MODEL_OR_MODELS: &[&str] = &["model", "models"];
const PROMPT_OR_MESSAGES: &[&str] = &["prompt", "messages"];
const TOOL_KINDS: &[&str] = &["http", "fetch", "code", "python", "connector", "workflow", "mcp"];

pub(super) const MODEL: FieldSpec = FieldSpec::new(
    "model",
    FieldType::Text,
    "`provider/model`, such as `anthropic/claude-sonnet-4-5`; `offline/echo` needs no key and \
     echoes the prompt",
)
.one_of(MODEL_OR_MODELS);
pub(super) const MODELS: FieldSpec = FieldSpec::new(
    "models",
    FieldType::TextList,
    "several models; the next one is asked where one fails for good",
)
.one_of(MODEL_OR_MODELS);
pub(super) const PROMPT: FieldSpec =
    FieldSpec::new("prompt", FieldType::Text, "the user's message").any_of(PROMPT_OR_MESSAGES);
pub(super) const MESSAGES: FieldSpec = FieldSpec::new(
    "messages",
    FieldType::ItemsRef(Cow::Borrowed(MESSAGE)),
    "`[{ role: system | user | assistant, content }]`, or a reference to such a list; a `prompt` \
     is appended",
)
.any_of(PROMPT_OR_MESSAGES);
pub(super) const ROLE: FieldSpec = FieldSpec::new(
    "role",
    FieldType::OneOf(&["system", "user", "assistant"]),
    "the author of the message",
)
.required();
pub(super) const CONTENT: FieldSpec =
    FieldSpec::new("content", FieldType::Text, "the text of the message").required();
pub(super) const MESSAGE: &[FieldSpec] = &[ROLE, CONTENT];
pub(super) const SYSTEM: FieldSpec =
    FieldSpec::new("system", FieldType::Text, "the model's instructions");
pub(super) const IMAGES: FieldSpec = FieldSpec::new(
    "images",
    FieldType::TextList,
    "pictures that belong to the prompt: files, `https:` or `data:` URLs, or base64 of a PNG, \
     JPEG, GIF or WebP; empty ones are left out",
);
pub(super) const FILES: FieldSpec = FieldSpec::new(
    "files",
    FieldType::TextList,
    "files that belong to the prompt: PDFs, and pictures in PNG, JPEG, GIF or WebP; at most 16 MiB \
     together, and what the provider takes",
);
pub(super) const TOOLS: FieldSpec = FieldSpec::new(
    "tools",
    FieldType::Items(Cow::Borrowed(TOOL)),
    "what the model may call: `[{ name, description, parameters, http | fetch | code | python }]`, \
     operations of connectors: `[{ connector, with, login }]`, workflows: `[{ workflow, version, \
     name, description }]`, and the tools of MCP servers: `[{ mcp, headers, only, prefix }]`",
);
pub(super) const TOOL_NAME: FieldSpec = FieldSpec::new(
    "name",
    FieldType::Words,
    "letters, digits, `_` and `-`, at most 64; unique in the agent. Needed without `connector`, \
     `workflow` and `mcp`; a workflow's is its id, a connector's `slack_send_message`",
);
pub(super) const DESCRIPTION: FieldSpec = FieldSpec::new(
    "description",
    FieldType::Words,
    "for the model: what the tool does and when to call it",
);
pub(super) const PARAMETERS: FieldSpec = FieldSpec::with_default(
    "parameters",
    FieldType::JsonSchema,
    "no parameters",
    "a JSON Schema of an object; the tool reads `<tool.name>`",
);
pub(super) const HTTP: FieldSpec = FieldSpec::new(
    "http",
    FieldType::Fields(Cow::Borrowed(http::FIELDS)),
    "the fields of an `http` node; the model gets its `data`",
)
.one_of(TOOL_KINDS);
pub(super) const CODE: FieldSpec = FieldSpec::new(
    function::CODE_FIELD,
    FieldType::Code,
    "the code of a `function` node; the model gets its `result`",
)
.one_of(TOOL_KINDS);
pub(super) const FETCH: FieldSpec = FieldSpec::new(
    "fetch",
    FieldType::Fields(Cow::Borrowed(fetch::FIELDS)),
    "the fields of a `fetch` node; the model gets its `text`",
)
.one_of(TOOL_KINDS);
pub(super) const PYTHON: FieldSpec = FieldSpec::new(
    "python",
    FieldType::Fields(Cow::Borrowed(python::FIELDS)),
    "the fields of a `python` node; the model gets its `result`",
)
.one_of(TOOL_KINDS);
pub(super) const CONNECTOR: FieldSpec = FieldSpec::new(
    "connector",
    FieldType::Words,
    "an operation, such as `slack.send_message`; the model gives the fields that `with` does not \
     fix, and gets what a node of it leaves",
)
.one_of(TOOL_KINDS);
pub(super) const WITH: FieldSpec = FieldSpec::new(
    "with",
    FieldType::Object,
    "fields of the connector's operation that the model neither sees nor changes, such as \
     `{ channel: \"#news\" }`",
);
pub(super) const LOGIN: FieldSpec = FieldSpec::with_default(
    "login",
    FieldType::Words,
    "`<CONNECTOR>_TOKEN`",
    "the name of the secret that is the connector's login",
);
pub(super) const ALLOW: FieldSpec = FieldSpec::new(
    "allow",
    FieldType::OneOf(&["delete"]),
    "`delete`: the model may call an operation that deletes",
);
pub(super) const ONCE: FieldSpec = FieldSpec::with_default(
    "at_most_once",
    FieldType::Boolean,
    "as the operation says",
    "whether what the connector's operation writes is never sent again after a crash; then it \
     fails the agent as `interrupted`",
);
pub(super) const WORKFLOW: FieldSpec = FieldSpec::new(
    "workflow",
    FieldType::Words,
    "the id of a published workflow; its input fields are the parameters, the model gets its \
     output",
)
.one_of(TOOL_KINDS);
pub(super) const VERSION: FieldSpec = workflow::VERSION;
pub(super) const MCP: FieldSpec = FieldSpec::new(
    "mcp",
    FieldType::Text,
    "the address of an MCP server (Streamable HTTP); the model may call its tools",
)
.with_secrets()
.one_of(TOOL_KINDS);
pub(super) const MCP_HEADERS: FieldSpec = FieldSpec::new(
    "headers",
    FieldType::Texts,
    "name to text, sent to the MCP server; such as `authorization`",
)
.with_secrets();
pub(super) const ONLY: FieldSpec = FieldSpec::with_default(
    "only",
    FieldType::TextList,
    "all",
    "the tools of the MCP server that the model may call, by the server's names",
);
pub(super) const PREFIX: FieldSpec = FieldSpec::new(
    "prefix",
    FieldType::Words,
    "put before the names of the MCP server's tools, with a `_`: letters, digits, `_` and `-`, at \
     most 32",
);
pub(super) const TOOL: &[FieldSpec] = &[
    TOOL_NAME,
    DESCRIPTION,
    PARAMETERS,
    HTTP,
    FETCH,
    CODE,
    PYTHON,
    CONNECTOR,
    WITH,
    LOGIN,
    ALLOW,
    ONCE,
    WORKFLOW,
    VERSION,
    MCP,
    MCP_HEADERS,
    ONLY,
    PREFIX,
];
/// The fields of an entry that describes one tool.
pub(super) const OF_ONE_TOOL: &[FieldSpec] = &[TOOL_NAME, DESCRIPTION, PARAMETERS];
/// The fields of an entry that describes an operation of a connector.
pub(super) const OF_CONNECTOR: &[FieldSpec] = &[WITH, LOGIN, ALLOW, ONCE];
/// The fields of an entry that stands for the tools of a server.
pub(super) const OF_SERVER: &[FieldSpec] = &[MCP_HEADERS, ONLY, PREFIX];
pub(super) const MAX_TURNS: FieldSpec = FieldSpec::with_default(
    "max_turns",
    FieldType::Integer(1, 50),
    "10",
    "how often the model may be asked before the node fails as `max_turns`",
);
pub(super) const TEMPERATURE: FieldSpec = FieldSpec::with_default(
    "temperature",
    FieldType::NumberRef(0.0, 2.0),
    "the provider's",
    "the sampling temperature; models that reason ignore it",
);
pub(super) const TOP_P: FieldSpec = FieldSpec::with_default(
    "top_p",
    FieldType::NumberRef(0.0, 1.0),
    "the provider's",
    "the share of likely words to sample from",
);
pub(super) const STOP: FieldSpec =
    FieldSpec::new("stop", FieldType::TextList, "texts at which the answer stops");
pub(super) const SEED: FieldSpec = FieldSpec::new(
    "seed",
    FieldType::IntegerRef(0, 2_147_483_647),
    "makes answers repeatable where the provider can",
);
pub(super) const MAX_TOKENS: FieldSpec = FieldSpec::with_default(
    "max_tokens",
    FieldType::IntegerRef(1, 10_000_000),
    "the provider's; Anthropic: 32000, Claude 3.5 and 3.7: 8192, Claude 3: 4096",
    "the maximum length of the answer",
);
pub(super) const SCHEMA: FieldSpec = FieldSpec::new(
    "schema",
    FieldType::JsonSchema,
    "a JSON Schema of an object that the answer must match; its fields become fields of the node",
);
pub(in crate::kind) const BASE_URL: FieldSpec = FieldSpec::with_default(
    "base_url",
    FieldType::Text,
    "the secret `<PROVIDER>_BASE_URL`, else the provider's address",
    "the provider's address; `openai` and unknown providers are asked over OpenAI's Responses \
     where it ends in `/responses`",
)
.with_secrets();
pub(in crate::kind) const API_KEY: FieldSpec = FieldSpec::with_default(
    "api_key",
    FieldType::Text,
    "the secret `<PROVIDER>_API_KEY`",
    "the provider's key",
)
.with_secrets();
pub(super) const ECHO_DELAY: FieldSpec = FieldSpec::with_default(
    "echo_delay",
    FieldType::Duration("0s", "10s"),
    "0s",
    "pause between the words of `offline/echo`",
);

pub(super) const MEMORY: FieldSpec = FieldSpec::new(
    "memory",
    FieldType::Fields(Cow::Borrowed(MEMORY_FIELDS)),
    "what earlier runs of the same conversation said, such as `{ session: <api.user>, turns: 20 }`",
);
pub(super) const MEMORY_FIELDS: &[FieldSpec] = &[SESSION, TURNS];
pub(super) const SESSION: FieldSpec = FieldSpec::new(
    "session",
    FieldType::Text,
    "names the conversation, in at most 256 bytes; without a name there is no memory",
)
.required();
pub(super) const TURNS: FieldSpec = FieldSpec::with_default(
    "turns",
    FieldType::Integer(1, 100),
    "20",
    "how many earlier turns the model reads",
);

pub(super) const FIELDS: &[FieldSpec] = &[
    MODEL,
    MODELS,
    PROMPT,
    MESSAGES,
    SYSTEM,
    IMAGES,
    FILES,
    MEMORY,
    TOOLS,
    MAX_TURNS,
    TEMPERATURE,
    TOP_P,
    STOP,
    SEED,
    MAX_TOKENS,
    SCHEMA,
    BASE_URL,
    API_KEY,
    ECHO_DELAY,
];

pub(super) const DETAILS: &str = "\
The answer is streamed. Secrets cannot be used in what the model reads.

**Output.** `content` is the text of the last turn. `data` is the answer by its `schema`; its
properties are fields of the node too, except those that have the name of one of the node's own:
`<draft.data.content>`. `tokens` is `{input, output, total}` of all turns and `cost` is in
dollars; what nobody knows is `null`, never 0. `tool_calls` lists `{turn, id, name, arguments,
is_error}`.

`finish_reason` is `stop`, `length` (the answer reached `max_tokens`: the node succeeds, but the
text is not whole) or `other:…`. An answer that a filter stopped fails as `filter`, a refusal as
`refusal`, and one that broke off as `model_stream_cut`. What the model said until then stays in
`content` of the failed node.

**Tools.** The model may call several tools at once. They run side by side, each call is recorded
by itself, and none that has ended is made again after a crash. In a tool, `<tool.city>` reads the
argument `city`, beside all other references. The model gets what a tool left, at most 256 KiB of
it, or its error, and goes on. A call of a tool that is not there, or with arguments that do not
fit its `parameters`, is not made, and the model learns why.

```yaml
- id: helper
  type: agent
  model: openai/gpt-5-mini
  prompt: \"<api.question>\"
  tools:
    - name: weather
      description: The weather of a city
      parameters: { type: object, properties: { city: { type: string } }, required: [city] }
      http: { url: \"https://example.com/weather\", query: { city: <tool.city> } }
    - name: add
      parameters: { type: object, properties: { a: { type: number }, b: { type: number } } }
      code: return <tool.a> + <tool.b>
```

**Workflows as tools.** An entry `{ workflow: lookup }` is a tool with the input of that workflow
as its parameters, and its description unless the entry has one. It runs as a part of this run, as
a `workflow` node does; the model gets its output, or its error.

**Tools of MCP servers.** An entry with `mcp` stands for the tools of that server. They are listed
once, before the first turn; the list is recorded, and a failure to get it fails the node: as
`mcp_error` where the server says so, else with the codes of an `http` node. Each call of a tool
is recorded as all others are, and its text goes to the model. A server has at most 20 pages of
tools and 1 MiB of them, an agent 128 tools; `only` names those that it needs. Two tools of the
same name are the failure `duplicate_tool`, which a `prefix` mends. In a name, what a model cannot
read becomes `_`, and six characters at its end keep it apart from others.

```yaml
- id: helper
  type: agent
  model: openai/gpt-5-mini
  prompt: \"<api.question>\"
  tools:
    - mcp: \"https://example.com/mcp\"
      headers: { authorization: \"Bearer {{MCP_TOKEN}}\" }
      only: [search]
```

**Memory.** With `memory` the model reads the last turns of the conversation before its prompt:
what the user said, what it answered, and in short the tools that it used. Once the node has
succeeded, its turn is added: exactly once, also after a crash. All agents of a workflow with the
same session share its turns; another name keeps them apart, as in `<api.user>-critic`. How long
they last, and whose they are: [sessions.md](sessions.md).

```yaml
- { id: chat, type: agent, model: openai/gpt-5-mini, prompt: \"<api.question>\",
    memory: { session: <api.conversation>, turns: 20 } }
```

**Structured output.** A `schema` is enforced by the provider where it can; its optional
properties stay optional. Where it cannot, the model is asked for JSON, or must call a tool that
takes it. Fences, thoughts and sentences around the JSON are taken off. An answer that does not
fit fails as `schema_mismatch`, which `retry` repeats.

| provider | secret with its key |
|---|---|
| `openai`, `anthropic`, `groq`, `deepseek`, `xai`, `cohere`, `openrouter`, `together`, `mistral`, `fireworks`, `moonshot`, `nebius`, `qwen`, `zai`, `minimax` | the name in capitals, `OPENAI_API_KEY` |
| `gemini`, `google` | `GEMINI_API_KEY` |
| `bedrock` | `BEDROCK_API_KEY`: a Bedrock API key, or `access_key_id:secret_access_key[:session_token]`. The region is that of the base URL's host, else us-east-1 |
| `ollama` | needs none |
| any other name | `<NAME>_API_KEY`. It must speak the protocol of OpenAI and needs `base_url` |
| `offline/echo` | needs none: echoes the last user message, word by word. A line `/name {\"argument\": 1}` in it calls that tool. For trials and tests; it is not a model |";
