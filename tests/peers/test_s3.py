"""S3 through the gate, asked by botocore's own client: what the shelf of software relies on, and how it is refused."""

import os
import urllib.parse

import rig
from rig import client, peer, send, sign

BUCKET = "soft-ware"
KEYS = ["main.bin", "a b/c+d.bin", "\u00fc/%2F&=~*'().bin"]


class S3(rig.PeerCase):
    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(peer().folder, "s3", BUCKET), exist_ok=True)
        self.s3 = client("s3")

    def get(self, key, **members):
        return self.s3.get_object(Bucket=BUCKET, Key=key, **members)

    def put(self, key, content):
        path = os.path.join(peer().folder, "s3", BUCKET, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)

    def test_objects(self):
        for key in KEYS:
            self.put(key, b"\0soft\xff" + key.encode())
            self.assertEqual(self.get(key)["Body"].read(), b"\0soft\xff" + key.encode())
        self.assert_gate_silent()

    def test_ranges(self):
        self.put("ten", b"0123456789")
        self.put("empty", b"")
        for wanted, content, status in (
            ("bytes=0-3", b"0123", 206),
            ("bytes=8-99", b"89", 206),
            ("nonsense", b"0123456789", 200),
        ):
            answer = self.get("ten", Range=wanted)
            self.assertEqual(
                (answer["Body"].read(), answer["ResponseMetadata"]["HTTPStatusCode"]), (content, status), wanted
            )
        for key, wanted in (("ten", "bytes=10-11"), ("empty", "bytes=0-9")):
            self.refused("InvalidRange", 416, self.get, key, Range=wanted)

    def test_what_is_not_there(self):
        self.refused("NoSuchKey", 404, self.get, "none")
        self.refused("NoSuchKey", 404, self.get, "a/../main.bin")
        self.refused("NoSuchBucket", 404, self.s3.get_object, Bucket="no-bucket", Key="a")

    def test_refused(self):
        target = f"/{BUCKET}/main.bin"
        for bend, code in (
            (lambda headers: headers.pop("X-Amz-Content-SHA256"), "InvalidRequest"),
            (lambda headers: headers.update({"X-Amz-Content-SHA256": "0" * 64}), "SignatureDoesNotMatch"),
            (lambda headers: headers.update({"X-Amz-Meta-A": "b"}), "SignatureDoesNotMatch"),
        ):
            digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            headers = sign("GET", target, b"", {"X-Amz-Content-SHA256": digest}, "s3")
            bend(headers)
            status, answered, body = send("GET", target, b"", headers)
            self.assertEqual((status // 100, answered["Content-Type"]), (4, "application/xml"))
            self.assertIn(f"<Code>{code}</Code>", body.decode())

    def test_paths_are_signed_as_they_are(self):
        """What other services sign is encoded once more: here that is another path."""
        target = "/" + BUCKET + "/" + urllib.parse.quote("a b/c+d.bin")
        digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        headers = sign("GET", target, b"", {"X-Amz-Content-SHA256": digest}, "s3")
        status, _, body = send("GET", target, b"", headers)
        self.assertEqual(status, 403, body)
        self.assertIn("SignatureDoesNotMatch", body.decode())

    def test_faults(self):
        for fault, code, status in (
            ({"kind": "throttle"}, "SlowDown", 503),
            ({"kind": "status", "status": 500}, "InternalError", 500),
            ({"kind": "error", "name": "AccessDeniedException"}, "AccessDenied", 403),
        ):
            peer().control("POST", "faults", {"service": "s3", **fault})
            self.refused(code, status, self.get, "ten")
            peer().control("DELETE", "faults")

    def test_operations_that_are_not_there(self):
        status, _, _ = send("DELETE", f"/{BUCKET}/a", b"", sign("DELETE", f"/{BUCKET}/a", b"", {}, "s3"))
        self.assertEqual(status, 400)
