-- What the station remembers. Rules that must hold whatever program writes here are part of the schema itself.
-- Times named *_us are microseconds since 1970, UTC. Hashes are SHA-256 in lower-case hex.

-- Every unit that was ever seen with a valid identity. A device id is given once and for good.
CREATE TABLE units (
    number        INTEGER PRIMARY KEY,
    imei          TEXT NOT NULL UNIQUE CHECK (length(imei) = 15 AND imei NOT GLOB '*[^0-9]*'),
    fsn           TEXT NOT NULL UNIQUE CHECK (length(fsn) BETWEEN 1 AND 14 AND fsn NOT GLOB '*[^A-Z0-9]*'),
    model         TEXT,
    firmware      TEXT,
    agent_version TEXT,
    keystore      TEXT,
    device_id     TEXT UNIQUE CHECK (device_id <> ''),
    provisioned   INTEGER NOT NULL DEFAULT 0 CHECK (provisioned IN (0, 1)),
    first_seen_us INTEGER NOT NULL CHECK (first_seen_us > 0),
    last_seen_us  INTEGER NOT NULL CHECK (last_seen_us > 0),
    CHECK (provisioned = 0 OR device_id IS NOT NULL)
) STRICT;

-- One row a job: the head is written when it begins, the rest when it ends. The columns imei to device_id are what the
-- unit said of itself, kept also when that was refused; unit is the unit that the job was bound to.
CREATE TABLE jobs (
    number              INTEGER PRIMARY KEY,
    id                  TEXT NOT NULL UNIQUE CHECK (length(id) >= 8 AND id = lower(id)),
    batch               TEXT,
    station             TEXT NOT NULL,
    slot                TEXT NOT NULL,
    product             TEXT NOT NULL,
    operator            TEXT,
    work_order          TEXT,
    label               TEXT,
    reprovision_reason  TEXT,
    program             TEXT NOT NULL,
    started_us          INTEGER NOT NULL CHECK (started_us > 0),
    ended_us            INTEGER CHECK (ended_us > 0),
    unit                TEXT REFERENCES units (imei),
    imei                TEXT,
    fsn                 TEXT,
    model               TEXT,
    firmware            TEXT,
    agent_version       TEXT,
    keystore            TEXT,
    boot_id             TEXT,
    device_id           TEXT,
    outcome             TEXT NOT NULL DEFAULT 'RUNNING'
                        CHECK (outcome IN ('RUNNING', 'PASS', 'FAIL', 'ERROR', 'TIMEOUT', 'ABORTED')),
    code                TEXT CHECK (code <> ''),
    detail              TEXT,
    first_code          TEXT CHECK (first_code <> ''),
    already_provisioned INTEGER NOT NULL DEFAULT 0 CHECK (already_provisioned IN (0, 1)),
    resumed             INTEGER NOT NULL DEFAULT 0 CHECK (resumed IN (0, 1)),
    certificate         TEXT REFERENCES certificates (sha256),
    CHECK ((outcome = 'RUNNING') = (ended_us IS NULL)),
    CHECK ((outcome IN ('RUNNING', 'PASS')) = (code IS NULL)),
    CHECK (outcome <> 'PASS' OR (unit IS NOT NULL AND certificate IS NOT NULL AND detail IS NULL))
) STRICT;

CREATE INDEX jobs_started ON jobs (started_us);
CREATE INDEX jobs_imei ON jobs (imei);
CREATE INDEX jobs_fsn ON jobs (fsn);
CREATE INDEX jobs_device_id ON jobs (device_id);
CREATE INDEX jobs_unit ON jobs (unit);
CREATE INDEX jobs_certificate ON jobs (certificate);
CREATE INDEX jobs_operator ON jobs (operator, started_us);
CREATE INDEX jobs_work_order ON jobs (work_order, started_us);
CREATE INDEX jobs_outcome ON jobs (outcome, started_us);

CREATE TABLE steps (
    job         TEXT NOT NULL REFERENCES jobs (id),
    position    INTEGER NOT NULL CHECK (position >= 0),
    step        TEXT NOT NULL CHECK (step <> ''),
    attempt     INTEGER NOT NULL CHECK (attempt >= 1),
    outcome     TEXT NOT NULL CHECK (outcome IN ('PASS', 'FAIL', 'ERROR', 'TIMEOUT', 'ABORTED')),
    code        TEXT CHECK (code <> ''),
    detail      TEXT,
    start_us    INTEGER NOT NULL CHECK (start_us >= 0),
    duration_us INTEGER NOT NULL CHECK (duration_us >= 0),
    device_us   INTEGER NOT NULL CHECK (device_us >= 0),
    store_us    INTEGER NOT NULL CHECK (store_us >= 0),
    PRIMARY KEY (job, position),
    CHECK ((outcome = 'PASS') = (code IS NULL))
) STRICT, WITHOUT ROWID;

-- Apart from the jobs, so that a listing of jobs need not read past them.
CREATE TABLE transcripts (
    job  TEXT NOT NULL PRIMARY KEY REFERENCES jobs (id),
    text TEXT NOT NULL
) STRICT;

-- Every key that a unit was ever seen to hold. One key belongs to one unit for ever.
CREATE TABLE keys (
    number      INTEGER PRIMARY KEY,
    spki_sha256 TEXT NOT NULL UNIQUE CHECK (length(spki_sha256) = 64 AND spki_sha256 NOT GLOB '*[^0-9a-f]*'),
    imei        TEXT NOT NULL REFERENCES units (imei),
    backend     TEXT NOT NULL CHECK (backend <> ''),
    job         TEXT NOT NULL REFERENCES jobs (id),
    made_us     INTEGER NOT NULL CHECK (made_us > 0),
    retired_us  INTEGER CHECK (retired_us > 0),
    status      TEXT NOT NULL GENERATED ALWAYS AS (iif(retired_us IS NULL, 'held', 'retired')) VIRTUAL,
    UNIQUE (spki_sha256, imei)
) STRICT;

CREATE INDEX keys_of_unit ON keys (imei);

-- Units that came with a key that was already another unit's.
CREATE TABLE key_collisions (
    number      INTEGER PRIMARY KEY,
    spki_sha256 TEXT NOT NULL REFERENCES keys (spki_sha256),
    imei        TEXT NOT NULL REFERENCES units (imei),
    backend     TEXT NOT NULL,
    job         TEXT NOT NULL REFERENCES jobs (id),
    seen_us     INTEGER NOT NULL CHECK (seen_us > 0)
) STRICT;

-- Acts that can't be undone or repeated blindly, written before they are begun. Closed ones stay, as history.
CREATE TABLE intents (
    number    INTEGER PRIMARY KEY,
    imei      TEXT NOT NULL REFERENCES units (imei),
    kind      TEXT NOT NULL CHECK (kind IN ('KEY', 'ISSUE', 'REPROVISION', 'LOCK')),
    job       TEXT NOT NULL REFERENCES jobs (id),
    detail    TEXT NOT NULL,
    opened_us INTEGER NOT NULL CHECK (opened_us > 0),
    closed_us INTEGER CHECK (closed_us > 0),
    closed    TEXT CHECK (closed IN ('done', 'replaced')),
    CHECK ((closed_us IS NULL) = (closed IS NULL))
) STRICT;

CREATE UNIQUE INDEX intents_open ON intents (imei, kind) WHERE closed_us IS NULL;

-- The ledger: every certificate that was ever issued and accepted. One of a unit's certificates is live at most.
CREATE TABLE certificates (
    number           INTEGER PRIMARY KEY,
    sha256           TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    imei             TEXT NOT NULL REFERENCES units (imei),
    spki_sha256      TEXT NOT NULL,
    csr_sha256       TEXT NOT NULL CHECK (length(csr_sha256) = 64 AND csr_sha256 NOT GLOB '*[^0-9a-f]*'),
    job              TEXT NOT NULL REFERENCES jobs (id),
    serial           TEXT NOT NULL CHECK (serial <> '' AND serial NOT GLOB '*[^0-9a-f]*'),
    subject          TEXT NOT NULL,
    issuer           TEXT NOT NULL,
    not_before       INTEGER NOT NULL,
    not_after        INTEGER NOT NULL,
    der              BLOB NOT NULL CHECK (length(der) > 0),
    chain            TEXT NOT NULL,
    issued_us        INTEGER NOT NULL CHECK (issued_us > 0),
    superseded_us    INTEGER CHECK (superseded_us > 0),
    supersede_reason TEXT CHECK (supersede_reason <> ''),
    revoked_us       INTEGER CHECK (revoked_us > 0),
    revoke_reason    TEXT CHECK (revoke_reason <> ''),
    status           TEXT NOT NULL GENERATED ALWAYS AS (CASE
                         WHEN revoked_us IS NOT NULL THEN 'revoked'
                         WHEN superseded_us IS NOT NULL THEN 'superseded'
                         ELSE 'live' END) VIRTUAL,
    UNIQUE (issuer, serial),
    FOREIGN KEY (spki_sha256, imei) REFERENCES keys (spki_sha256, imei),
    CHECK (not_before < not_after),
    CHECK ((superseded_us IS NULL) = (supersede_reason IS NULL)),
    CHECK ((revoked_us IS NULL) = (revoke_reason IS NULL))
) STRICT;

CREATE UNIQUE INDEX certificates_live ON certificates (imei) WHERE superseded_us IS NULL AND revoked_us IS NULL;
CREATE INDEX certificates_of_unit ON certificates (imei);
CREATE INDEX certificates_serial ON certificates (serial);

-- The bootstrapping registration table, field by field as the first-boot system reads it, and nothing else. Which unit a
-- device id belongs to is in units.
CREATE TABLE registration (
    device      TEXT NOT NULL PRIMARY KEY REFERENCES units (device_id),
    registered  TEXT NOT NULL DEFAULT 'false' CHECK (registered IN ('false', 'requested', 'ok')),
    policy      TEXT NOT NULL,
    firmware    TEXT NOT NULL,
    parameters  TEXT NOT NULL CHECK (json_valid(parameters)),
    version     INTEGER NOT NULL DEFAULT 0 CHECK (version >= 0),
    connections INTEGER NOT NULL DEFAULT 0 CHECK (connections >= 0)
) STRICT;

-- Numbers that are never handed out twice: 'device' for device ids, 'number' for others (CRL), 'test' for the self-test.
CREATE TABLE counters (
    purpose TEXT NOT NULL CHECK (purpose IN ('device', 'number', 'test')),
    name    TEXT NOT NULL CHECK (name <> ''),
    value   INTEGER NOT NULL CHECK (value > 0),
    PRIMARY KEY (purpose, name)
) STRICT, WITHOUT ROWID;

-- What was given, issued or recorded once is never taken back.
CREATE TRIGGER unit_identity_is_for_good BEFORE UPDATE OF imei, fsn, device_id, first_seen_us ON units
WHEN NEW.imei IS NOT OLD.imei OR NEW.fsn IS NOT OLD.fsn OR NEW.first_seen_us IS NOT OLD.first_seen_us
    OR (OLD.device_id IS NOT NULL AND NEW.device_id IS NOT OLD.device_id)
BEGIN
    SELECT raise(ABORT, 'a unit''s identity and device id are for good');
END;

CREATE TRIGGER jobs_begin_running BEFORE INSERT ON jobs WHEN NEW.outcome <> 'RUNNING'
BEGIN
    SELECT raise(ABORT, 'a job begins as RUNNING');
END;

CREATE TRIGGER ended_jobs_are_final BEFORE UPDATE ON jobs WHEN OLD.outcome <> 'RUNNING'
BEGIN
    SELECT raise(ABORT, 'the record of an ended job is final');
END;

CREATE TRIGGER pass_needs_live_certificate BEFORE UPDATE OF outcome ON jobs
WHEN NEW.outcome = 'PASS' AND NOT EXISTS (
    SELECT 1 FROM certificates
    WHERE sha256 = NEW.certificate AND imei = NEW.unit AND superseded_us IS NULL AND revoked_us IS NULL)
BEGIN
    SELECT raise(ABORT, 'PASS needs the unit''s live certificate');
END;

CREATE TRIGGER pass_needs_registration BEFORE UPDATE OF outcome ON jobs
WHEN NEW.outcome = 'PASS' AND NOT EXISTS (
    SELECT 1 FROM units JOIN registration ON device = device_id WHERE imei = NEW.unit)
BEGIN
    SELECT raise(ABORT, 'PASS needs the unit''s registration row');
END;

CREATE TRIGGER pass_needs_closed_intents BEFORE UPDATE OF outcome ON jobs
WHEN NEW.outcome = 'PASS' AND EXISTS (
    SELECT 1 FROM intents WHERE imei = NEW.unit AND kind <> 'LOCK' AND closed_us IS NULL)
BEGIN
    SELECT raise(ABORT, 'PASS needs every begun act of the unit to be done');
END;

CREATE TRIGGER keys_stay BEFORE DELETE ON keys
BEGIN
    SELECT raise(ABORT, 'a key that was seen is never forgotten');
END;

CREATE TRIGGER key_owner_is_for_good BEFORE UPDATE OF spki_sha256, imei ON keys
BEGIN
    SELECT raise(ABORT, 'a key belongs to one unit for ever');
END;

CREATE TRIGGER certificates_stay BEFORE DELETE ON certificates
BEGIN
    SELECT raise(ABORT, 'the ledger only grows');
END;

CREATE TRIGGER certificates_are_for_good
BEFORE UPDATE OF sha256, imei, spki_sha256, csr_sha256, job, serial, subject, issuer, not_before, not_after, der, chain,
    issued_us ON certificates
BEGIN
    SELECT raise(ABORT, 'an issued certificate never changes');
END;

CREATE TRIGGER certificates_end_once BEFORE UPDATE OF superseded_us, supersede_reason, revoked_us, revoke_reason
ON certificates
WHEN (OLD.superseded_us IS NOT NULL AND (NEW.superseded_us IS NOT OLD.superseded_us
        OR NEW.supersede_reason IS NOT OLD.supersede_reason))
    OR (OLD.revoked_us IS NOT NULL AND (NEW.revoked_us IS NOT OLD.revoked_us
        OR NEW.revoke_reason IS NOT OLD.revoke_reason OR NEW.superseded_us IS NOT OLD.superseded_us))
BEGIN
    SELECT raise(ABORT, 'a certificate is superseded or revoked once');
END;

CREATE TRIGGER counters_only_grow BEFORE UPDATE ON counters
WHEN NEW.value <= OLD.value OR NEW.purpose IS NOT OLD.purpose OR NEW.name IS NOT OLD.name
BEGIN
    SELECT raise(ABORT, 'a number is never handed out twice');
END;

CREATE TRIGGER counters_stay BEFORE DELETE ON counters
BEGIN
    SELECT raise(ABORT, 'a number is never handed out twice');
END;
