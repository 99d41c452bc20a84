-- What a cloud's registration table said of units whose first boot works on it, and when it was asked: copies of rows that
-- others change. They are there to be looked at. Nothing goes on from them, and the journal does not tell of them.
-- asked_us alone: there was no row of the device.
CREATE TABLE registration_in_cloud (
    device        TEXT NOT NULL PRIMARY KEY REFERENCES registration (device),
    place         TEXT NOT NULL CHECK (place <> ''), -- the table's name
    asked_us      INTEGER NOT NULL CHECK (asked_us > 0),
    registered    TEXT CHECK (registered IN ('false', 'requested', 'ok')),
    policy        TEXT,
    firmware      TEXT,
    parameters    TEXT,
    version       INTEGER CHECK (version >= 0),
    connections   INTEGER CHECK (connections >= 0),
    first_seen_us INTEGER CHECK (first_seen_us > 0),
    last_seen_us  INTEGER CHECK (last_seen_us >= first_seen_us),
    alarm_us      INTEGER CHECK (alarm_us > 0), -- since when its connections were found to be too many
    counts        TEXT CHECK (counts IS NULL OR json_valid(counts)), -- how often each verdict was given: {"answered": 1}
    CHECK ((registered IS NULL) = (policy IS NULL) AND (registered IS NULL) = (firmware IS NULL)
        AND (registered IS NULL) = (parameters IS NULL) AND (registered IS NULL) = (version IS NULL)
        AND (registered IS NULL) = (connections IS NULL) AND (registered IS NULL) = (counts IS NULL)
        AND (first_seen_us IS NULL) = (last_seen_us IS NULL)
        AND (registered IS NOT NULL OR (first_seen_us IS NULL AND alarm_us IS NULL)))
) STRICT;

CREATE INDEX registration_in_cloud_alarms ON registration_in_cloud (device) WHERE alarm_us IS NOT NULL;

-- A unit that is provisioned anew begins anew there, too.
CREATE TRIGGER registration_in_cloud_begins_anew AFTER INSERT ON outbox
WHEN NEW.kind = 'registration' AND json_extract(NEW.body, '$.reset')
BEGIN
    DELETE FROM registration_in_cloud WHERE device = NEW.key;
END;
