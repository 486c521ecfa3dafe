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

-- How many have the same of a tag, counted as `pulls` and `reports` change: to count a large fleet anew takes half a second.
-- What is not known is empty.
CREATE TABLE tag_groups (
    repository  TEXT    NOT NULL,
    tag         TEXT    NOT NULL,
    -- Whether it is of `reports`, and then `running` and `refused` count, or of the `pulls` that are not reported, with the rest.
    is_reported INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    digest      TEXT    NOT NULL,
    fetched     TEXT    NOT NULL,
    is_resolved INTEGER NOT NULL,
    running     TEXT    NOT NULL,
    is_refused  INTEGER NOT NULL,
    agents      INTEGER NOT NULL,
    PRIMARY KEY (repository, tag, is_reported, kind, digest, fetched, is_resolved, running, is_refused)
) STRICT, WITHOUT ROWID;

-- What is inserted here is added there.
CREATE VIEW tag_group_changes AS SELECT * FROM tag_groups;
CREATE TRIGGER tag_group_change INSTEAD OF INSERT ON tag_group_changes WHEN instr(new.tag, ':') = 0
BEGIN
    INSERT INTO tag_groups VALUES (new.repository, new.tag, new.is_reported, new.kind, coalesce(new.digest, ''),
        coalesce(new.fetched, ''), new.is_resolved, coalesce(new.running, ''), new.is_refused, new.agents)
    ON CONFLICT DO UPDATE SET agents = agents + excluded.agents;
    DELETE FROM tag_groups WHERE (repository, tag, is_reported, kind, digest, fetched, is_resolved, running, is_refused)
        = (new.repository, new.tag, new.is_reported, new.kind, coalesce(new.digest, ''), coalesce(new.fetched, ''),
           new.is_resolved, coalesce(new.running, ''), new.is_refused) AND agents = 0;
END;

CREATE TRIGGER pull_came AFTER INSERT ON pulls WHEN new.is_reported = 0
BEGIN
    INSERT INTO tag_group_changes
        VALUES (new.repository, new.reference, 0, new.kind, new.digest, new.fetched, new.resolves > 0, NULL, 0, 1);
END;
CREATE TRIGGER pull_went AFTER DELETE ON pulls WHEN old.is_reported = 0
BEGIN
    INSERT INTO tag_group_changes
        VALUES (old.repository, old.reference, 0, old.kind, old.digest, old.fetched, old.resolves > 0, NULL, 0, -1);
END;
CREATE TRIGGER pull_changed AFTER UPDATE OF is_reported, kind, digest, fetched, resolves ON pulls
    WHEN (old.is_reported, old.kind, old.digest, old.fetched, old.resolves > 0)
        IS NOT (new.is_reported, new.kind, new.digest, new.fetched, new.resolves > 0)
BEGIN
    INSERT INTO tag_group_changes
        SELECT old.repository, old.reference, 0, old.kind, old.digest, old.fetched, old.resolves > 0, NULL, 0, -1
        WHERE old.is_reported = 0;
    INSERT INTO tag_group_changes
        SELECT new.repository, new.reference, 0, new.kind, new.digest, new.fetched, new.resolves > 0, NULL, 0, 1
        WHERE new.is_reported = 0;
END;

CREATE TRIGGER report_came AFTER INSERT ON reports
BEGIN
    INSERT INTO tag_group_changes
        VALUES (new.repository, new.reference, 1, '', NULL, NULL, 0, new.running, new.refused IS NOT NULL, 1);
END;
CREATE TRIGGER report_went AFTER DELETE ON reports
BEGIN
    INSERT INTO tag_group_changes
        VALUES (old.repository, old.reference, 1, '', NULL, NULL, 0, old.running, old.refused IS NOT NULL, -1);
END;
CREATE TRIGGER report_changed AFTER UPDATE OF running, refused ON reports
    WHEN (old.running, old.refused IS NULL) IS NOT (new.running, new.refused IS NULL)
BEGIN
    INSERT INTO tag_group_changes
        VALUES (old.repository, old.reference, 1, '', NULL, NULL, 0, old.running, old.refused IS NOT NULL, -1);
    INSERT INTO tag_group_changes
        VALUES (new.repository, new.reference, 1, '', NULL, NULL, 0, new.running, new.refused IS NOT NULL, 1);
END;
INSERT INTO tag_groups
    SELECT repository, reference, 0, kind, coalesce(digest, ''), coalesce(fetched, ''), resolves > 0, '', 0, count(*)
    FROM pulls WHERE instr(reference, ':') = 0
    GROUP BY repository, reference, kind, digest, fetched, resolves > 0;
