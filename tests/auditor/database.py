"""A station's database."""

from auditor.canonical import canonical, count_of, is_text, key_of, parse_event, sha256, text_of
from auditor.findings import Findings, Unreadable, events_words
from auditor.merkle import Frontier, leaf_hash
from auditor.rows import ACT, CERTIFICATE, JOB, REGISTRATION, STEP, make_valid, members, registration, same_registration
from auditor.signed import Checkpoint, fingerprint

TABLES = ["audit_events", "audit_head", "audit_checkpoints", "audit_periods", "jobs", "steps", "transcripts",
          "certificates", "registration", "acts"]


class Database:
    def __init__(self, connection, options):
        self.db, self.options, self.found = connection, options, Findings()
        self.db.text_factory = bytes
        self.told = {}  # (kind, key): [(n, what)]
        self.key = self.pem = self.station = None
        self.key_event = 0
        self.suspect = None
        self.through = self.events = 0
        self.gap = self.tree_broken = self.rewritten = False
        self.given = options.given

    def rows(self, sql, *values):
        return self.db.execute(sql, values)

    def one(self, sql, *values):
        return self.rows(sql, *values).fetchone()

    def verify(self):
        ours, = self.one("SELECT application_id FROM pragma_application_id")
        tables, = self.one("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name IN (%s)"
                           % ",".join("?" * len(TABLES)), *TABLES)
        if ours != 0x4B4C494E or tables != len(TABLES):
            raise Unreadable("this database has no journal")
        self.begin()
        self.seals(self.first - 1)
        for row in self.rows("SELECT n, type, job, imei, time_us, CAST(body AS BLOB), hash FROM audit_events"
                             " WHERE n >= ? ORDER BY n", self.first):
            self.event(*row)
        self.end()
        self.compare()
        return self.found

    # where it begins

    def begin(self):
        head = self.one("SELECT journal, n, hash, frontier FROM audit_head LIMIT 1")
        self.journal = head[0].decode() if head else None
        self.head = head
        lowest, = self.one("SELECT min(n) FROM audit_events")
        self.closed, = self.one("SELECT coalesce(max(through), 0) FROM audit_periods")
        self.first, self.hash, self.tree = 1, bytes(32), Frontier()
        state = self.one("SELECT through, hash, frontier FROM audit_periods WHERE through < ? AND through > 0"
                         " ORDER BY through DESC LIMIT 1", lowest if lowest is not None else 2**63 - 1)
        if state:
            through, self.hash, frontier = state
            self.first = through + 1
            hashes = [frontier[i : i + 32] for i in range(0, len(frontier), 32)]
            self.tree = Frontier(through, hashes)
            self.tree_broken = len(frontier) != 32 * through.bit_count()
        if lowest is not None and lowest < self.first:
            self.found.add("added", f"event {lowest}", "the journal begins behind it")
        self.next = self.first
        if self.first > 1:
            row = self.one("SELECT CAST(body AS BLOB) FROM audit_events WHERE n >= ? AND type = 'audit-key'"
                           " ORDER BY n LIMIT 1", self.first)
            event = parse_event(row[0]) if row else None
            if event:
                self.take_key(event)
            if self.pem is None and self.options.certificate is not None:
                self.pem, self.key = self.options.certificate, fingerprint(self.options.certificate)
        self.checkpoints = self.rows("SELECT n, body, signature FROM audit_checkpoints ORDER BY n").fetchall()
        self.kept_seals = []
        for through, digest, frontier, manifest, body in self.rows(
                "SELECT p.through, p.hash, p.frontier, p.manifest_sha256, c.body FROM audit_periods p"
                " LEFT JOIN audit_checkpoints c ON c.n = p.through ORDER BY p.through"):
            self.period(through, digest, frontier, manifest, body)

    def period(self, through, digest, frontier, manifest, body):
        checkpoint = Checkpoint(body, "") if body is not None else None
        good = checkpoint is not None and checkpoint.sound and through >= 1
        good = good and len(frontier) == 32 * through.bit_count() and digest == checkpoint.hash
        if not good or Frontier(through, [frontier[i : i + 32] for i in range(0, len(frontier), 32)]).root() \
                != checkpoint.root:
            self.found.add("altered", f"period {through}", "its hashes are not those of its checkpoint")
        self.kept_seals.append(("period", str(through), through, manifest.decode()))

    def take_key(self, event):
        data = event["data"]
        pem = data.get("certificate")
        key = fingerprint(pem) if is_text(pem) else None
        if key is None or data.get("certificate_sha256") != key:
            return False
        self.pem, self.key, self.key_event, self.station = pem, key, event["n"], data.get("station")
        return True

    # one event

    def event(self, n, type_, job, imei, time_us, body, digest):
        if n < self.next:
            self.found.add("added", f"event {n}", "another event of this number is there")
            return
        if n > self.next:
            self.found.add("missing", events_words(self.next, n - 1), "not there any more")
            self.gap = self.tree_broken = True
        event = parse_event(body)
        following = self.follows(n, body, digest)
        columns = [c.decode(errors="replace") if isinstance(c, bytes) else c for c in (type_, job, imei, time_us)]
        if event is None:
            self.found.add("altered", f"event {n}", "its body is no event of this format")
        elif event["n"] != n:
            self.found.add("moved", f"event {n}", f"here stands event {event['n']}")
        elif columns != [event.get(name) for name in ("type", "job", "imei", "time_us")]:
            self.found.add("altered", f"event {n}", "its columns are not what its body says")
        elif not following:
            self.found.add("altered", f"event {n}", "it does not follow from what was before it")
        if n == 1:
            self.begins(event)
        if not self.gap:
            self.tree.add(leaf_hash(body))
        self.hash, self.gap, self.next = digest, False, n + 1
        self.events += 1
        if event and event["type"] == "audit-key" and not self.take_key(event):
            self.found.add("altered", f"event {n}", "the certificate in it is none, or not the one that it names")
        if event:
            self.tell(n, event)
        self.seals(n)

    def follows(self, n, body, digest):
        """Also settles whether the event before had its body or only its hash altered."""
        suspect, self.suspect = self.suspect, None
        if self.gap:
            return True
        computed = sha256(self.hash + body)
        if computed == digest:
            self.tree_broken |= suspect is not None
            return True
        if suspect is not None:
            if sha256(suspect + body) == digest:
                return True
            self.tree_broken = True
        self.suspect = computed
        return False

    def begins(self, event):
        data = event["data"] if event else {}
        if event is None or event["type"] != "journal-begin" or data.get("format") != "keyline-audit-1":
            self.found.add("altered", "event 1", "it does not begin a journal of this format")
        elif self.journal is not None and data.get("journal") != self.journal:
            self.found.add("altered", "head", "it names another journal than event 1")

    def tell(self, n, event):
        data, type_ = event["data"], event["type"]

        def add(kind, key, what):
            if kind in ("checkpoint", "period") or n > self.closed:
                self.told.setdefault((kind, key), []).append((n, what))

        if type_ == "job-end":
            add("job", event.get("job", ""), (event.get("imei"), canonical(data)))
        elif type_ == "issue":
            own = {k: v for k, v in data.items() if k not in ("supersedes", "supersede_reason")}
            add("certificate", text_of(data.get("certificate_sha256")), (event.get("imei"), event.get("job"), canonical(own)))
            if isinstance(data.get("supersedes"), str):
                add("superseded", data["supersedes"], text_of(data.get("supersede_reason")))
        elif type_ == "revoke":
            add("revoked", key_of(data.get("certificate_sha256")), text_of(data.get("reason")))
        elif type_ == "register":
            add("registration", text_of(data.get("device")), registration(data))
        elif type_ == "activation" and "row_sha256" in data:
            message = data.get("message")
            message = message if isinstance(message, dict) else {}
            version = max(count_of(data["version"]), 0) if "version" in data else None
            row = text_of(data["row_sha256"]), max(count_of(data.get("connections")), 0), version
            add("registration", text_of(message.get("device")), row)
        elif type_ == "act":
            add("act", canonical(data), None)
        elif type_ == "checkpoint":
            add("checkpoint", key_of(data.get("n")), text_of(data.get("sha256")))
        elif type_ == "period-closed":
            add("period", key_of(data.get("through")), text_of(data.get("manifest_sha256")))

    # the seals on them

    def agrees(self, checkpoint):
        if checkpoint.hash != self.hash and checkpoint.hash != self.suspect:
            return False
        return self.tree_broken or self.suspect is not None or checkpoint.root == self.tree.root()

    def check_sealed(self, checkpoint, where):
        doubt = checkpoint.doubt(self.pem, self.key)
        if doubt:
            self.found.add("signature", where, doubt)
        elif self.journal is not None and checkpoint.journal != self.journal:
            self.found.add("altered", where, "it is another journal's")
        elif self.agrees(checkpoint):
            if not self.rewritten:
                self.through = checkpoint.n
        elif not self.rewritten:
            self.rewritten = True
            first = min(max(self.through + 1, self.first), checkpoint.n)
            self.found.add("altered", f"events {first}-{checkpoint.n}", f"{where} was signed over others")

    def check_row(self, at):
        n, body, signature = self.checkpoints.pop(0)
        where = f"checkpoint {n}"
        checkpoint = Checkpoint(body, signature.decode(errors="replace"))
        if not checkpoint.sound:
            self.found.add("altered", where, "it is no checkpoint")
        elif checkpoint.n != n:
            self.found.add("moved", where, f"here stands checkpoint {checkpoint.n}")
        elif n == at:
            self.check_sealed(checkpoint, where)
        elif n >= self.first - 1 or checkpoint.key == self.key:
            doubt = checkpoint.doubt(self.pem, self.key)
            if doubt:
                self.found.add("signature", where, doubt)
        if self.given and self.given.n == n < self.first and self.given.body == body:
            self.given = None
        self.kept_seals.append(("checkpoint", str(n), n, sha256(body).hex()))

    def seals(self, n):
        if self.given and self.given.n == n >= self.first:
            given, self.given = self.given, None
            self.check_sealed(given, "given checkpoint")
        while self.checkpoints and self.checkpoints[0][0] <= n:
            self.check_row(n)

    # the end

    def end(self):
        last = self.next - 1
        if self.head is None and self.events == 0:
            self.found.add("missing", "journal", "it has not begun, or all of it was taken out")
        elif self.head is None:
            self.found.add("missing", "head", "where the journal ends is not there any more")
        elif self.head[1] > last:
            self.found.add("missing", events_words(last + 1, self.head[1]), "the journal ended behind them")
        elif self.head[1] < last:
            self.found.add("added", events_words(max(self.head[1], 0) + 1, last), "the journal ended before them")
        elif not self.head_agrees():
            self.found.add("altered", "head", "its hashes are not those of the events")
        anchor = self.options.certificate and fingerprint(self.options.certificate)
        if anchor and anchor != self.key:
            where = f"event {self.key_event}" if self.key_event else "journal"
            self.found.add("signature", where, "from here on another certificate signs than the one to be trusted")
        while self.checkpoints:
            self.found.add("missing", f"checkpoint {self.checkpoints[0][0]}", "its events are not there any more")
            self.check_row(-1)
        if self.given:
            doubt = self.given.doubt(self.pem, self.key)
            if doubt:
                self.found.add("signature", "given checkpoint", doubt)
            elif self.given.n > last:
                self.found.add("missing", f"events {last + 1}-{self.given.n}", "the given checkpoint is over them")
            else:
                self.found.add("missing", "given checkpoint", "the journal has nothing that agrees with it")
        if self.key_event > self.through and (self.through > 0 or anchor):
            self.found.add("signature", f"event {self.key_event}", "its certificate has signed nothing since")

    def head_agrees(self):
        _, _, digest, frontier = self.head
        if digest != self.hash and digest != self.suspect:
            return False
        return self.tree_broken or self.suspect is not None or frontier == b"".join(self.tree.hashes)

    # the rows of other tables

    def counts(self):
        if self.closed:
            wanted, type_ = self.closed, "period-closed"
        else:
            wanted, type_ = None, "journal-begin"
        for body, in self.rows("SELECT CAST(body AS BLOB) FROM audit_events WHERE n > ? AND type = ? ORDER BY n",
                               self.closed, type_):
            event = parse_event(body)
            if event and (wanted is None or event["data"].get("through") == wanted):
                return event
            if wanted is None:
                break
        return {"data": {}, "n": 0}

    def kept(self):
        """Yields (kind, key, number, what) of every row."""
        def text(column):
            return make_valid(column) if isinstance(column, bytes) else column

        for *row, number, imei in self.rows(f"SELECT {','.join(JOB)}, number, coalesce(unit, imei) FROM jobs"
                                            " WHERE outcome <> 'RUNNING' ORDER BY number"):
            id_ = row[JOB.index("id")]
            record = members(row, JOB)
            record["steps"] = [members(step, STEP) for step in self.rows(
                f"SELECT {','.join(STEP)} FROM steps WHERE job = ? ORDER BY position", id_.decode())]
            data = {"record": record}
            transcript = self.one("SELECT CAST(text AS BLOB) FROM transcripts WHERE job = ?", id_.decode())
            if transcript:
                data["transcript_sha256"] = sha256(transcript[0]).hex()
            yield "job", text(id_), number, (text(imei), canonical(data))
        for *row, imei, job, number, der, over, reason, revoked, why in self.rows(
                f"SELECT {','.join(CERTIFICATE)}, imei, job, number, der, superseded_us, supersede_reason, revoked_us,"
                " revoke_reason FROM certificates ORDER BY number"):
            sha = text(row[0])
            data = members(row, ["certificate_sha256"] + CERTIFICATE[1:])
            yield "certificate", sha, number, (text(imei), text(job), canonical(data))
            if sha256(der).hex() != sha:
                self.found.add("altered", f"certificate {sha}", "its bytes do not have that SHA-256")
            if over is not None or reason is not None:
                yield "superseded", sha, number, text_of(text(reason))
            if revoked is not None or why is not None:
                yield "revoked", sha, number, text_of(text(why))
        for *row, number in self.rows(f"SELECT {','.join(REGISTRATION)}, rowid FROM registration ORDER BY rowid"):
            yield "registration", text(row[1]), number, registration(members(row, REGISTRATION))
        for *row, number in self.rows(f"SELECT {','.join(ACT)}, number FROM acts ORDER BY number"):
            yield "act", canonical(members(row, ACT)), number, None
        yield from self.kept_seals

    def compare(self):
        counted = self.counts()
        counts = counted["data"]
        numbers = [n for n, in self.rows("SELECT number FROM certificates ORDER BY number")]
        covered = count_of(counts.get("certificates"))
        old = numbers[min(covered, len(numbers)) - 1] if covered > 0 and numbers else -(2**63)
        excused = {"superseded": old, "revoked": old, "checkpoint": self.first - 2, "period": self.first - 2}
        if self.closed and counted["n"] > self.through:
            self.found.add("signature", f"period {self.closed}", "no checkpoint is over the event that closed it")
        allowed = {"job": "jobs", "certificate": "certificates", "registration": "registrations", "act": "acts"}
        kept = {}
        for kind, key, number, what in self.kept():
            kept.setdefault((kind, key), []).append((number, what))
        untold = {kind: [] for kind in allowed}
        for thing in kept.keys() | self.told.keys():
            self.judge(thing, self.told.get(thing, []), kept.get(thing, []), excused, untold)
        for kind, rows in untold.items():
            told = [[n for n, _ in claims if n < counted["n"]] for (k, _), claims in self.told.items() if k == kind]
            told = sum(map(len, told)) if kind == "act" else sum(map(bool, told))
            for number, key in sorted(rows)[max(count_of(counts.get(allowed[kind])) - told, 0):]:
                self.found.add("added", f"act {number}" if kind == "act" else f"{kind} {key}", "no event tells of it")

    def judge(self, thing, told, kept, excused, untold):
        kind, key = thing
        where = f"{'certificate' if kind in ('superseded', 'revoked') else kind} {key}"
        if kind == "act":
            if not told:
                untold[kind] += [(kept[0 if i == 0 else -1][0], key) for i in range(len(kept))]
            elif len(kept) > len(told):
                self.found.add("added", f"act {kept[-1][0]}", "no event tells of it")
            elif len(kept) < len(told):
                self.found.add("missing", f"act of event {told[-1][0]}", "it is not among the acts")
        elif not told:
            if kind in untold:
                untold[kind] += [(kept[0 if i == 0 else -1][0], key) for i in range(len(kept))]
            elif kept[-1][0] > excused[kind]:
                self.found.add("added", where, "no event tells of it")
        elif len(kept) > 1:
            self.found.add("added", where, "it is there more than once")
        elif not kept:
            self.found.add("missing", where, f"event {told[-1][0]} tells of it, but it is not there any more")
        else:
            what, says = kept[0][1], [t for _, t in told]
            if kind in ("job", "checkpoint", "period"):
                good = says == [what]
            elif kind == "registration":
                good = same_registration(says[-1], what)
            else:
                good = what in says
            if not good:
                self.found.add("altered", where, f"it is not what event {told[-1][0]} says")
