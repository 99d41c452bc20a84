#!/usr/bin/env python3
"""packaging/aws/station.yaml against the code: every call of AWS that the program makes is allowed in exactly one of the
roles, and nothing else is; the tables are those that the program asks for; every unit is kept to its own topics. What
CloudFormation itself would say of the template is not asked: cfn-lint is not in Debian."""

import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(sys.argv[1])
ROLES = {
    "Station": "station",
    "StationPrivateCa": "station",
    "CleanUp": "clean-up",
    "CleanUpPrivateCa": "clean-up",
    "Engineer": "engineer",
}
IAM_SERVICES = {"IOT": "iot", "DYNAMODB": "dynamodb", "ACM_PCA": "acm-pca", "STS": "sts"}
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
PSEUDO = {"AWS::Partition", "AWS::Region", "AWS::AccountId", "AWS::NoValue"}
OWN_THING = "${iot:Connection.Thing.ThingName}"
MANAGED_POLICY_MOST = 6144  # characters, without white space (IAM quotas)
DEVICE_POLICY_MOST = 2048  # the same (AWS IoT Core quotas)


class Tagged(dict):
    """One of CloudFormation's short forms: {"Ref": "Station"}."""


class Loader(yaml.SafeLoader):
    pass


def short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return Tagged({suffix: value})


def unique_keys(loader, node, deep=False):
    keys = [key.value for key, _ in node.value]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key twice: {keys}")
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


Loader.add_multi_constructor("!", short_form)
Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, lambda l, n: unique_keys(l, n, deep=True))
TEMPLATE = yaml.load((ROOT / "packaging/aws/station.yaml").read_text(), Loader)
RESOURCES, PARAMETERS = TEMPLATE["Resources"], TEMPLATE["Parameters"]


def as_list(value):
    return value if isinstance(value, list) else [value]


def walk(value):
    yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from walk(below)


def resolve(text):
    """A !Sub with parameters' defaults and a long region."""
    known = {"AWS::Partition": "aws-us-gov", "AWS::Region": "ap-southeast-2", "AWS::AccountId": "123456789012"}
    known.update({name: str(parameter.get("Default", "")) for name, parameter in PARAMETERS.items()})
    text = re.sub(r"\$\{([A-Za-z:]+)\}", lambda match: known[match[1]] if match[1] in known else match[0], text)
    return text.replace("${!", "${")


def flat(value):
    """A value with its short forms resolved, as CloudFormation hands it on."""
    if isinstance(value, Tagged):
        ((kind, argument),) = value.items()
        if kind == "Sub":
            return resolve(argument)
        if kind == "Ref":
            return resolve("${%s}" % argument) if argument in PARAMETERS else argument
        return str(argument)
    if isinstance(value, dict):
        return {key: flat(below) for key, below in value.items()}
    return [flat(below) for below in value] if isinstance(value, list) else value


def statements(resource):
    return RESOURCES[resource]["Properties"]["PolicyDocument"]["Statement"]


def used_operations():
    """The IAM actions of all calls in the code, by the constants that it names."""
    definition = (ROOT / "station/net/aws_operations.def").read_text()
    rows = re.findall(r'^KL_AWS_CALL\((\w+), (\w+), "(\w+)"', definition, re.M)
    actions = {f"KL_AWS_{code}": f"{IAM_SERVICES[service]}:{name}" for code, service, name in rows}
    assert len(actions) > 30, "aws_operations.def was not understood"
    used = set()
    for folder in ("station", "certs", "db", "drivers", "gui"):
        for path in (ROOT / folder).rglob("*.c"):
            if ROOT / "station/net" not in path.parents:
                used |= set(re.findall(r"\bKL_AWS_\w+", path.read_text())) & set(actions)
    return {actions[constant] for constant in used}


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
    """What the template refers to is in it."""
    known, conditions = set(PARAMETERS) | set(RESOURCES) | PSEUDO, set(TEMPLATE["Conditions"])
    used = set()
    for value in walk(TEMPLATE):
        if isinstance(value, dict) and "Condition" in value and isinstance(value["Condition"], str):
            assert value["Condition"] in conditions, value["Condition"]
            used.add(value["Condition"])
        if not isinstance(value, Tagged):
            continue
        ((kind, argument),) = value.items()
        assert kind in ("Ref", "Sub", "If", "Equals", "Not", "GetAtt"), kind
        if kind == "If":
            assert argument[0] in conditions and len(argument) == 3, argument
            used.add(argument[0])
        names = {"Ref": [argument], "GetAtt": [str(argument).split(".")[0]]}.get(kind, [])
        names += re.findall(r"\$\{([^!}]+)\}", argument) if kind == "Sub" else []
        for name in names:
            assert name in known, f"{kind} of {name}"
            used.add(name)
    unused = (set(PARAMETERS) | conditions) - used
    assert not unused, f"never used: {unused}"


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    print(f"1..{len(tests)}")
    for number, (name, test) in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} {name}")
        except AssertionError as error:
            print(f"not ok {number} {name}")
            print(f"# {error}")


if __name__ == "__main__":
    main()
