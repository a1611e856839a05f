"""The journal's tables. `user_version` counts the migrations that were applied."""

MIGRATIONS = [
    """
    CREATE TABLE files (             -- a file that is not in the bucket as it should be
        id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: staging files carry it
        key         TEXT NOT NULL,   -- its name now; follows renames
        base_key    TEXT,            -- the object version an edit is based on, all three or none
        base_etag   TEXT,
        base_size   INTEGER,
        staging     TEXT,            -- file in staging/; NULL: only attributes changed
        created_ns  INTEGER NOT NULL,-- when the first byte or attribute changed
        state       TEXT NOT NULL,   -- draft, promised, conflict, unlinked
        generation  INTEGER NOT NULL,-- the promised one; 0 for a draft
        size        INTEGER,         -- of the promised content, bytes
        present     TEXT,            -- extents that are in the staging file, [[start, stop], …]
        dirty       TEXT,            -- those of them that are not in the base
        base_limit  INTEGER,         -- the base shows through below this offset
        content_type TEXT,           -- of the object to be made
        metadata    TEXT NOT NULL,   -- user metadata of it, {"name": "value"}; names that
                                     -- begin with a colon are standard headers (Expires …)
        error       TEXT NOT NULL,   -- why the last attempt failed; empty: no failure
        boot        TEXT             -- the promise holds in this boot of the machine only: its
                                     -- bytes are not synced; NULL: they are
    );
    CREATE TABLE uploads (           -- the multipart upload of a file, at most one each
        row         INTEGER PRIMARY KEY AUTOINCREMENT, -- this and all ids are never used twice:
                                     -- who has one may speak of it when another row is there
        file        INTEGER NOT NULL UNIQUE REFERENCES files ON DELETE CASCADE,
        key         TEXT NOT NULL,   -- the key it was started for
        generation  INTEGER NOT NULL,-- the one that Complete was sent for; 0: it was not
        part_size   INTEGER NOT NULL,-- of the first part: fixes where every part begins
        state       TEXT NOT NULL,   -- planned, started, completing
        planned_ns  INTEGER NOT NULL,-- before CreateUpload was sent
        upload_id   TEXT,            -- the store's; NULL while planned
        crc64       TEXT             -- of the whole object, when completing; NULL: not known
    );
    CREATE TABLE parts (             -- parts the store has acknowledged
        upload      INTEGER NOT NULL REFERENCES uploads ON DELETE CASCADE,
        number      INTEGER NOT NULL,
        size        INTEGER NOT NULL,
        etag        TEXT NOT NULL,
        crc64       TEXT,            -- of the bytes sent; NULL: copied on the server
        PRIMARY KEY (upload, number)
    ) WITHOUT ROWID;
    CREATE TABLE moves (             -- renames that take several requests
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        source      TEXT NOT NULL,   -- key, or prefix that ends in a slash
        etag        TEXT NOT NULL,   -- of the source, one object; empty: a prefix
        target      TEXT NOT NULL,
        is_prefix   INTEGER NOT NULL,
        is_copied   INTEGER NOT NULL,-- 1: all is at the target, the source may be deleted
        content_type TEXT,           -- attributes that go with the copy of a file …
        metadata    TEXT,            -- … NULL: those of the source
        upload_key  TEXT,            -- the object that is being copied in parts; NULL: none
        upload_planned_ns INTEGER,   -- before CreateUpload was sent
        upload_id   TEXT             -- the store's; NULL while planned
    );
    CREATE TABLE deletions (         -- unlinked while open: deleted at the last close
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        key         TEXT NOT NULL,
        etag        TEXT NOT NULL    -- the version meant; another one there is not ours to delete;
                                     -- empty: the key is ours alone, whatever is there goes
    );
    """,
    """
    -- headers that were sent with CreateUpload; metadata NULL: those of the file
    ALTER TABLE uploads ADD COLUMN content_type TEXT;
    ALTER TABLE uploads ADD COLUMN metadata TEXT;
    -- 1: the object to be made must not replace another
    ALTER TABLE files ADD COLUMN exclusive INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE aborts (            -- uploads that nobody needs any more
        id          INTEGER PRIMARY KEY, -- its row in uploads: who began it may still say more
        key         TEXT NOT NULL,
        planned_ns  INTEGER NOT NULL,-- before CreateUpload was sent
        upload_id   TEXT             -- the store's; NULL: its answer never came
    );
    """,
    """
    CREATE TABLE markers (           -- attributes of directories that are not in the bucket yet
        key         TEXT PRIMARY KEY,-- ends in a slash
        content_type TEXT,
        metadata    TEXT NOT NULL    -- as in files
    ) WITHOUT ROWID;
    """,
]
