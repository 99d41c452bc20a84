"""AWS IoT Core's control plane as documented: certificates, things, policies, and how they hang together."""

import base64
import hashlib
import threading
import uuid

from errors import AwsError
from iot_cas import CertificateAuthorities
from iot_certificates import Certificates
from iot_policies import Policies
from iot_things import Things
from x509 import Authority

PAGE_DEFAULT, PAGE_MOST = 25, 250
PAYLOAD_MOST, TOPIC_MOST, SLASHES_MOST = 128 << 10, 256, 7
ENDPOINTS = {
    "iot:Data-ATS": "{0}-ats.iot.{1}.amazonaws.com",
    "iot:Data": "{0}.iot.{1}.amazonaws.com",
    "iot:CredentialProvider": "{0}.credentials.iot.{1}.amazonaws.com",
    "iot:Jobs": "{0}.jobs.iot.{1}.amazonaws.com",
}


class Iot(Certificates, CertificateAuthorities, Policies, Things):
    """Every method with a capital is the operation of that name: its input's members in, its answer out.

    `lock` guards all state; nothing that takes long (openssl) is done under it.
    """

    def __init__(self, folder, region, account, clock, settings):
        self.region, self.account, self.clock, self.settings = region, account, clock, settings
        self.lock = threading.RLock()
        self.data_host = None  # where this peer is, for the setting own_data
        self.certificates, self.cas, self.policies, self.things, self.thing_types = {}, {}, {}, {}, {}
        self.registration_code = uuid.uuid4().hex + uuid.uuid4().hex
        self.authority = Authority(
            folder, "iot-ca", "/OU=Amazon Web Services O\\=Amazon.com Inc. L\\=Seattle/CN=Peer IoT CA", 20000
        )
        self.authority.profile("device", "basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature")

    def arn(self, kind, name):
        return f"arn:aws:iot:{self.region}:{self.account}:{kind}/{name}"

    def page(self, items, key, size, marker, default=PAGE_DEFAULT):
        """One page of `items` and the next marker or None; the marker holds the `key` of the last item given."""
        start = 0
        if marker is not None:
            last = base64.b64decode(marker).decode(errors="replace")
            start = next((index + 1 for index, item in enumerate(items) if key(item) == last), None)
            if start is None:
                raise AwsError("InvalidRequestException", "Invalid marker")
        chosen = items[start : start + min(size or default, PAGE_MOST)]
        more = chosen and start + len(chosen) < len(items)
        return chosen, base64.b64encode(key(chosen[-1]).encode()).decode() if more else None

    def DescribeEndpoint(self, endpointType="iot:Data"):
        if endpointType not in ENDPOINTS:
            raise AwsError("InvalidRequestException", f"{endpointType} is not an endpoint type")
        if endpointType == "iot:Data-ATS" and self.settings["own_data"]:
            return {"endpointAddress": self.data_host}
        return {"endpointAddress": ENDPOINTS[endpointType].format("a1peer0000000", self.region)}

    def dump(self, key=None, thing=None):
        """All there is; or, of the certificates, those for the key with this SHA-256, and of the things, this one."""
        with self.lock:
            self.settle_detachments()
            certificates = self.certificates.values()
            if key is not None:
                certificates = [one for one in certificates if hashlib.sha256(one.x509.spki).hexdigest() == key]
            return {
                "certificates": [certificate.dump() for certificate in certificates],
                "cas": [ca.describe() for ca in self.cas.values()],
                "policies": {name: {"targets": list(policy.targets)} for name, policy in self.policies.items()},
                "things": {name: one.dump() for name, one in self.things.items() if thing in (None, name)},
            }


class IotData:
    """The data plane, as far as a station might publish."""

    def __init__(self):
        self.published = []

    def Publish(self, topic, payload=b"", **options):
        if len(payload) > PAYLOAD_MOST or len(topic.encode()) > TOPIC_MOST or topic.count("/") > SLASHES_MOST:
            raise AwsError("InvalidRequestException", "payload or topic is too long")
        if set("+#\0") & set(topic) or topic == "":
            raise AwsError("InvalidRequestException", "not a topic to publish on")
        self.published.append({"topic": topic, "payload": payload.decode("utf-8", "replace"), **options})
        return {}

    def dump(self):
        return {"published": self.published}
