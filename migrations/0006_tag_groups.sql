DROP INDEX pulls_summary;
DROP INDEX reports_summary;

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
    FROM pulls WHERE is_reported = 0 AND instr(reference, ':') = 0
    GROUP BY repository, reference, kind, digest, fetched, resolves > 0
    UNION ALL SELECT repository, reference, 1, '', '', '', 0, coalesce(running, ''), refused IS NOT NULL, count(*)
    FROM reports WHERE instr(reference, ':') = 0 GROUP BY repository, reference, running, refused IS NOT NULL;
