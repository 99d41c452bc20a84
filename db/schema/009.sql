-- Finding a unit by any of its numbers, recalls, and closing a period of the journal.

CREATE INDEX jobs_label ON jobs (label) WHERE label IS NOT NULL;
CREATE INDEX jobs_firmware ON jobs (firmware, unit);
CREATE INDEX jobs_program ON jobs (program, unit);
CREATE INDEX acts_subject ON acts (subject) WHERE subject IS NOT NULL;
CREATE INDEX audit_events_ends ON audit_events (n) WHERE type = 'job-end';
CREATE INDEX intents_open_of_job ON intents (job) WHERE closed_us IS NULL;

-- What was under way at a time.
CREATE INDEX jobs_ended ON jobs (ended_us);

-- Which chains there are, without reading a million of them: their length, and the ends of their first and last
-- certificate, which are signatures.
CREATE INDEX certificates_chain ON certificates
    ((length(chain) || substr(chain, instr(chain, '-----END') - 25, 24) || substr(chain, -51, 24)));

-- The archive that a closed period went into, by the name that its file had.
ALTER TABLE audit_periods ADD COLUMN archive TEXT CHECK (archive <> '');

-- A period ends where the journal was at a checkpoint, behind the one before, and no job is under way in it.
CREATE TRIGGER audit_periods_are_true BEFORE INSERT ON audit_periods
WHEN NEW.through <= coalesce((SELECT max(through) FROM audit_periods), 0)
    OR NEW.hash IS NOT (SELECT hash FROM audit_events WHERE n = NEW.through)
    OR NOT EXISTS (SELECT 1 FROM audit_checkpoints WHERE n = NEW.through)
    OR EXISTS (SELECT 1 FROM jobs JOIN audit_events ON audit_events.job = jobs.id
               WHERE jobs.outcome = 'RUNNING' AND audit_events.n <= NEW.through)
BEGIN
    SELECT raise(ABORT, 'a period ends at a checkpoint, with no job under way');
END;

-- What a job did step by step may go when its end lies in a closed period, whose archive has it, and nothing is left open.
CREATE TRIGGER steps_stay BEFORE DELETE ON steps
WHEN EXISTS (SELECT 1 FROM intents WHERE job = OLD.job AND closed_us IS NULL)
    OR NOT EXISTS (SELECT 1 FROM audit_events WHERE job = OLD.job AND type = 'job-end'
                   AND n <= (SELECT max(through) FROM audit_periods))
BEGIN
    SELECT raise(ABORT, 'only a closed period is pruned');
END;

CREATE TRIGGER transcripts_stay BEFORE DELETE ON transcripts
WHEN EXISTS (SELECT 1 FROM intents WHERE job = OLD.job AND closed_us IS NULL)
    OR NOT EXISTS (SELECT 1 FROM audit_events WHERE job = OLD.job AND type = 'job-end'
                   AND n <= (SELECT max(through) FROM audit_periods))
BEGIN
    SELECT raise(ABORT, 'only a closed period is pruned');
END;

CREATE TRIGGER steps_never_change BEFORE UPDATE ON steps
BEGIN
    SELECT raise(ABORT, 'the record of an ended job is final');
END;

CREATE TRIGGER transcripts_never_change BEFORE UPDATE ON transcripts
BEGIN
    SELECT raise(ABORT, 'the record of an ended job is final');
END;
