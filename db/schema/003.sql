-- What belongs to one batch is asked for while and after the line works on it.
CREATE INDEX jobs_batch ON jobs (batch, started_us) WHERE batch IS NOT NULL;
