-- What happened, in the order of its ids, which are never given twice; the oldest rows go first.
CREATE TABLE events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    happened_us INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    repository  TEXT    NOT NULL,
    tag         TEXT,
    -- What was pushed, or what the tag names from then on.
    digest      TEXT,
    -- What the tag named before, or what was deleted.
    previous    TEXT,
    actor       TEXT    NOT NULL
) STRICT;
