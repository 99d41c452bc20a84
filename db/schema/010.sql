-- First boot in the field: what is remembered of devices beside their rows in the registration table.

-- A device that has spoken, and when its connections were found to be too many.
CREATE TABLE activation_seen (
    device        TEXT NOT NULL PRIMARY KEY REFERENCES registration (device),
    first_seen_us INTEGER NOT NULL CHECK (first_seen_us > 0),
    last_seen_us  INTEGER NOT NULL CHECK (last_seen_us >= first_seen_us),
    alarm_us      INTEGER CHECK (alarm_us > 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX activation_alarms ON activation_seen (device) WHERE alarm_us IS NOT NULL;

-- The last messages that each device gave an id, so that a redelivery is known. Older ones are forgotten.
CREATE TABLE activation_messages (
    number  INTEGER PRIMARY KEY,
    device  TEXT NOT NULL REFERENCES registration (device),
    id      TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    seen_us INTEGER NOT NULL CHECK (seen_us > 0),
    UNIQUE (device, id)
) STRICT;

CREATE INDEX activation_messages_of_device ON activation_messages (device);

CREATE TRIGGER activation_messages_are_forgotten AFTER INSERT ON activation_messages
BEGIN
    DELETE FROM activation_messages WHERE device = NEW.device AND number <= (
        SELECT number FROM activation_messages WHERE device = NEW.device ORDER BY number DESC LIMIT 1 OFFSET 32);
END;

-- How often each verdict was given. Messages that named no device of the registration table count under ''.
CREATE TABLE activation_counts (
    device  TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict <> ''),
    total   INTEGER NOT NULL CHECK (total > 0),
    PRIMARY KEY (device, verdict)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER activation_counts_only_grow BEFORE UPDATE ON activation_counts
WHEN NEW.total <= OLD.total OR NEW.device IS NOT OLD.device OR NEW.verdict IS NOT OLD.verdict
BEGIN
    SELECT raise(ABORT, 'a count only grows');
END;

CREATE TRIGGER activation_counts_stay BEFORE DELETE ON activation_counts
BEGIN
    SELECT raise(ABORT, 'a count only grows');
END;

-- The one credential that a device gets by its requests: its first certificate request, who has claimed to have it issued,
-- and the certificate (PEM, its issuers behind it) once there is one.
CREATE TABLE activation_credentials (
    device     TEXT NOT NULL PRIMARY KEY REFERENCES registration (device),
    csr        BLOB NOT NULL CHECK (length(csr) > 0),
    claimant   TEXT NOT NULL CHECK (claimant <> ''),
    since_us   INTEGER NOT NULL CHECK (since_us > 0),
    claimed_us INTEGER NOT NULL CHECK (claimed_us > 0),
    pem        TEXT CHECK (pem <> '')
) STRICT, WITHOUT ROWID;

CREATE TRIGGER activation_credential_is_for_good BEFORE UPDATE ON activation_credentials
WHEN NEW.device IS NOT OLD.device OR NEW.csr IS NOT OLD.csr OR NEW.since_us IS NOT OLD.since_us OR OLD.pem IS NOT NULL
BEGIN
    SELECT raise(ABORT, 'a device gets one credential');
END;

CREATE TRIGGER activation_credential_stays BEFORE DELETE ON activation_credentials
WHEN (SELECT registered FROM registration WHERE device = OLD.device) = 'ok'
BEGIN
    SELECT raise(ABORT, 'an activated device keeps its credential');
END;

-- The registration table itself: false, requested, ok, and never past the middle. A row may be taken back to 'false'; only
-- then does connections become less.
CREATE TRIGGER first_boot_goes_in_order BEFORE UPDATE OF registered ON registration
WHEN (OLD.registered = 'false' AND NEW.registered = 'ok') OR (OLD.registered = 'ok' AND NEW.registered = 'requested')
BEGIN
    SELECT raise(ABORT, 'a device is asked for and confirmed, in that order');
END;

CREATE TRIGGER connections_only_grow BEFORE UPDATE OF connections ON registration
WHEN NEW.connections < OLD.connections AND NEW.registered <> 'false'
BEGIN
    SELECT raise(ABORT, 'connections only grow');
END;

-- A row that begins anew, as its unit is provisioned anew, has no first boot behind it: what was remembered of the last one
-- is forgotten (but for the counts), its credential above all. One that a service still got for the last first boot, as it
-- did not know yet, is not the next one's either.
CREATE TRIGGER first_boot_begins_anew AFTER UPDATE OF registered, connections ON registration
WHEN NEW.registered = 'false' AND (OLD.registered <> 'false' OR NEW.connections < OLD.connections)
BEGIN
    DELETE FROM activation_credentials WHERE device = NEW.device;
    DELETE FROM activation_messages WHERE device = NEW.device;
    DELETE FROM activation_seen WHERE device = NEW.device;
END;

CREATE TRIGGER first_boot_begins AFTER UPDATE OF registered ON registration
WHEN OLD.registered = 'false' AND NEW.registered = 'requested'
BEGIN
    DELETE FROM activation_credentials WHERE device = NEW.device;
END;

CREATE TRIGGER registration_keeps_its_device BEFORE UPDATE OF device ON registration WHEN NEW.device IS NOT OLD.device
BEGIN
    SELECT raise(ABORT, 'a registration row is one device''s for good');
END;
