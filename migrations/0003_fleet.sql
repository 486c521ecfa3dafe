-- Who read what. Rows are written behind the reads, a batch at a time, and the oldest go first.
CREATE TABLE agents (
    id       INTEGER PRIMARY KEY,
    -- A node id, or an address and a kind of client.
    name     TEXT    NOT NULL UNIQUE,
    kind     TEXT    NOT NULL,
    first_us INTEGER NOT NULL,
    last_us  INTEGER NOT NULL
) STRICT;
CREATE INDEX agents_last ON agents (last_us);

CREATE TABLE pulls (
    agent_id    INTEGER NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    repository  TEXT    NOT NULL,
    -- A tag or a digest, as it was asked for.
    reference   TEXT    NOT NULL,
    first_us    INTEGER NOT NULL,
    last_us     INTEGER NOT NULL,
    -- How often it was asked for, and answered.
    resolves    INTEGER NOT NULL,
    -- What the last answer was, and with which manifest.
    status      INTEGER NOT NULL,
    digest      TEXT,
    -- How often its module was read after that, when last, of which manifest, and how many bytes of it in all.
    fetches     INTEGER NOT NULL,
    fetched_us  INTEGER,
    fetched     TEXT,
    bytes       INTEGER NOT NULL,
    PRIMARY KEY (agent_id, repository, reference)
) STRICT, WITHOUT ROWID;
CREATE INDEX pulls_reference ON pulls (repository, reference, agent_id);
