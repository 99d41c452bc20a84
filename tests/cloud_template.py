"""A CloudFormation template of packaging/aws/, read, with its short forms resolved; and what AWS IoT's SQL makes of a
message, as far as the template's rules need it. Sources: CloudFormation user guide; AWS IoT Core developer guide,
"AWS IoT SQL reference"."""

import base64
import re

import yaml

IAM_SERVICES = {"IOT": "iot", "IOT_DATA": "iot", "DYNAMODB": "dynamodb", "ACM_PCA": "acm-pca", "S3": "s3", "STS": "sts"}
PSEUDO = {"AWS::Partition", "AWS::Region", "AWS::AccountId", "AWS::NoValue"}


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


def as_list(value):
    return value if isinstance(value, list) else [value]


def walk(value):
    yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from walk(below)


class Template:
    def __init__(self, path):
        text = path.read_text()
        self.whole = yaml.load(text, Loader)
        self.aliases = [token for token in yaml.scan(text) if isinstance(token, (yaml.AliasToken, yaml.AnchorToken))]
        self.resources, self.parameters = self.whole["Resources"], self.whole["Parameters"]

    def resolve(self, text):
        """A !Sub with parameters' defaults and a long region."""
        known = {"AWS::Partition": "aws-us-gov", "AWS::Region": "ap-southeast-2", "AWS::AccountId": "123456789012"}
        known.update({name: str(parameter.get("Default", "")) for name, parameter in self.parameters.items()})
        text = re.sub(r"\$\{([A-Za-z:]+)\}", lambda match: known[match[1]] if match[1] in known else match[0], text)
        return text.replace("${!", "${")

    def flat(self, value):
        """A value with its short forms resolved, as CloudFormation hands it on."""
        if isinstance(value, Tagged):
            ((kind, argument),) = value.items()
            if kind == "Sub":
                return self.resolve(argument)
            if kind == "Ref":
                return self.resolve("${%s}" % argument) if argument in self.parameters else argument
            return str(argument)
        if isinstance(value, dict):
            return {key: self.flat(below) for key, below in value.items()}
        return [self.flat(below) for below in value] if isinstance(value, list) else value

    def of_type(self, kind):
        return {name: resource for name, resource in self.resources.items() if resource["Type"] == kind}

    def check_names(self):
        """What the template refers to is in it, and what it declares is used."""
        assert not self.aliases, "CloudFormation knows no aliases"
        known, conditions = set(self.parameters) | set(self.resources) | PSEUDO, set(self.whole["Conditions"])
        used = set()
        for value in walk(self.whole):
            if isinstance(value, dict) and isinstance(value.get("Condition"), str):
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
        unused = (set(self.parameters) | conditions) - used
        assert not unused, f"never used: {unused}"


def operations(root):
    """The IAM actions of all calls that the program can make, by the constants of aws_operations.def."""
    definition = (root / "station/net/aws_operations.def").read_text()
    rows = re.findall(r'^KL_AWS_CALL\((\w+), (\w+), "(\w+)"', definition, re.M)
    assert len(rows) > 30, "aws_operations.def was not understood"
    return {f"KL_AWS_{code}": f"{IAM_SERVICES[service]}:{name}" for code, service, name in rows}


def operations_in(root, paths):
    """Those of them that the files name."""
    actions = operations(root)
    named = {name for path in paths for name in re.findall(r"\bKL_AWS_\w+", path.read_text())}
    return {actions[name] for name in named & set(actions)}


# --- a rule's SQL ---


class Rule:
    """SELECT ITEM as NAME, ... FROM 'FILTER' WHERE topic(N) = 'TEXT' OR ...; anything else is not understood."""

    def __init__(self, sql):
        found = re.fullmatch(r"SELECT (.+) FROM '([^']+)'(?: WHERE (.+))?", sql)
        assert found, f"a rule that is not understood: {sql}"
        self.filter = found[2]
        items, terms = re.split(r", (?=\w+\()", found[1]), (found[3] or "").split(" OR ")
        self.items = [re.fullmatch(r"(\S.*\)) as (\w+)", item).groups() for item in items]
        self.terms = [re.fullmatch(r"topic\((\d)\) = '(\w+)'", term).groups() for term in terms]

    def matches(self, topic):
        levels = self.filter.split("/")
        expression = "/".join({"+": "[^/]*", "#": ".*"}.get(level, re.escape(level)) for level in levels)
        return re.fullmatch(expression, topic) is not None

    def event(self, topic, payload, client, trace):
        """What the rule hands its action, or None: the message is not for it."""
        levels = dict(enumerate(topic.split("/"), 1))
        if not self.matches(topic) or not any(levels.get(int(n)) == text for n, text in self.terms):
            return None
        functions = {
            "topic()": topic,
            "encode(*, 'base64')": base64.b64encode(payload).decode(),
            "clientid()": client,
            "traceid()": trace,
            **{f"topic({n})": level for n, level in levels.items()},
        }
        return {name: functions[item] for item, name in self.items}


def run_tests(names):
    """Runs the functions test_... of a module's names, and tells of them in TAP."""
    tests = [(name, test) for name, test in names.items() if name.startswith("test_")]
    print(f"1..{len(tests)}")
    for number, (name, test) in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} {name}")
        except AssertionError as error:
            print(f"not ok {number} {name}")
            print(f"# {error}")
