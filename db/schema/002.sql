-- What the window needs: searching records, settings, acts.

-- With the indexes on operator and on outcome alone, every search of the History page by person, outcome and time is
-- answered from an index, newest first, without reading a job.
CREATE INDEX jobs_operator_outcome ON jobs (operator, outcome, started_us);

-- What was chosen at the station: PIN hashes, the window's state. A setting that is not here was never made.
CREATE TABLE settings (
    key   TEXT NOT NULL PRIMARY KEY CHECK (key <> ''),
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What people did at the station apart from jobs. Rows are only ever added.
CREATE TABLE acts (
    number  INTEGER PRIMARY KEY,
    time_us INTEGER NOT NULL CHECK (time_us > 0),
    who     TEXT CHECK (who <> ''),
    role    TEXT NOT NULL CHECK (role <> ''),
    what    TEXT NOT NULL CHECK (what <> ''),
    subject TEXT CHECK (subject <> ''),
    reason  TEXT CHECK (reason <> '')
) STRICT;

CREATE TRIGGER acts_are_not_replaced BEFORE INSERT ON acts
WHEN EXISTS (SELECT 1 FROM acts WHERE number = NEW.number)
BEGIN
    SELECT raise(ABORT, 'an act that was kept never changes');
END;

CREATE TRIGGER acts_never_change BEFORE UPDATE ON acts
BEGIN
    SELECT raise(ABORT, 'an act that was kept never changes');
END;

CREATE TRIGGER acts_stay BEFORE DELETE ON acts
BEGIN
    SELECT raise(ABORT, 'an act that was kept is never forgotten');
END;
