#!/usr/bin/env python3
"""packaging/aws/station.yaml against the code: every call of AWS that the program makes is allowed in exactly one of the
roles, and nothing else is; the tables are those that the program asks for; every unit is kept to its own topics. What
CloudFormation itself would say of the template is not asked: cfn-lint is not in Debian."""

import pathlib
import re
import sys

sys.dont_write_bytecode = True

from cloud_template import Template, as_list, operations_in, run_tests

ROOT = pathlib.Path(sys.argv[1])
ROLES = {
    "Station": "station",
    "StationPrivateCa": "station",
    "CleanUp": "clean-up",
    "CleanUpPrivateCa": "clean-up",
    "Engineer": "engineer",
}
# Needs no permission: "No permissions are required to perform this operation" (AWS STS API reference).
FREE = {"sts:GetCallerIdentity"}
# IAM knows no resources for these, or none that exist before the call (Service Authorization Reference, AWS IoT).
ANY_RESOURCE = {
    "iot:CreateCertificateFromCsr",
    "iot:RegisterCertificate",
    "iot:RegisterCertificateWithoutCA",
    "iot:ListCertificates",
    "iot:DescribeEndpoint",
    "iot:ListAttachedPolicies",
    "iot:ListPrincipalThings",
    "iot:GetRegistrationCode",
    "iot:RegisterCACertificate",
}
OWN_THING = "${iot:Connection.Thing.ThingName}"
MANAGED_POLICY_MOST = 6144  # characters, without white space (IAM quotas)
DEVICE_POLICY_MOST = 2048  # the same (AWS IoT Core quotas)


TEMPLATE = Template(ROOT / "packaging/aws/station.yaml")
RESOURCES, flat = TEMPLATE.resources, TEMPLATE.flat
# Of these, activation.yaml tells who may make their calls.
FIRST_BOOT = ("station/lambda", "db/activation_dynamodb.c", "db/software_s3.c")


def statements(resource):
    return RESOURCES[resource]["Properties"]["PolicyDocument"]["Statement"]


def used_operations():
    """The IAM actions of all calls in the code, by the constants that it names."""
    folders = ("station", "certs", "db", "drivers", "gui")
    elsewhere = tuple(str(ROOT / place) for place in ("station/net", *FIRST_BOOT))
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.c")]
    return operations_in(ROOT, [path for path in paths if not str(path).startswith(elsewhere)])


def test_operations():
    allowed = {}
    for resource, role in ROLES.items():
        for statement in statements(resource):
            assert statement["Effect"] == "Allow", f"{resource}: what is not allowed is denied"
            for action in as_list(statement["Action"]):
                allowed.setdefault(action, set()).add(role)
    used = used_operations() - FREE
    assert len(used) > 25, f"too few calls were found in the code: {sorted(used)}"
    assert used - set(allowed) == set(), f"used, but allowed in no role: {sorted(used - set(allowed))}"
    assert set(allowed) - used == set(), f"allowed, but never used: {sorted(set(allowed) - used)}"
    twice = {action: roles for action, roles in allowed.items() if len(roles) > 1}
    assert not twice, f"in more than one role: {twice}"


def test_all_policies_are_looked_at():
    policies = {name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::IAM::ManagedPolicy"}
    assert policies == set(ROLES), f"{policies} are not {set(ROLES)}"
    for resource in RESOURCES.values():
        assert "Policies" not in resource.get("Properties", {}), "an inline policy"


def test_stations_delete_nothing():
    for resource, role in ROLES.items():
        for statement in statements(resource) if role == "station" else []:
            for action in as_list(statement["Action"]):
                assert not re.search(r"Delete|Detach|Policy.*Version|CreatePolicy|CACertificate$", action) or action in (
                    "iot:DescribeCACertificate",
                ), f"a station may {action}"


def test_resources():
    for resource in ROLES:
        for statement in statements(resource):
            for target in as_list(flat(statement["Resource"])):
                if target == "*":
                    beyond = set(as_list(statement["Action"])) - ANY_RESOURCE
                    assert not beyond, f"{resource}: {beyond} on everything"
                else:
                    assert resource.endswith("PrivateCa") or re.fullmatch(
                        r"arn:[\w-]+:(iot:[\w-]+:\d{12}:(cert|cacert|thing|policy)/\S+|dynamodb:[\w-]+:\d{12}:table/\w+)",
                        target,
                    ), f"{resource}: {target}"
        size = len(re.sub(r"\s", "", repr(flat(RESOURCES[resource]["Properties"]["PolicyDocument"]))))
        assert size <= MANAGED_POLICY_MOST, f"{resource} has {size} characters"


def test_units_keep_to_themselves():
    document = flat(RESOURCES["Device"]["Properties"]["PolicyDocument"])
    allowed = set()
    for statement in document["Statement"]:
        for action in as_list(statement["Action"]):
            assert "*" not in action, action
            allowed.add(action)
            for target in as_list(statement["Resource"]):
                kind, _, name = target.split(":", 5)[5].partition("/")
                expected = {"iot:Connect": "client", "iot:Subscribe": "topicfilter"}.get(action, "topic")
                assert kind == expected, f"{action} on {kind}"
                assert OWN_THING in name.split("/"), f"{target}: not a unit's own"
                assert "*" not in name.split(OWN_THING)[0], f"{target}: open before the unit's name"
    assert allowed == {"iot:Connect", "iot:Publish", "iot:Subscribe", "iot:Receive"}, allowed
    size = len(re.sub(r"\s", "", str(document)))
    assert size <= DEVICE_POLICY_MOST, f"the device policy has {size} characters"


def test_tables():
    code = (ROOT / "db/dynamodb.c").read_text()
    keys = {
        name: tuple(re.findall(r'"(\w+)"', value))
        for name, value in re.findall(r"^const KlTableKey kl_(\w+)_key = \{(.*)\};", code, re.M)
    }
    config = (ROOT / "station/config_aws.c").read_text()
    defaults = dict(re.findall(r'aws->(\w+)_table = g_strdup\("(\w+)"\)', config))
    defaults["firmware"] = "Devicemanager_update"
    assert set(keys) == set(defaults) == {"registration", "records", "counters", "firmware"}, (keys, defaults)
    for name, key in keys.items():
        table = RESOURCES[name.capitalize()]
        properties = table["Properties"]
        assert table["Type"] == "AWS::DynamoDB::Table" and table["DeletionPolicy"] == "Retain", name
        assert tuple(part["AttributeName"] for part in properties["KeySchema"]) == key, name
        assert [part["KeyType"] for part in properties["KeySchema"]] == ["HASH", "RANGE"][: len(key)], name
        assert {part["AttributeName"]: part["AttributeType"] for part in properties["AttributeDefinitions"]} == {
            attribute: "S" for attribute in key
        }, name
        assert flat(properties["TableName"]) == defaults[name], name


def test_names_are_defined():
    TEMPLATE.check_names()


if __name__ == "__main__":
    run_tests(globals())
