//! The tables, format by format.

/// One entry per `user_version`. Entries are added, never changed: existing files were made with
/// them.
///
/// A run's row is written at its start and at its end. What changes in between is in the small row
/// of `open_runs`, so that a heartbeat does not rewrite megabytes of input. Ids are 16 bytes (their
/// hex digits). Columns that no query filters by hold JSON.
pub(super) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE runs (
    id               BLOB NOT NULL UNIQUE,
    workflow_uid     TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    user             TEXT,
    -- From here on NULL until the run has ended; `open_runs` has them.
    state            TEXT,
    detached         INTEGER,
    fence            INTEGER,
    cancel_requested INTEGER,
    expires_at       INTEGER,
    -- When a run that is not to be saved must be wiped.
    look_at          INTEGER,
    wiped            INTEGER NOT NULL DEFAULT 0,
    head             TEXT NOT NULL,
    ending           TEXT,
    trace            TEXT
);
CREATE INDEX runs_of_workflow ON runs (workflow_uid, id);
CREATE INDEX runs_by_look ON runs (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX runs_by_expiry ON runs (expires_at) WHERE expires_at IS NOT NULL;

-- Runs that have not ended. `due_at` ends the lease or the wait; `look_at` is when the sweeper sees the row next.
CREATE TABLE open_runs (
    run              BLOB PRIMARY KEY,
    state            TEXT NOT NULL,
    detached         INTEGER NOT NULL,
    fence            INTEGER NOT NULL,
    owner            TEXT,
    handed_over_by   TEXT,
    due_at           INTEGER NOT NULL,
    look_at          INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    barren_claims    INTEGER NOT NULL DEFAULT 0,
    started_at       INTEGER
) WITHOUT ROWID;
CREATE INDEX open_runs_by_look ON open_runs (look_at);

CREATE TABLE checkpoints (
    run        BLOB NOT NULL,
    place      TEXT NOT NULL,
    ordinal    INTEGER NOT NULL,
    checkpoint TEXT NOT NULL,
    UNIQUE (run, place)
);
CREATE TABLE started_calls (
    run   BLOB NOT NULL,
    place TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (run, place)
) WITHOUT ROWID;
CREATE TABLE events (
    run   BLOB NOT NULL,
    fence INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (run, fence, n)
) WITHOUT ROWID;
CREATE TABLE idempotency (
    scope      TEXT NOT NULL,
    key        TEXT NOT NULL,
    run        BLOB NOT NULL,
    body_hash  TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

CREATE TABLE deliveries (
    id           BLOB NOT NULL UNIQUE,
    run          BLOB NOT NULL,
    workflow_id  TEXT NOT NULL,
    workflow_uid TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    state        TEXT NOT NULL,
    due_at       INTEGER,
    look_at      INTEGER,
    owner        TEXT,
    recorded_by  TEXT,
    step         INTEGER NOT NULL,
    signing      TEXT NOT NULL,
    wiped        INTEGER NOT NULL DEFAULT 0,
    attempts     TEXT NOT NULL,
    request      TEXT NOT NULL
);
CREATE INDEX deliveries_of_run ON deliveries (run);
CREATE INDEX deliveries_by_look ON deliveries (look_at) WHERE look_at IS NOT NULL;

CREATE TABLE workflows (
    id             TEXT PRIMARY KEY,
    uid            TEXT NOT NULL,
    active_version TEXT,
    activated_at   INTEGER,
    created_at     INTEGER NOT NULL,
    signing        TEXT NOT NULL,
    signing_before TEXT,
    draft          TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE versions (
    uid          TEXT NOT NULL,
    number       INTEGER NOT NULL,
    version      TEXT NOT NULL,
    hash         TEXT NOT NULL,
    notes        TEXT,
    published_at INTEGER NOT NULL,
    name         TEXT NOT NULL,
    document     TEXT NOT NULL,
    UNIQUE (uid, number)
);
CREATE UNIQUE INDEX versions_by_name ON versions (uid, version);

CREATE TABLE keys (
    id           TEXT NOT NULL UNIQUE,
    ends_at      INTEGER,
    last_used_at INTEGER,
    record       TEXT NOT NULL
);
CREATE TABLE key_audit (
    at     INTEGER NOT NULL,
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    key_id TEXT NOT NULL,
    UNIQUE (key_id, at, action, actor)
);
CREATE TABLE secrets (
    name       TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE keyring (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    keyring TEXT NOT NULL
);
",
    "
-- Of what was active before, nothing is known: as if it had been every older version in its turn.
ALTER TABLE workflows ADD COLUMN rollback_targets TEXT NOT NULL DEFAULT '[]';
UPDATE workflows SET rollback_targets = (
    SELECT json_group_array(number ORDER BY number) FROM (
        SELECT number FROM versions WHERE uid = workflows.uid AND (workflows.active_version IS NULL OR number < (
            SELECT number FROM versions active WHERE active.uid = workflows.uid AND active.version = workflows.active_version
        )) ORDER BY number DESC LIMIT 100
    )
);
",
    "
-- What a run was given ('input') and what it gave ('output'), where it is large: lists of runs do without it.
CREATE TABLE run_values (
    run   BLOB NOT NULL,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (run, name)
);
",
    "
-- Where a secret may go, and for whom; which secrets a version uses, and who published it.
ALTER TABLE secrets ADD COLUMN rule TEXT NOT NULL DEFAULT '{}';
ALTER TABLE versions ADD COLUMN use_of_secrets TEXT NOT NULL DEFAULT '{}';
",
    "
-- The id of the key that seals `secrets` and `keyring`; no row: they are plain still.
-- `scrubbed`: the file was rewritten since, or never held a plain value.
CREATE TABLE sealed_by (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    key      TEXT NOT NULL,
    scrubbed INTEGER NOT NULL
);
",
    "
CREATE TABLE jobs (
    id         BLOB PRIMARY KEY,
    job        TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    -- NULL once it has ended.
    due_at     INTEGER,
    look_at    INTEGER,
    expires_at INTEGER
) WITHOUT ROWID;
CREATE INDEX jobs_by_look ON jobs (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX idempotency_of_run ON idempotency (run);
-- Earlier entries stay for a year, which is the default.
ALTER TABLE key_audit ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;
UPDATE key_audit SET expires_at = at + 31536000000;
",
    "
-- Whose work it is: the key of a run, the receiving host of a delivery. Groups take turns.
ALTER TABLE open_runs ADD COLUMN work_group TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN work_group TEXT NOT NULL DEFAULT '';
DROP INDEX open_runs_by_look;
DROP INDEX deliveries_by_look;
CREATE INDEX open_runs_by_group ON open_runs (work_group, look_at);
CREATE INDEX deliveries_by_group ON deliveries (work_group, look_at) WHERE look_at IS NOT NULL;
",
    "
-- All attempts; `attempts` holds the last ones.
ALTER TABLE deliveries ADD COLUMN attempts_made INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET attempts_made = json_array_length(attempts);
",
    "
-- Hosts without a success since. Enabling one deletes its row.
CREATE TABLE failing_receivers (
    workflow_uid TEXT NOT NULL,
    receiver     TEXT NOT NULL,
    since        INTEGER NOT NULL,
    disabled_at  INTEGER,
    PRIMARY KEY (workflow_uid, receiver)
) WITHOUT ROWID;
",
    "
CREATE TABLE questions (
    run      BLOB NOT NULL,
    place    TEXT NOT NULL,
    question TEXT NOT NULL,
    answer   TEXT,
    PRIMARY KEY (run, place)
) WITHOUT ROWID;
-- How many questions a run has asked, and how many of them were answered.
ALTER TABLE open_runs ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE open_runs ADD COLUMN answers INTEGER NOT NULL DEFAULT 0;
",
    "
-- Files. Their bytes lie beside the database, in the folder `files`.
CREATE TABLE files (
    id         BLOB PRIMARY KEY,
    name       TEXT NOT NULL,
    type       TEXT NOT NULL,
    size       INTEGER NOT NULL,
    sha256     TEXT NOT NULL,
    -- Its bytes are there, all of them.
    whole      INTEGER NOT NULL DEFAULT 0,
    -- It is being deleted: nobody gets it any more.
    going      INTEGER NOT NULL DEFAULT 0,
    made_by    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When its last owner may be gone; NULL: a stored run owns it.
    look_at    INTEGER
) WITHOUT ROWID;
CREATE INDEX files_by_look ON files (look_at) WHERE look_at IS NOT NULL;
CREATE TABLE file_owners (
    run   BLOB NOT NULL,
    file  BLOB NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (run, file)
) WITHOUT ROWID;
CREATE INDEX file_owners_by_file ON file_owners (file);
",
    "
-- Of the active versions. `due_at` is the next tick.
CREATE TABLE schedules (
    uid      TEXT NOT NULL,
    number   INTEGER NOT NULL,
    schedule TEXT NOT NULL,
    last     TEXT,
    revision INTEGER NOT NULL,
    due_at   INTEGER,
    look_at  INTEGER,
    PRIMARY KEY (uid, number)
);
CREATE INDEX schedules_by_look ON schedules (look_at) WHERE look_at IS NOT NULL;
",
    "
-- What the runs came to that ended in an hour.
CREATE TABLE rollups (
    workflow_uid TEXT NOT NULL,
    hour         INTEGER NOT NULL,
    rollup       TEXT NOT NULL,
    PRIMARY KEY (workflow_uid, hour)
) WITHOUT ROWID;
CREATE INDEX rollups_by_hour ON rollups (hour);
-- What the runs of a key have spent in a period, and which calls are in it.
CREATE TABLE key_spending (
    key         TEXT NOT NULL,
    since       INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    tokens      INTEGER NOT NULL,
    nano_usd    INTEGER NOT NULL,
    tokens_unmetered INTEGER NOT NULL,
    cost_unmetered   INTEGER NOT NULL,
    unknown     INTEGER NOT NULL,
    PRIMARY KEY (key, since)
) WITHOUT ROWID;
CREATE TABLE spent_calls (
    run  BLOB NOT NULL,
    call TEXT NOT NULL,
    PRIMARY KEY (run, call)
) WITHOUT ROWID;
",
    "
CREATE TABLE sessions (
    uid        TEXT NOT NULL,
    id         TEXT NOT NULL,
    user       TEXT,
    revision   INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    session    TEXT NOT NULL,
    PRIMARY KEY (uid, id)
);
CREATE INDEX sessions_of_user ON sessions (uid, user);
CREATE INDEX sessions_expired ON sessions (expires_at);
-- The writes that were applied, so that none is applied twice.
CREATE TABLE session_writes (
    uid  TEXT NOT NULL,
    id   TEXT NOT NULL,
    mark TEXT NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (uid, id, mark)
) WITHOUT ROWID;
CREATE INDEX session_writes_at ON session_writes (at);
CREATE TABLE knowledge_stores (
    id     TEXT PRIMARY KEY,
    uid    TEXT NOT NULL,
    head   TEXT NOT NULL,
    -- Those of its sources.
    chunks INTEGER NOT NULL
);
CREATE INDEX knowledge_stores_of ON knowledge_stores (uid);
CREATE TABLE knowledge_sources (
    store   TEXT NOT NULL,
    source  TEXT NOT NULL,
    version TEXT NOT NULL,
    chunks  INTEGER NOT NULL,
    user    TEXT,
    PRIMARY KEY (store, source)
);
-- Parts of versions of sources. Those that no source names are not found.
CREATE TABLE knowledge_parts (
    store   TEXT NOT NULL,
    version TEXT NOT NULL,
    number  INTEGER NOT NULL,
    user    TEXT,
    vectors BLOB NOT NULL,
    chunks  TEXT NOT NULL,
    PRIMARY KEY (store, version, number)
);
CREATE INDEX knowledge_parts_of_user ON knowledge_parts (store, user);
",
    "
-- The runs of a user, and those that failed with a code or at a node. Others are in none of these.
CREATE INDEX runs_of_user ON runs (workflow_uid, user, id) WHERE user IS NOT NULL;
CREATE INDEX runs_by_code ON runs (workflow_uid, ending ->> '$.error.code', id)
    WHERE state = 'failed';
CREATE INDEX runs_by_node ON runs (workflow_uid, ending ->> '$.error.node', id)
    WHERE state = 'failed';
",
    "
-- What lists over all workflows filter by. The index holds it all: they read no row that they skip.
CREATE INDEX runs_over_all ON runs (
    id, workflow_uid, state, user, head ->> '$.version', head ->> '$.key_id',
    ending ->> '$.error.code', ending ->> '$.error.node',
    (ending ->> '$.ended_at') - (ending ->> '$.started_at')
);
CREATE INDEX deliveries_over_all ON deliveries (created_at, id, workflow_uid, state);
-- When it was asked, until it is answered or its run has ended.
ALTER TABLE questions ADD COLUMN open_since INTEGER;
UPDATE questions SET open_since = question ->> '$.asked_at'
    WHERE answer IS NULL AND run IN (SELECT run FROM open_runs);
CREATE INDEX open_questions ON questions (open_since, run, place) WHERE open_since NOT NULL;
",
    "
-- The value of such a secret is the key that its login is sealed with; this is the key's id.
ALTER TABLE secrets ADD COLUMN login TEXT;
CREATE TABLE logins (
    name     TEXT NOT NULL,
    key_id   TEXT NOT NULL,
    revision INTEGER NOT NULL,
    info     TEXT NOT NULL,
    sealed   TEXT NOT NULL,
    lease    TEXT,
    PRIMARY KEY (name, key_id)
) WITHOUT ROWID;
-- Logins that began in a browser, by a hash of what it carries.
CREATE TABLE begun_logins (
    state   TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    sealed  TEXT NOT NULL,
    ends_at INTEGER NOT NULL
) WITHOUT ROWID;
",
    "
-- What lists of runs filter by, beside head and ending that have it, too: an index over parts of
-- JSON parses them again and again. The last three are NULL until the run has ended.
ALTER TABLE runs ADD COLUMN version TEXT;
ALTER TABLE runs ADD COLUMN key_id TEXT;
ALTER TABLE runs ADD COLUMN error_code TEXT;
ALTER TABLE runs ADD COLUMN error_node TEXT;
ALTER TABLE runs ADD COLUMN duration_ms INTEGER;
DROP INDEX runs_over_all;
DROP INDEX runs_by_code;
DROP INDEX runs_by_node;
UPDATE runs SET version = head ->> '$.version', key_id = head ->> '$.key_id',
    error_code = ending ->> '$.error.code', error_node = ending ->> '$.error.node',
    duration_ms = (ending ->> '$.ended_at') - (ending ->> '$.started_at');
CREATE INDEX runs_by_code ON runs (workflow_uid, error_code, id) WHERE state = 'failed';
CREATE INDEX runs_by_node ON runs (workflow_uid, error_node, id) WHERE state = 'failed';
CREATE INDEX runs_over_all ON runs (
    id, workflow_uid, state, user, version, key_id, error_code, error_node, duration_ms
);
",
    "
-- NULL: the name in the record.
ALTER TABLE keys ADD COLUMN name TEXT;
ALTER TABLE keys ADD COLUMN refused_at INTEGER;
ALTER TABLE keys ADD COLUMN refused_code TEXT;
",
    "
-- The key on whose behalf callers without a key run it.
ALTER TABLE workflows ADD COLUMN public_as TEXT;
CREATE INDEX public_workflows ON workflows (public_as, id) WHERE public_as NOT NULL;
",
];
