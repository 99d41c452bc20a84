-- Where else a certificate is known, so that it is taken out there when it ends, whatever the station is configured for by
-- then: "iot", the ARN of a private CA, both with a blank between, or nothing. NULL: issued before this was kept.
ALTER TABLE certificates ADD COLUMN places TEXT;

CREATE TRIGGER certificates_keep_places BEFORE UPDATE OF places ON certificates
BEGIN
    SELECT raise(ABORT, 'an issued certificate never changes');
END;
