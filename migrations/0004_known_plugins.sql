-- WasmPlugins that the registry was told of. Where the URL leads to one of its images, so do repository and reference.
CREATE TABLE known_plugins (
    -- Who told: a directory that is watched, or somebody over the API.
    source     TEXT    NOT NULL CHECK (source IN ('directory', 'api')),
    namespace  TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    url        TEXT    NOT NULL,
    repository TEXT,
    reference  TEXT,
    -- As written; empty where the resource leaves them open.
    policy     TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    phase      TEXT    NOT NULL,
    priority   INTEGER,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (namespace, name, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_plugins_place ON known_plugins (repository, reference);

-- What an agent reports of itself counts until then.
ALTER TABLE agents ADD COLUMN lease_us INTEGER NOT NULL DEFAULT 0;
-- Whether it follows tags that move.
ALTER TABLE agents ADD COLUMN watches INTEGER NOT NULL DEFAULT 0;

-- The plugins that agents report. Each has a row in `pulls` too.
CREATE TABLE reports (
    agent_id   INTEGER NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    repository TEXT    NOT NULL,
    reference  TEXT    NOT NULL,
    namespace  TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    url        TEXT    NOT NULL,
    policy     TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    -- The manifests that it wants and runs, as far as it knows.
    wanted     TEXT,
    running    TEXT,
    -- Why it does not run what it wants.
    refused    TEXT,
    PRIMARY KEY (agent_id, repository, reference, namespace, name)
) STRICT, WITHOUT ROWID;
