-- Trouble with what the rows of one kind need holds up that kind only, so each kind is asked for its oldest row that is
-- due. The state is in the index although it is always the same: only so is the index all that SQLite has to read.
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (kind, state, next_us) WHERE state = 'queued';
