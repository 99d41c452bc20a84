"""What the tests of the Lambda functions share: a function as a process, the events that the rules of
packaging/aws/activation.yaml make, rows, and the strict AWS peer."""

import json
import pathlib
import sys

sys.dont_write_bytecode = True
ROOT = pathlib.Path(sys.argv[1])
PROGRAMS = {"bs": sys.argv[2], "dm": sys.argv[3]}
sys.path.insert(0, str(ROOT / "tests/peers"))

import rig
import sigv4
from cloud_template import Rule, Template
from lambda_api import WAIT_SECONDS as PATIENCE
from lambda_api import Function
from rig import client, peer, unique

TEMPLATE = Template(ROOT / "packaging/aws/activation.yaml")
RULES = [
    Rule(TEMPLATE.flat(rule["Properties"]["TopicRulePayload"]["Sql"]))
    for rule in TEMPLATE.of_type("AWS::IoT::TopicRule").values()
]
REGISTRATION, SOFTWARE = "Bootstrapping_table_registration", "Devicemanager_update"
PARAMETERS = '{"topic":"$aws/things/DEVICE_ID/shadow/update","interval":60}'
SIGNATURE = "MAYCAQECAQE="
ENVIRONMENT = {
    "AWS_REGION": rig.REGION,
    "AWS_ACCESS_KEY_ID": sigv4.ROLE.access_key,
    "AWS_SECRET_ACCESS_KEY": sigv4.ROLE.secret_key,
    "AWS_SESSION_TOKEN": sigv4.ROLE.token,
    "AWS_CONFIG_FILE": "/dev/null/none",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null/none",
    "AWS_EC2_METADATA_DISABLED": "true",
    "KEYLINE_CONNECTIONS_ALARM": "1",
}


def event(topic, payload=b"", client_id=None, trace=None):
    """What the rules make of a message, by the one that it is for; None: it is for none of them."""
    client_id = client_id or topic.split("/")[2]
    made = [rule.event(topic, payload, client_id, trace or unique("trace")) for rule in RULES]
    (found,) = [one for one in made if one is not None] or [None]
    return found


def text(message_id, **members):
    return json.dumps({"id": message_id, **members}).encode()


class Case(rig.PeerCase):
    def setUp(self):
        super().setUp()
        self.functions, self.device = [], unique("FX30")
        self.published_before = len(peer().state("iot-data")["published"])
        client("dynamodb").put_item(TableName=REGISTRATION, Item=row(self.device))

    def tearDown(self):
        for function in self.functions:
            if function.process.poll() is None:
                function.close()

    def start(self, root, **environment):
        function = Function(PROGRAMS[root], {**ENVIRONMENT, "AWS_ENDPOINT_URL": peer().address, **environment})
        self.functions.append(function)
        return function

    def item(self, device=None):
        found = client("dynamodb").get_item(TableName=REGISTRATION, Key={"device": {"S": device or self.device}})
        return {name: next(iter(value.values())) for name, value in found.get("Item", {}).items()}

    def state(self):
        item = self.item()
        return item["registered"], item["version"], item["connections"]

    def counts(self, device=None):
        prefix = "keyline_boot_count_"
        return {
            name.removeprefix(prefix): int(value)
            for name, value in self.item(device).items()
            if name.startswith(prefix)
        }

    def published(self):
        """(topic, payload) in order, without those of earlier tests."""
        new = peer().state("iot-data")["published"][self.published_before :]
        self.assertTrue(all(one["qos"] == 1 and "retain" not in one for one in new), new)
        return [(one["topic"], one["payload"]) for one in new]

    def answers(self):
        parameters = PARAMETERS.replace("DEVICE_ID", self.device)
        return [
            (f"bs/device/{self.device}/parameters/", parameters),
            (f"bs/device/{self.device}/parameters/topic", f"$aws/things/{self.device}/shadow/update"),
        ]

    def bs(self, level):
        return f"bs/device/{self.device}/register/{level}"

    def dm(self, rest):
        return f"dm/device/{self.device}/{rest}"

    def activate(self, function):
        self.assertEqual(function.invoke(event(self.bs("request"), text("1"))), ("response", "answered"))
        self.assertEqual(function.invoke(event(self.bs("ok"), text("2"))), ("response", "activated"))


def row(device):
    return {
        "device": {"S": device},
        "registered": {"S": "false"},
        "policy": {"S": "MyRaspberry_IoT_Activation"},
        "firmware": {"S": "main"},
        "parameters": {"S": PARAMETERS.replace("DEVICE_ID", device)},
        "version": {"N": "0"},
        "connections": {"N": "0"},
    }


def put_software(content):
    folder = pathlib.Path(peer().folder, "s3/soft-ware/software")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.bin").write_bytes(content)


def make_table(aws, name):
    aws.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "device", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "device", "KeyType": "HASH"}],
    )
    rig.wait_until(lambda: aws.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE", PATIENCE)


def prepare():
    for name in (REGISTRATION, SOFTWARE):
        make_table(client("dynamodb"), name)
    entry = {"bucket": {"S": "soft-ware"}, "file": {"S": "software/main.bin"}, "version": {"N": "3"}}
    client("dynamodb").put_item(
        TableName=SOFTWARE, Item={"device": {"S": "main"}, "signature": {"S": SIGNATURE}, **entry}
    )
