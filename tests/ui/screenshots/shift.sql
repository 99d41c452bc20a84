-- A shift that was worked on this line: 380 jobs in the last eight hours, with a lunch break and the usual failures.
PRAGMA foreign_keys = OFF;
BEGIN;
CREATE TEMP TABLE failures (place INTEGER PRIMARY KEY, outcome TEXT, code TEXT, step TEXT);
INSERT INTO failures VALUES
    (0, 'TIMEOUT', 'NO_ANSWER', 'connect'), (1, 'FAIL', 'LABEL_MISMATCH', 'precheck'), (2, 'TIMEOUT', 'NO_ANSWER', 'connect'),
    (3, 'FAIL', 'PROOF_FAILED', 'verify'), (4, 'TIMEOUT', 'NO_ANSWER', 'connect'), (5, 'FAIL', 'LABEL_MISMATCH', 'precheck'),
    (6, 'FAIL', 'INSTALL_REFUSED', 'install'), (7, 'TIMEOUT', 'NO_ANSWER', 'identify'),
    (8, 'FAIL', 'FIRMWARE_REFUSED', 'precheck'), (9, 'FAIL', 'LABEL_MISMATCH', 'precheck'), (10, 'TIMEOUT', 'PORT_GONE', 'install'),
    (11, 'FAIL', 'PROOF_FAILED', 'verify');

-- Every 17th job fails; the one after it is the same unit's retry. noise is 0 to 999.
CREATE TEMP TABLE shift AS
WITH RECURSIVE c (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 379)
SELECT n, n - (n % 17 = 9) AS unit, n % 17 = 8 AS failed, n / 17 % 12 AS place, n * 7919 % 1000 AS noise,
    (unixepoch('now') - 28500 + n * 70 + (n > 170) * 1500 + n * 7919 % 40) * 1000000 AS started_us,
    printf('%08x-0000-4000-8000-%012x', n * 2654435761 & 4294967295, n) AS job
FROM c;

INSERT INTO units (imei, fsn, model, firmware, device_id, provisioned, first_seen_us, last_seen_us)
SELECT printf('35%013d', unit), printf('LY7022%05d', unit), 'WP7702', 'SWI9X06Y_02.32.02.00', printf('FX30-9%05d', unit), 1,
    min(started_us), max(started_us)
FROM shift GROUP BY unit;
INSERT INTO jobs (id, station, slot, product, operator, work_order, program, started_us)
SELECT job, 'Line 1', printf('%02d', n % 14 + 1), 'fx30s', CASE WHEN n > 170 THEN '217' ELSE '204' END,
    '48-1123', '0.1.0', started_us
FROM shift ORDER BY n;
INSERT INTO certificates (sha256, imei, spki_sha256, csr_sha256, job, serial, subject, issuer, not_before, not_after, der,
    chain, issued_us)
SELECT printf('%064x', unit), printf('35%013d', unit), printf('%064x', unit), printf('%064x', unit), job,
    printf('5e%030x', unit), printf('CN=FX30-9%05d', unit), 'CN=Keyline Demo CA', 1, 2, x'30', '', started_us
FROM shift WHERE NOT failed;

INSERT INTO registration (device, policy, firmware, parameters)
SELECT DISTINCT printf('FX30-9%05d', unit), 'bootstrap', 'SWI9X06Y_02.32.02.00', '{}' FROM shift;

CREATE TEMP TABLE usual (position INTEGER PRIMARY KEY, step TEXT, start_ms INTEGER, duration_ms INTEGER);
INSERT INTO usual VALUES (0, 'connect', 0, 180), (1, 'identify', 180, 240), (2, 'precheck', 420, 60), (3, 'key', 480, 2300),
    (4, 'csr', 2780, 620), (5, 'issue', 3400, 90), (6, 'install', 3490, 1500), (7, 'verify', 4990, 900),
    (8, 'register', 5890, 40), (9, 'disconnect', 5930, 50), (10, 'record', 5980, 30);
INSERT INTO steps (job, position, step, attempt, outcome, code, start_us, duration_us, device_us, store_us)
SELECT s.job, u.position, u.step, 1, CASE WHEN s.failed AND u.step = f.step THEN f.outcome ELSE 'PASS' END,
    CASE WHEN s.failed AND u.step = f.step THEN f.code END, u.start_ms * 1000,
    u.duration_ms * (700 + (s.noise * (u.position + 3)) % 900), u.duration_ms * 500, 0
FROM shift s JOIN usual u JOIN failures f ON f.place = s.place
WHERE NOT s.failed OR u.position <= (SELECT position FROM usual WHERE step = f.step);

UPDATE jobs SET (ended_us, unit, imei, fsn, model, firmware, device_id, outcome, code, first_code, detail, certificate) = (
    SELECT s.started_us + 6000000 + s.noise * 1000, printf('35%013d', unit), printf('35%013d', unit),
        printf('LY7022%05d', unit), 'WP7702', 'SWI9X06Y_02.32.02.00', printf('FX30-9%05d', unit),
        iif(s.failed, f.outcome, 'PASS'), iif(s.failed, f.code, NULL), iif(s.failed, f.code, NULL),
        iif(s.failed, 'as it happens on a line', NULL), iif(s.failed, NULL, printf('%064x', unit))
    FROM shift s JOIN failures f ON f.place = s.place WHERE s.job = jobs.id)
WHERE id IN (SELECT job FROM shift);
COMMIT;
