-- What the registry knows. Bytes of blobs rest in files; everything else rests here.
-- Times are microseconds since the Unix epoch. Digests are `algorithm:hex`.

CREATE TABLE repositories (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    created_us INTEGER NOT NULL
) STRICT;

-- A row means that the file is complete, verified and synced.
CREATE TABLE blobs (
    digest     TEXT    PRIMARY KEY,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    created_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which repository may serve which blob.
CREATE TABLE repository_blobs (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    digest        TEXT    NOT NULL REFERENCES blobs (digest),
    created_us    INTEGER NOT NULL,
    PRIMARY KEY (repository_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_blobs_digest ON repository_blobs (digest);

CREATE TABLE manifests (
    id            INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    digest        TEXT    NOT NULL,
    media_type    TEXT    NOT NULL,
    artifact_type TEXT,
    subject       TEXT,
    annotations   TEXT    NOT NULL CHECK (json_valid(annotations)),
    bytes         BLOB    NOT NULL,
    created_us    INTEGER NOT NULL,
    UNIQUE (repository_id, digest)
) STRICT;
CREATE INDEX manifests_digest ON manifests (digest);
CREATE INDEX manifests_subject ON manifests (repository_id, subject, digest) WHERE subject IS NOT NULL;

CREATE TABLE tags (
    repository_id INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    digest        TEXT    NOT NULL,
    updated_us    INTEGER NOT NULL,
    PRIMARY KEY (repository_id, name),
    FOREIGN KEY (repository_id, digest) REFERENCES manifests (repository_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_digest ON tags (repository_id, digest);

-- Every move of every tag; digest is NULL where the tag was deleted.
CREATE TABLE tag_history (
    id            INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    name          TEXT    NOT NULL,
    digest        TEXT,
    changed_us    INTEGER NOT NULL,
    changed_by    TEXT    NOT NULL
) STRICT;
CREATE INDEX tag_history_tag ON tag_history (repository_id, name, id);

-- Blobs on their way in. The first `offset_bytes` of the file are hashed into `hash_state`.
CREATE TABLE uploads (
    id           TEXT    PRIMARY KEY,
    repository   TEXT    NOT NULL,
    algorithm    TEXT    NOT NULL,
    offset_bytes INTEGER NOT NULL,
    hash_state   BLOB    NOT NULL,
    created_us   INTEGER NOT NULL,
    touched_us   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_touched ON uploads (touched_us);

-- Wasm modules unpacked from images, kept as blobs that no repository serves.
CREATE TABLE modules (
    manifest_digest TEXT    PRIMARY KEY,
    module_digest   TEXT    NOT NULL REFERENCES blobs (digest),
    -- 32 hex digits, for tools that compare nothing newer.
    md5             TEXT    NOT NULL,
    created_us      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX modules_module_digest ON modules (module_digest);
