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
    repository TEXT    NOT NULL,
    reference  TEXT    NOT NULL,
    agent_id   INTEGER NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
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
    PRIMARY KEY (repository, reference, agent_id, namespace, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX reports_agent ON reports (agent_id);
-- All that the summary of a tag needs, in the order of its groups.
CREATE INDEX reports_summary ON reports (repository, reference, running, (refused IS NOT NULL));

-- Reads by what was read: most questions are about a tag.
CREATE TABLE pulls_by_place (
    repository  TEXT    NOT NULL,
    -- A tag or a digest, as it was asked for.
    reference   TEXT    NOT NULL,
    agent_id    INTEGER NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    -- The agent's, once more.
    kind        TEXT    NOT NULL,
    -- Whether `reports` has it too.
    is_reported INTEGER NOT NULL,
    first_us    INTEGER NOT NULL,
    last_us     INTEGER NOT NULL,
    -- How often it was asked for, and answered; never, where it was only reported.
    resolves    INTEGER NOT NULL,
    -- What the last answer was, and with which manifest.
    status      INTEGER NOT NULL,
    digest      TEXT,
    -- How often its module was read after that, when last, of which manifest, and how many bytes of it in all.
    fetches     INTEGER NOT NULL,
    fetched_us  INTEGER,
    fetched     TEXT,
    bytes       INTEGER NOT NULL,
    PRIMARY KEY (repository, reference, agent_id)
) STRICT, WITHOUT ROWID;
INSERT INTO pulls_by_place
    SELECT p.repository, p.reference, p.agent_id, a.kind, 0, p.first_us, p.last_us, p.resolves, p.status, p.digest,
           p.fetches, p.fetched_us, p.fetched, p.bytes
    FROM pulls AS p JOIN agents AS a ON a.id = p.agent_id;
DROP TABLE pulls;
ALTER TABLE pulls_by_place RENAME TO pulls;
CREATE INDEX pulls_agent ON pulls (agent_id, repository);
CREATE INDEX pulls_last ON pulls (last_us);
CREATE INDEX pulls_summary ON pulls (repository, reference, is_reported, kind, digest, fetched, (resolves > 0));
