#!/usr/bin/env python3
"""packaging/aws/activation.yaml against the code: each function may make the calls of its own sources and no others;
the rules hand over each message of a unit once, and none of the functions' own; names, tables, settings and verdicts
are those of the code and of the seed; a unit may say what first boot listens to, and nothing else."""

import pathlib
import re
import sys

sys.dont_write_bytecode = True

from cloud_template import Rule, Template, as_list, operations_in, run_tests

ROOT = pathlib.Path(sys.argv[1])
TEMPLATE = Template(ROOT / "packaging/aws/activation.yaml")
RESOURCES, flat = TEMPLATE.resources, TEMPLATE.flat
STATION = Template(ROOT / "packaging/aws/station.yaml")
LAMBDA = sorted((ROOT / "station/lambda").glob("*.c"))
FUNCTION = (ROOT / "station/lambda/function.c").read_text()
TABLE, SOFTWARE = ROOT / "db/activation_dynamodb.c", ROOT / "db/software_s3.c"
SIGNER = [*(ROOT / "certs").glob("cloud*.c"), ROOT / "certs/signer_iot.c"]
# Function: what it is at AWS, its sources that make calls, the root of its topics, its rules.
FUNCTIONS = {
    "Registration": ("Bootstrapping_lambda_registration_device", [*LAMBDA, TABLE], "bs", {"RegisterDevice"}),
    "Update": ("Devicemanager_lambda_update", [*LAMBDA, TABLE, SOFTWARE], "dm", {"UpdateSoftware", "SoftwareVersion"}),
}
# What Lambda itself does with a function's role; and what makes S3 say that something is not there.
PLATFORM = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage", "s3:ListBucket"}
REFUSED = "unknown-device early-confirm not-active retained oversized malformed foreign bad-row no-software bad-event key-gone"
DEVICE = "FX30-000001"


def properties(name):
    return flat(RESOURCES[name]["Properties"])


def statements(role):
    (policy,) = properties(role)["Policies"]
    return policy["PolicyDocument"]["Statement"]


def conditional(name, condition):
    """The statements that the registration function's role has besides, on that condition alone."""
    assert RESOURCES[name]["Condition"] == condition, name
    assert properties(name)["Roles"] == ["RegistrationRole"], name
    return properties(name)["PolicyDocument"]["Statement"]


def publishes_on(found):
    (targets,) = [as_list(statement["Resource"]) for statement in found if statement["Action"] == "iot:Publish"]
    return {target.split(":topic/")[1] for target in targets}


def topics():
    """(root, rest, kind) of each topic that the core knows."""
    code = (ROOT / "station/activation/topic.c").read_text()
    found = re.findall(r'\{"(\w+)", "([\w/]+)", KL_TOPIC_(\w+)\}', code)
    assert len(found) > 8, found
    return found


def taken():
    """What units publish, as the core subscribes to it where it has a broker."""
    code = (ROOT / "station/activation/topic.c").read_text()
    return re.findall(r'"([bd][sm]/device/\+/[^"]+)"', code)


def rules():
    found = {name: resource["Properties"] for name, resource in TEMPLATE.of_type("AWS::IoT::TopicRule").items()}
    return {name: Rule(flat(rule["TopicRulePayload"]["Sql"])) for name, rule in found.items()}


def test_names_are_defined():
    TEMPLATE.check_names()


def test_functions_are_the_seeds():
    for function, (name, _, _, _) in FUNCTIONS.items():
        there = properties(f"{function}Function")
        assert there["FunctionName"] == name and there["Runtime"] == "provided.al2023", there
        assert there["Handler"] == "bootstrap" and there["DeadLetterConfig"]["TargetArn"] == "Undelivered.Arn", there
        assert there["Role"] == f"{function}Role.Arn", there
        log = properties(f"{function}Log")
        assert log["LogGroupName"] == f"/aws/lambda/{name}" and int(log["RetentionInDays"]) > 0, log
        retries = properties(f"{function}Retries")
        assert retries["FunctionName"] == f"{function}Function" and retries["MaximumRetryAttempts"] == 2
    assert len(TEMPLATE.of_type("AWS::Lambda::Function")) == len(FUNCTIONS)


def test_calls():
    for function, (name, sources, _, _) in FUNCTIONS.items():
        allowed = [action for statement in statements(f"{function}Role") for action in as_list(statement["Action"])]
        used = operations_in(ROOT, sources)
        assert len(used) >= 4, f"too few calls were found in the code: {used}"
        wanted = used | (PLATFORM if SOFTWARE in sources else PLATFORM - {"s3:ListBucket"})
        assert set(allowed) == wanted, f"{function}: {set(allowed) ^ wanted}"
    service = RESOURCES["Service"]["Properties"]["PolicyDocument"]["Statement"]
    allowed = {action for statement in service for action in as_list(statement["Action"])}
    assert allowed == operations_in(ROOT, [TABLE, SOFTWARE]) | {"s3:ListBucket"}, allowed


def test_resources():
    for function, (name, _, _, _) in FUNCTIONS.items():
        for statement in statements(f"{function}Role"):
            actions, targets = as_list(statement["Action"]), as_list(statement["Resource"])
            assert statement["Effect"] == "Allow" and not any("*" in action for action in actions), statement
            assert targets != ["*"] or actions == ["iot:DescribeEndpoint"], statement
            for target in targets:
                assert not target.startswith("arn:") or target.rstrip("*")[-1] in "/:" or "*" not in target or (
                    "/*/" in target
                ), target
            if "logs:PutLogEvents" in actions:
                assert targets == [
                    f"arn:aws-us-gov:logs:ap-southeast-2:123456789012:log-group:/aws/lambda/{name}:*"
                ], targets
    for role in ("RegistrationRole", "UpdateRole", "RuleRole"):
        (trust,) = properties(role)["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"]["Service"] == ("iot" if role == "RuleRole" else "lambda") + ".amazonaws.com", role


def test_publishing():
    """Each function may publish on its own topics alone: certificates where it signs, keys where that was asked for."""
    for function, (_, _, root, _) in FUNCTIONS.items():
        own = {f"{r}/device/*/{rest}" for r, rest, kind in topics() if kind == "OWN" and r == root}
        own = {topic for topic in own if "/credentials/" not in topic}
        assert publishes_on(statements(f"{function}Role")) == own, own
    credentials = "bs/device/*/credentials/"
    assert publishes_on(conditional("RegistrationSigns", "Signs")) == {credentials + "certificate"}
    (keys,) = conditional("RegistrationSendsKeys", "SendsKeys")
    assert publishes_on([keys]) == {credentials + "key"}, keys


def test_signing():
    """No call but those of the signer (tests/test-lambda.py holds the role to those that are made), each on what AWS
    documents as its resources."""
    anything = {"CreateCertificateFromCsr", "ListCertificates"}
    kinds = {
        "DescribeCertificate": {"cert/*"},
        "UpdateCertificate": {"cert/*"},
        "CreateThing": {"thing/*"},
        "ListThingPrincipals": {"thing/*"},
        "AttachThingPrincipal": {"thing/*", "cert/*"},
        "AttachPolicy": {"cert/*", "policy/KeylineDevice"},
    }
    found = {}
    for statement in conditional("RegistrationSigns", "Signs"):
        for action in as_list(statement["Action"]):
            assert action == "iot:Publish" or action in operations_in(ROOT, SIGNER), action
            found[action.removeprefix("iot:")] = {
                target if target == "*" else target.split(":", 5)[5] for target in as_list(statement["Resource"])
            }
    del found["Publish"]
    assert found == {**{name: {"*"} for name in anything}, **kinds}, found
    assert flat(STATION.parameters["DevicePolicy"]["Default"]) == TEMPLATE.parameters["DevicePolicy"]["Default"]


def test_conditions():
    """What each makes of the parameters, and that a function is over before others may make the same certificate."""
    conditions, parameters = TEMPLATE.whole["Conditions"], TEMPLATE.parameters
    assert conditions["Signs"] == {"Not": [{"Equals": [{"Ref": "Credentials"}, "factory"]}]}, conditions
    assert conditions["SendsKeys"] == {"Equals": [{"Ref": "DangerousSendPrivateKeysOverMqtt"}, "true"]}, conditions
    known = re.findall(r'\[KL_CREDENTIALS_\w+\] = "([\w-]+)"', FUNCTION)
    assert parameters["Credentials"]["AllowedValues"] == known and len(known) == 3, known
    claim = re.search(r"KL_ACTIVATION_CLAIM_US \((\d+) \*", (ROOT / "station/activation/table.h").read_text())
    assert properties("RegistrationFunction")["Timeout"] < int(claim[1])


def test_every_message_is_handed_over_once():
    by_rule = rules()
    for wanted in taken():
        topic = wanted.replace("+", DEVICE)
        events = {name: rule.event(topic, b"{}", DEVICE, "T") for name, rule in by_rule.items()}
        (name,) = [name for name, event in events.items() if event is not None]
        event = events[name]
        assert event["topic"] == topic and event["device"] == DEVICE and event["client"] == DEVICE, event
        assert event["payload"] == "e30=" and event["trace"] == "T" and event["level"] == topic.split("/")[4], event
        (function,) = [function for function, parts in FUNCTIONS.items() if name in parts[3]]
        assert topic.startswith(FUNCTIONS[function][2] + "/"), f"{topic} goes to {function}"


def test_own_publications_come_to_nobody():
    for root, rest, kind in topics():
        for name, rule in rules().items() if kind == "OWN" else []:
            assert rule.event(f"{root}/device/{DEVICE}/{rest}", b"", DEVICE, "T") is None, f"{name}: {rest}"


def test_rules_are_the_seeds():
    seeds = {
        "Bootstrapping_register_device": "bs/device/+/register/#",
        "Devicemanager_update_sw": "dm/device/+/update/#",
    }
    for name, resource in TEMPLATE.of_type("AWS::IoT::TopicRule").items():
        rule = flat(resource["Properties"])
        payload = rule["TopicRulePayload"]
        assert payload["Sql"].startswith("SELECT topic(3) as device, topic(5) as level"), payload["Sql"]
        assert payload["AwsIotSqlVersion"] == "2016-03-23", payload
        if rule["RuleName"] in seeds:
            assert Rule(payload["Sql"]).filter == seeds.pop(rule["RuleName"]), payload["Sql"]
        (action,) = payload["Actions"]
        (function,) = [function for function, parts in FUNCTIONS.items() if name in parts[3]]
        assert action["Lambda"]["FunctionArn"] == f"{function}Function.Arn", action
        assert payload["ErrorAction"]["Sqs"]["RoleArn"] == "RuleRole.Arn", payload
        permission = properties(f"{name}MayInvoke")
        assert permission["SourceArn"] == f"{name}.Arn" and permission["FunctionName"] == f"{function}Function"
        assert permission["Principal"] == "iot.amazonaws.com" and permission["SourceAccount"], permission
    assert not seeds, f"no rule {seeds}"


def test_settings():
    read = dict(re.findall(r'setting\("(\w+)", "(\w*)"\)', FUNCTION))
    assert read.pop("AWS_LAMBDA_RUNTIME_API") == "", read
    for function, (_, sources, _, _) in FUNCTIONS.items():
        given = properties(f"{function}Function")["Environment"]["Variables"]
        given.pop("AWS_ENDPOINT_URL_IOT_DATA_PLANE")
        signs = {"KEYLINE_CREDENTIALS", "KEYLINE_POLICY", "KEYLINE_DANGEROUS_SEND_PRIVATE_KEYS_OVER_MQTT"}
        others = signs if SOFTWARE in sources else {"KEYLINE_SOFTWARE_TABLE"}
        known = {name: usual for name, usual in read.items() if name not in others}
        assert given == known, f"{function}: {given} are not {known}"


def test_bucket():
    bucket = properties("Software")
    assert bucket["VersioningConfiguration"]["Status"] == "Enabled", bucket
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, bucket
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4, bucket
    (statement,) = properties("SoftwareByTlsOnly")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*"), statement
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}, statement
    assert len(statement["Resource"]) == 2, statement


def test_tables():
    for name in ("Registration", "Firmware"):
        here, there = RESOURCES[name], STATION.resources[name]
        for key in ("KeySchema", "AttributeDefinitions", "BillingMode"):
            assert here["Properties"][key] == there["Properties"][key], f"{name}: {key}"
        assert here["DeletionPolicy"] == "Retain" and here["Condition"] == "MakesTables", name
        assert flat(here["Properties"]["TableName"]) == STATION.flat(there["Properties"]["TableName"]), name


def test_refusals_are_counted():
    code = (ROOT / "station/activation/activation.c").read_text()
    names = set(re.findall(r'\[KL_ACTIVATION_\w+\] = "([\w-]+)"', code))
    names |= set(re.findall(r'(?:log_failure|describe)\("([\w-]+)", (?:why|detail)', FUNCTION))
    fine = {"answered", "activated", "counted", "software", "version", "repeated", "own", "failed"}
    assert names - fine == set(REFUSED.split()), names - fine
    for function in FUNCTIONS:
        pattern = properties(f"{function}Refusals")
        assert set(re.findall(r'\$\.verdict = "([\w-]+)"', pattern["FilterPattern"])) == names - fine, pattern
        assert pattern["LogGroupName"] == f"{function}Log", pattern
    metrics = {
        transformation["MetricName"]
        for resource in TEMPLATE.of_type("AWS::Logs::MetricFilter").values()
        for transformation in resource["Properties"]["MetricTransformations"]
    }
    alarms = TEMPLATE.of_type("AWS::CloudWatch::Alarm").values()
    assert metrics <= {alarm["Properties"]["MetricName"] for alarm in alarms}, metrics


def test_units_say_what_is_listened_to():
    document = STATION.flat(STATION.resources["Device"]["Properties"]["PolicyDocument"])
    own = "${iot:Connection.Thing.ThingName}"
    may = {}
    for statement in document["Statement"]:
        for action in as_list(statement["Action"]):
            may.setdefault(action, set()).update(
                target.split(":", 5)[5].partition("/")[2] for target in as_list(statement["Resource"])
            )
            if action == "iot:Connect":
                assert statement["Condition"] == {"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}, statement
    said = {topic.replace("+", own) for topic in taken()}
    assert may["iot:Publish"] == said | {f"$aws/things/{own}/shadow/*"}, may["iot:Publish"] ^ said
    assert may["iot:Connect"] == {own}, may["iot:Connect"]
    for root, rest, kind in topics():
        topic = f"{root}/device/{own}/{rest}"
        heard = [place for place in may["iot:Receive"] if topic.startswith(place.rstrip("*"))]
        assert kind != "OWN" or heard, f"a unit can't hear {topic}"
    assert "iot:RetainPublish" not in may, "what a unit says is never kept"


if __name__ == "__main__":
    run_tests(globals())
