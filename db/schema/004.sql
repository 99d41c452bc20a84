-- The outbox, device numbers leased from a sequence that several stations share, and whether a PASS was said before the
-- cloud had its row.

-- row_queued: PASS was said, and the registration row had not reached the cloud by then.
ALTER TABLE jobs ADD COLUMN row_queued INTEGER NOT NULL DEFAULT 0
    CHECK (row_queued IN (0, 1) AND (row_queued = 0 OR outcome = 'PASS'));

-- What has to go to a cloud's tables, queued in the transaction that keeps the thing itself. run is the job that queued it
-- (a certificate revoked by hand: the job that it was issued in). The body is a JSON object; what is not known is null:
--   registration  key device id    device, registered, policy, firmware, parameters (all text), version, connections
--                                  (numbers), imei, reset (boolean: the unit is provisioned anew, and so the row
--                                  begins anew whatever first boot has made of it)
--   record        key record's id  record, imei, fsn, device_id, station, slot, product, outcome, code, operator,
--                                  work_order, started_us, ended_us (numbers), certificate (SHA-256), program
--   cleanup       key SHA-256      certificate (SHA-256), device_id, reason
--
-- A row is queued until it was sent, or parked: put aside as one that the cloud will not take. Oldest first means the
-- order of numbers; a row whose attempt has failed lets others pass until next_us. Newest wins: a new row takes a number of
-- its own, at the end, and of the rows of its kind and key that are queued or parked makes 'replaced' ones, which are not
-- sent any more. So one row of a kind and key is open at most, and nothing older can be sent after something newer. The
-- one exception is a row that was on its way when it was replaced: the replacing row goes after it, and it may still
-- become 'sent'. What was queued never changes and is never deleted: sent and replaced rows stay, as history.
CREATE TABLE outbox (
    number      INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('registration', 'record', 'cleanup')),
    key         TEXT NOT NULL CHECK (key <> ''),
    run         TEXT NOT NULL REFERENCES jobs (id),
    body        TEXT NOT NULL CHECK (json_valid(body) AND json_type(body) = 'object'),
    state       TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'parked', 'replaced')),
    attempts    INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_us     INTEGER NOT NULL DEFAULT 0 CHECK (next_us >= 0),
    last_code   TEXT CHECK (last_code <> ''),
    last_detail TEXT,
    queued_us   INTEGER NOT NULL CHECK (queued_us > 0),
    tried_us    INTEGER CHECK (tried_us > 0),
    sent_us     INTEGER CHECK (sent_us > 0),
    CHECK ((state = 'sent') = (sent_us IS NOT NULL)),
    CHECK ((attempts > 0) = (tried_us IS NOT NULL))
) STRICT;

-- When each queued row's turn is: next_us is 0 until an attempt has failed, so the oldest that is due is found at once.
-- The state is in it although it is always the same: only so is the index all that SQLite has to read.
CREATE INDEX outbox_due ON outbox (state, next_us) WHERE state = 'queued';
CREATE INDEX outbox_state ON outbox (state);
CREATE INDEX outbox_key ON outbox (kind, key);
CREATE UNIQUE INDEX outbox_open ON outbox (kind, key) WHERE state IN ('queued', 'parked');
CREATE INDEX outbox_troubled ON outbox (tried_us) WHERE state = 'queued' AND last_code IS NOT NULL;

-- How many rows are in each state: counting years of sent rows would take longer each time.
CREATE TABLE outbox_totals (
    state TEXT NOT NULL PRIMARY KEY CHECK (state IN ('queued', 'sent', 'parked', 'replaced')),
    total INTEGER NOT NULL CHECK (total >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO outbox_totals (state, total) VALUES ('queued', 0), ('sent', 0), ('parked', 0), ('replaced', 0);

CREATE TRIGGER outbox_begins_queued BEFORE INSERT ON outbox
WHEN NEW.state <> 'queued' OR NEW.attempts <> 0 OR EXISTS (SELECT 1 FROM outbox WHERE number = NEW.number)
BEGIN
    SELECT raise(ABORT, 'a row of the outbox begins as queued, under a number of its own');
END;

CREATE TRIGGER outbox_newest_wins BEFORE INSERT ON outbox
BEGIN
    UPDATE outbox SET state = 'replaced' WHERE kind = NEW.kind AND key = NEW.key AND state IN ('queued', 'parked');
END;

CREATE TRIGGER outbox_counts_queued AFTER INSERT ON outbox
BEGIN
    UPDATE outbox_totals SET total = total + 1 WHERE state = NEW.state;
END;

CREATE TRIGGER outbox_counts_changed AFTER UPDATE OF state ON outbox WHEN NEW.state <> OLD.state
BEGIN
    UPDATE outbox_totals SET total = total - 1 WHERE state = OLD.state;
    UPDATE outbox_totals SET total = total + 1 WHERE state = NEW.state;
END;

CREATE TRIGGER outbox_is_for_good BEFORE UPDATE OF number, kind, key, run, body, queued_us ON outbox
BEGIN
    SELECT raise(ABORT, 'what was queued never changes');
END;

CREATE TRIGGER outbox_sent_is_final BEFORE UPDATE ON outbox WHEN OLD.state = 'sent'
BEGIN
    SELECT raise(ABORT, 'what was sent was sent');
END;

CREATE TRIGGER outbox_replaced_is_over BEFORE UPDATE OF state ON outbox
WHEN OLD.state = 'replaced' AND NEW.state <> 'sent' AND NEW.state <> 'replaced'
BEGIN
    SELECT raise(ABORT, 'a row that a newer one has replaced is not queued again');
END;

CREATE TRIGGER outbox_stays BEFORE DELETE ON outbox
BEGIN
    SELECT raise(ABORT, 'what was queued is never forgotten');
END;

-- Whether a unit is provisioned anew is asked with each of its rows.
CREATE INDEX intents_reprovision ON intents (imei) WHERE kind = 'REPROVISION';

-- Blocks of numbers that this station alone may hand out: first .. first + size - 1, of which the first used ones are gone.
-- Of a database that is restored from a backup, numbers handed out since that backup are handed out again: only the cloud's
-- own refusal of a device id that is there already helps then.
CREATE TABLE leases (
    number   INTEGER PRIMARY KEY,
    sequence TEXT NOT NULL CHECK (sequence <> ''),
    first    INTEGER NOT NULL CHECK (first > 0),
    size     INTEGER NOT NULL CHECK (size > 0 AND size <= 0x7fffffffffffffff - first),
    used     INTEGER NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND size),
    added_us INTEGER NOT NULL CHECK (added_us > 0),
    UNIQUE (sequence, first)
) STRICT;

CREATE INDEX leases_left ON leases (sequence) WHERE used < size;

-- As no two blocks overlap, only the last one that begins before the new one's end could.
CREATE TRIGGER leases_do_not_overlap BEFORE INSERT ON leases
WHEN NEW.first < (SELECT first + size FROM leases WHERE sequence = NEW.sequence AND first < NEW.first + NEW.size
                  ORDER BY first DESC LIMIT 1)
    OR EXISTS (SELECT 1 FROM leases WHERE number = NEW.number)
BEGIN
    SELECT raise(ABORT, 'a number is leased once');
END;

CREATE TRIGGER leases_are_for_good BEFORE UPDATE ON leases
WHEN NEW.used <= OLD.used OR NEW.number IS NOT OLD.number OR NEW.sequence IS NOT OLD.sequence
    OR NEW.first IS NOT OLD.first OR NEW.size IS NOT OLD.size OR NEW.added_us IS NOT OLD.added_us
BEGIN
    SELECT raise(ABORT, 'a number is never handed out twice');
END;

CREATE TRIGGER leases_stay BEFORE DELETE ON leases
BEGIN
    SELECT raise(ABORT, 'a number is never handed out twice');
END;
