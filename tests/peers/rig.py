"""What the peer's own tests share: one running peer, botocore as an independent client, requests bent by hand."""

import atexit
import contextlib
import functools
import http.client
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import time
import unittest
import unittest.mock
import urllib.parse

import botocore.auth
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

import sigv4
from x509 import openssl

REGION = "eu-central-1"
# The id of no certificate.
NOBODY = "f" * 64
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}]}'
HERE = os.path.dirname(os.path.abspath(__file__))


class Peer:
    """A peer process that ends with this one."""

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="aws-peer-")
        self.process = subprocess.Popen(
            [os.path.join(HERE, "aws-peer"), "--dir", self.folder, "--with-parent", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            raise RuntimeError("the peer did not start")
        self.netloc = urllib.parse.urlsplit(self.address).netloc
        atexit.register(self.close)

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(60)
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def control(self, method, name, value=None):
        kind = http.client.HTTPSConnection if self.address.startswith("https:") else http.client.HTTPConnection
        tls = kind is http.client.HTTPSConnection
        trust = {"context": ssl.create_default_context(cafile=f"{self.folder}/tls.pem")} if tls else {}
        with contextlib.closing(kind(self.netloc, **trust)) as connection:
            connection.request(method, f"/__peer/{name}", None if value is None else json.dumps(value))
            answer = connection.getresponse()
            parsed = json.loads(answer.read())
        if answer.status != 200:
            raise ValueError(parsed["error"])
        return parsed

    def calls(self, operation=None):
        return [call for call in self.control("GET", "calls")["calls"] if operation in (None, call["operation"])]

    def state(self, service):
        return self.control("GET", "state")[service]


@functools.lru_cache(maxsize=None)
def peer():
    return Peer()


@functools.lru_cache(maxsize=None)
def client(service, credentials=sigv4.USER, address=None, verify=None, **options):
    session = botocore.session.Session()
    return session.create_client(
        service,
        REGION,
        endpoint_url=address or peer().address,
        verify=verify,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
        config=Config(retries={"max_attempts": 0}, read_timeout=60, connect_timeout=60, **options),
    )


def sign(method, target, body=b"", headers=(), service="iot", region=REGION, credentials=sigv4.USER, host=None):
    """The headers of a request signed by botocore, among them Host."""
    request = AWSRequest(method, f"http://{host or peer().netloc}{target}", headers=dict(headers), data=body)
    SigV4Auth(credentials, service, region).add_auth(request)
    return {"Host": host or peer().netloc, **dict(request.headers.items())}


def send(method, target, body=b"", headers=(), connection=None):
    """(status, headers, body) of a request sent as it is given."""
    own = connection or http.client.HTTPConnection(peer().netloc, timeout=60)
    own.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in {**dict(headers), "Content-Length": str(len(body))}.items():
        own.putheader(name, value)
    own.endheaders(body)
    answer = own.getresponse()
    text = answer.read()
    if connection is None:
        own.close()
    return answer.status, answer.headers, text


@contextlib.contextmanager
def clocks_ahead(seconds):
    """Both botocore's clock and the peer's are that much ahead."""
    ahead = botocore.auth.datetime.datetime.utcnow() + botocore.auth.datetime.timedelta(seconds=seconds)
    peer().control("POST", "settings", {"clock_offset": seconds})
    with unittest.mock.patch("botocore.auth.datetime") as clock:
        clock.datetime.utcnow.return_value = ahead
        yield


class PeerCase(unittest.TestCase):
    def setUp(self):
        peer().control("DELETE", "faults")
        peer().control("DELETE", "calls")
        peer().control("POST", "limits", {})
        peer().control(
            "POST",
            "settings",
            {"clock_offset": 0, "detach_ms": 0, "pca_polls": 0, "pca_failures": 0, "latency_ms": 0},
        )

    def refused(self, code, status, call, /, *arguments, **members):
        """Asserts that a client's call ends in this error; gives the error's answer."""
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **members)
        answer = caught.exception.response
        self.assertEqual(
            (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status), answer["Error"]
        )
        return answer

    def assert_gate_silent(self):
        """Nothing that came was refused by the gate, and no back end answered what the model does not know."""
        for call in peer().calls():
            self.assertIsNone(call["refused"], call)
            self.assertIsNone(call["bad_answer"], call)


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it did not happen")
        time.sleep(0.01)


def unique(prefix):
    unique.number += 1
    return f"{prefix}-{unique.number}"


unique.number = 0


@functools.lru_cache(maxsize=None)
def folder():
    path = tempfile.mkdtemp(prefix="peer-test-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def make_key(kind="ec:P-256"):
    """A file with a new private key: ec:CURVE or rsa:BITS."""
    path, (family, size) = os.path.join(folder(), unique("key")), kind.split(":")
    options = (
        ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{size}"]
        if family == "ec"
        else ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{size}"]
    )
    openssl("genpkey", *options, "-out", path)
    return path


@functools.lru_cache(maxsize=None)
def key(kind="ec:P-256"):
    return make_key(kind)


def csr(key_file=None, subject="/CN=unit"):
    return openssl("req", "-new", "-key", key_file or key(), "-subj", subject, "-sha256").decode()


def public_key(key_file):
    return openssl("pkey", "-in", key_file, "-pubout", "-outform", "DER").hex()


def certificate(key_file=None, subject="/CN=unit", issuer=None, days=30, ca=False, digest="sha256"):
    """A certificate: self-signed, or by `issuer` = (certificate PEM file, key file)."""
    by = ["-CA", issuer[0], "-CAkey", issuer[1]] if issuer else []
    return openssl(
        "req",
        "-x509",
        "-new",
        "-key",
        key_file or key(),
        *by,
        "-subj",
        subject,
        "-days",
        str(days),
        f"-{digest}",
        "-addext",
        f'basicConstraints=critical,CA:{"TRUE" if ca else "FALSE"}',
    ).decode()


def authority(subject=None):
    """A new CA: (file of its certificate, file of its key, its PEM)."""
    key_file = make_key()
    path = os.path.join(folder(), unique("ca"))
    pem = certificate(key_file, subject or "/CN=" + unique("CA"), ca=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(pem)
    return path, key_file, pem


class IotCase(PeerCase):
    def setUp(self):
        super().setUp()
        self.iot = client("iot")

    def new(self, active=False, key_file=None):
        return self.iot.create_certificate_from_csr(certificateSigningRequest=csr(key_file), setAsActive=active)

    def policy(self):
        name = unique("policy")
        self.iot.create_policy(policyName=name, policyDocument=POLICY)
        return name

    def thing(self, **members):
        name = unique("thing")
        self.iot.create_thing(thingName=name, **members)
        return name

    def status(self, certificate_id):
        return self.iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]["status"]
