-- The journal: what happened, in a chain that can't be edited unseen. db/AUDIT-FORMAT.md says what is in an event, and how
-- others check it. Each event is written in the transaction of what it tells.

CREATE TABLE audit_events (
    n       INTEGER PRIMARY KEY,
    type    TEXT NOT NULL CHECK (type <> ''),
    job     TEXT,
    imei    TEXT,
    time_us INTEGER NOT NULL CHECK (time_us > 0),
    body    TEXT NOT NULL,
    hash    BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX audit_events_job ON audit_events (job) WHERE job IS NOT NULL;
CREATE INDEX audit_events_imei ON audit_events (imei) WHERE imei IS NOT NULL;

CREATE INDEX audit_events_keys ON audit_events (n) WHERE type = 'audit-key';

-- Where the chain ends, and the perfect subtrees of the tree over it, left to right: 32 bytes each. boot and clock_us: in
-- which boot of the computer, and by how much the wall clock was ahead of CLOCK_BOOTTIME, when the last event was written
-- (a clock that was set shows in that).
CREATE TABLE audit_head (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    journal  TEXT NOT NULL,
    n        INTEGER NOT NULL CHECK (n > 0),
    hash     BLOB NOT NULL CHECK (length(hash) = 32),
    frontier BLOB NOT NULL CHECK (length(frontier) % 32 = 0),
    boot     TEXT NOT NULL,
    clock_us INTEGER NOT NULL
) STRICT;

CREATE TABLE audit_checkpoints (
    n         INTEGER PRIMARY KEY,
    body      TEXT NOT NULL,
    signature TEXT NOT NULL
) STRICT;

-- Periods that were closed into a signed archive: events up to and with through may be pruned.
CREATE TABLE audit_periods (
    through         INTEGER PRIMARY KEY REFERENCES audit_checkpoints (n),
    hash            BLOB NOT NULL CHECK (length(hash) = 32),
    frontier        BLOB NOT NULL CHECK (length(frontier) % 32 = 0),
    manifest_sha256 TEXT NOT NULL CHECK (length(manifest_sha256) = 64),
    closed_us       INTEGER NOT NULL CHECK (closed_us > 0)
) STRICT;

CREATE TRIGGER audit_events_go_on BEFORE INSERT ON audit_events
WHEN NEW.n IS NOT 1 + coalesce((SELECT n FROM audit_head), 0)
    OR EXISTS (SELECT 1 FROM audit_events WHERE n = NEW.n)
BEGIN
    SELECT raise(ABORT, 'the journal goes on where it ends');
END;

CREATE TRIGGER audit_events_never_change BEFORE UPDATE ON audit_events
BEGIN
    SELECT raise(ABORT, 'what is in the journal never changes');
END;

CREATE TRIGGER audit_events_stay BEFORE DELETE ON audit_events
WHEN OLD.n > coalesce((SELECT max(through) FROM audit_periods), 0)
BEGIN
    SELECT raise(ABORT, 'only a closed period is pruned');
END;

CREATE TRIGGER audit_head_begins_once BEFORE INSERT ON audit_head
WHEN NEW.n <> 1 OR EXISTS (SELECT 1 FROM audit_head)
BEGIN
    SELECT raise(ABORT, 'the journal begins once');
END;

CREATE TRIGGER audit_head_goes_on BEFORE UPDATE ON audit_head
WHEN NEW.n <> OLD.n + 1 OR NEW.journal IS NOT OLD.journal
BEGIN
    SELECT raise(ABORT, 'the journal goes on where it ends');
END;

CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head
BEGIN
    SELECT raise(ABORT, 'the journal never ends');
END;

CREATE TRIGGER audit_checkpoints_are_not_replaced BEFORE INSERT ON audit_checkpoints
WHEN EXISTS (SELECT 1 FROM audit_checkpoints WHERE n = NEW.n)
BEGIN
    SELECT raise(ABORT, 'a checkpoint never changes');
END;

CREATE TRIGGER audit_checkpoints_never_change BEFORE UPDATE ON audit_checkpoints
BEGIN
    SELECT raise(ABORT, 'a checkpoint never changes');
END;

CREATE TRIGGER audit_checkpoints_stay BEFORE DELETE ON audit_checkpoints
BEGIN
    SELECT raise(ABORT, 'a checkpoint stays');
END;

CREATE TRIGGER audit_periods_are_not_replaced BEFORE INSERT ON audit_periods
WHEN EXISTS (SELECT 1 FROM audit_periods WHERE through = NEW.through)
BEGIN
    SELECT raise(ABORT, 'a closed period stays closed');
END;

CREATE TRIGGER audit_periods_never_change BEFORE UPDATE ON audit_periods
BEGIN
    SELECT raise(ABORT, 'a closed period stays closed');
END;

CREATE TRIGGER audit_periods_stay BEFORE DELETE ON audit_periods
BEGIN
    SELECT raise(ABORT, 'a closed period stays closed');
END;

-- How many units of a work order may get a certificate.
CREATE TABLE quotas (
    work_order TEXT NOT NULL PRIMARY KEY CHECK (work_order <> ''),
    units      INTEGER NOT NULL CHECK (units > 0)
) STRICT, WITHOUT ROWID;

-- The units of a work order that got, or may have got, a certificate in a job of it; and how many they are: counting
-- them would take longer with each.
CREATE TABLE work_order_units (
    work_order TEXT NOT NULL CHECK (work_order <> ''),
    imei       TEXT NOT NULL,
    PRIMARY KEY (work_order, imei)
) STRICT, WITHOUT ROWID;

CREATE TABLE work_order_totals (
    work_order TEXT NOT NULL PRIMARY KEY,
    units      INTEGER NOT NULL CHECK (units > 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER work_order_units_count AFTER INSERT ON work_order_units
BEGIN
    INSERT INTO work_order_totals (work_order, units) VALUES (NEW.work_order, 1)
        ON CONFLICT (work_order) DO UPDATE SET units = units + 1;
END;

CREATE TRIGGER intents_use_quota AFTER INSERT ON intents WHEN NEW.kind = 'ISSUE'
BEGIN
    INSERT INTO work_order_units (work_order, imei)
        SELECT work_order, NEW.imei FROM jobs WHERE id = NEW.job AND work_order <> ''
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER certificates_use_quota AFTER INSERT ON certificates
BEGIN
    INSERT INTO work_order_units (work_order, imei)
        SELECT work_order, NEW.imei FROM jobs WHERE id = NEW.job AND work_order <> ''
        ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER work_order_units_are_for_good BEFORE UPDATE ON work_order_units
BEGIN
    SELECT raise(ABORT, 'what was issued counts');
END;

CREATE TRIGGER work_order_units_stay BEFORE DELETE ON work_order_units
BEGIN
    SELECT raise(ABORT, 'what was issued counts');
END;

INSERT INTO work_order_units (work_order, imei)
    SELECT work_order, intents.imei FROM intents JOIN jobs ON id = job WHERE kind = 'ISSUE' AND work_order <> ''
    UNION SELECT work_order, certificates.imei FROM certificates JOIN jobs ON id = job WHERE work_order <> '';
