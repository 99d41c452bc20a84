-- A certificate that the station made for itself may become known elsewhere later, when a job that was broken off is ended
-- after AWS was configured: a place may be added, and none is taken away.
DROP TRIGGER certificates_keep_places;

CREATE TRIGGER certificates_keep_places BEFORE UPDATE OF places ON certificates
WHEN OLD.places IS NULL OR NEW.places IS NULL
    OR (OLD.places <> '' AND substr(NEW.places, 1, length(OLD.places) + 1) <> OLD.places || ' ')
BEGIN
    SELECT raise(ABORT, 'a place where a certificate is known is never forgotten');
END;
