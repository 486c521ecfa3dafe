-- Where each webhook stands. Events are its queue: all behind the cursor are still to be delivered.
CREATE TABLE webhooks (
    name            TEXT    PRIMARY KEY,
    -- The id of the last event that is done with.
    cursor          INTEGER NOT NULL,
    -- How often the next one was tried, when it is tried again, and why it failed last.
    attempts        INTEGER NOT NULL,
    next_attempt_us INTEGER,
    last_error      TEXT,
    delivered_us    INTEGER
) STRICT, WITHOUT ROWID;

-- What was given up on. The newest of each webhook are kept.
CREATE TABLE dead_letters (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook     TEXT    NOT NULL,
    died_us     INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    error       TEXT    NOT NULL,
    -- How many events went, the last of them the one numbered so, before they could be tried; 0 for one that was tried.
    lost        INTEGER NOT NULL,
    event_id    INTEGER NOT NULL,
    -- The event, column by column, as the table of events has it; NULL where `lost` is not 0.
    happened_us INTEGER,
    kind        TEXT,
    repository  TEXT,
    tag         TEXT,
    digest      TEXT,
    previous    TEXT,
    actor       TEXT
) STRICT;
CREATE INDEX dead_letters_webhook ON dead_letters (webhook, id);
