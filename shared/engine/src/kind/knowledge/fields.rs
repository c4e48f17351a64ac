//! The fields of `knowledge`.

use crate::field::{FieldSpec, FieldType};

pub(super) use crate::kind::agent::{API_KEY, BASE_URL};

pub(super) const ACTION: FieldSpec = FieldSpec::new(
    "action",
    FieldType::OneOf(&["add", "search", "delete"]),
    "`add` or replace a source, `search`, or `delete` a source",
)
.required();
pub(super) const STORE: FieldSpec = FieldSpec::new(
    "store",
    FieldType::Text,
    "the store's name: 1 to 64 letters, digits, `_` and `-`",
)
.required();
pub(super) const SHARED: FieldSpec = FieldSpec::with_default(
    "shared",
    FieldType::Boolean,
    "false",
    "`true`: the store of this name that all workflows search; the one that adds first owns it",
);
pub(super) const MODEL: FieldSpec = FieldSpec::new(
    "model",
    FieldType::Text,
    "`provider/model` that embeds, the same for all of a store; `offline/words` needs no key and \
     compares words",
);
pub(super) const TEXT: FieldSpec =
    FieldSpec::new("text", FieldType::Text, "add: the source's text");
pub(super) const SOURCE: FieldSpec = FieldSpec::new(
    "source",
    FieldType::Text,
    "add, delete: the source's name, such as a URL; adding it again replaces it",
);
pub(super) const METADATA: FieldSpec = FieldSpec::new(
    "metadata",
    FieldType::Object,
    "add: what each match of the source carries, at most 2 KiB",
);
pub(super) const SIZE: FieldSpec = FieldSpec::with_default(
    "chunk_size",
    FieldType::Integer(100, 8_000),
    "1000",
    "add: the characters of a chunk, at most; it ends at a paragraph, else at a sentence",
);
pub(super) const OVERLAP: FieldSpec = FieldSpec::with_default(
    "overlap",
    FieldType::Integer(0, 4_000),
    "a tenth of `chunk_size`, at most 100",
    "add: how many characters of a chunk the next one repeats",
);
pub(super) const QUERY: FieldSpec =
    FieldSpec::new("query", FieldType::Text, "search: what is looked for");
pub(super) const TOP: FieldSpec =
    FieldSpec::with_default("top", FieldType::IntegerRef(1, 50), "5", "search: how many matches");
pub(super) const MIN_SCORE: FieldSpec = FieldSpec::with_default(
    "min_score",
    FieldType::NumberRef(-1.0, 1.0),
    "none",
    "search: leaves out what is less alike; 1 is the same direction",
);

pub(super) const OF_ADD: [&FieldSpec; 5] = [&TEXT, &SOURCE, &METADATA, &SIZE, &OVERLAP];
pub(super) const OF_SEARCH: [&FieldSpec; 3] = [&QUERY, &TOP, &MIN_SCORE];

pub(super) const FIELDS: &[FieldSpec] = &[
    ACTION, STORE, SHARED, MODEL, TEXT, SOURCE, METADATA, SIZE, OVERLAP, QUERY, TOP, MIN_SCORE,
    BASE_URL, API_KEY,
];

pub(super) const DETAILS: &str = "\
`search` leaves `matches`, a list of `{text, score, source, metadata}` with the best first; `add`
leaves `{source, chunks, total}`, and `delete` `{source, deleted}`. `tokens` and `cost` (in dollars)
are those of the embedding, null where nobody knows. A store that nobody has added to has no
matches.

A source is there as a whole or not at all: its chunks are found once the node has succeeded, and
those of the source before are gone then. After a crash nothing is added twice. A node adds at most
1,000 chunks, and 4 MB of text.

A store belongs to its workflow, and is deleted with it. A `shared` one belongs to the workflow that
added to it first, the only one that may add and delete. What a run with a `user` has added is
erased with the user's runs. Runs that are not saved cannot add or delete.

All vectors of a store come from one model: others fail as `model_mismatch` or
`dimension_mismatch`. A store holds 50,000 chunks on one machine, where each search scans them all,
and 5,000 on AWS, where the vectors are kept as 8-bit numbers: scores differ there in the third
digit. More fail as `store_full`.

| provider | embeds over |
|---|---|
| `openai`, `mistral`, `together`, `qwen` and others with a `base_url` | OpenAI's `/embeddings` |
| `gemini`, `google` | `batchEmbedContents` |
| `cohere` | `/embed` of version 2 |
| `ollama` | `/api/embed` |
| `offline/words` | nothing: compares which words two texts share. For trials and tests |";
