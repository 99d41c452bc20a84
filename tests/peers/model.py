"""The official service models: routes, and the strict reading of requests and answers."""

import base64
import binascii
import datetime
import functools
import json
import re
import urllib.parse

import botocore.loaders
import botocore.model

from errors import Refused

# Java's named classes, which Python's patterns lack, as what stands between brackets.
CLASSES = {
    "Graph": r"!-~",
    "Print": r" -~",
    "Upper": "A-Z",
    "Digit": "0-9",
    "N": "0-9",
    "L": "A-Za-z\u00aa-\uffff",
    "Z": r" \u00a0",
    "C": r"\x00-\x1f\x7f-\x9f",
    "Cntrl": r"\x00-\x1f\x7f-\x9f",
}
INVALID = {
    "rest-json": "InvalidRequestException",
    "rest-xml": "InvalidRequest",
    "json": "ValidationException",
    "query": "ValidationError",
}
# Of S3, only these: its other operations are told from them by a query.
OPERATIONS = {"s3": ("GetObject", "PutObject")}
INTEGERS = {"integer": 32, "long": 64}


class Mismatch(Exception):
    """A value is not what the model says; the text begins with where it stands."""


@functools.lru_cache(maxsize=None)
def pattern(text):
    translated = re.sub(r"\\p\{(\w+)\}", lambda found: CLASSES[found.group(1)], text)
    if translated != text and "[" not in text:
        translated = re.sub(r"\\p\{(\w+)\}", lambda found: f"[{CLASSES[found.group(1)]}]", text)
    return re.compile(translated, re.ASCII)


def check_range(shape, size, where, unit):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        raise Mismatch(f"{where}: {size} {unit}, at least {low}")
    if high is not None and size > high:
        raise Mismatch(f"{where}: {size} {unit}, at most {high}")


def read_string(shape, value, where):
    if not isinstance(value, str):
        raise Mismatch(f"{where}: not a string")
    if shape.enum and value not in shape.enum:
        raise Mismatch(f'{where}: {value!r} is not one of {", ".join(shape.enum)}')
    check_range(shape, len(value), where, "characters")
    wanted = shape.metadata.get("pattern")
    if wanted and not pattern(wanted).fullmatch(value):
        raise Mismatch(f"{where}: {value[:80]!r} does not match {wanted}")
    return value


def read_structure(shape, value, where, skip=()):
    if not isinstance(value, dict):
        raise Mismatch(f"{where}: not an object")
    members = {
        member.serialization.get("name", name): name for name, member in shape.members.items() if name not in skip
    }
    read = {}
    for key, item in value.items():
        if key not in members:
            raise Mismatch(f"{where}.{key}: unknown member")
        if item is not None:
            read[members[key]] = read_value(shape.members[members[key]], item, f"{where}.{key}")
    for name in shape.required_members:
        if name not in skip and name not in read:
            raise Mismatch(f"{where}.{name}: missing")
    return read


def read_list(shape, value, where):
    if not isinstance(value, list):
        raise Mismatch(f"{where}: not a list")
    check_range(shape, len(value), where, "elements")
    return [read_value(shape.member, item, f"{where}[{index}]") for index, item in enumerate(value)]


def read_map(shape, value, where):
    if not isinstance(value, dict):
        raise Mismatch(f"{where}: not an object")
    check_range(shape, len(value), where, "entries")
    return {
        read_value(shape.key, key, f"{where} key"): read_value(shape.value, item, f"{where}.{key}")
        for key, item in value.items()
    }


def read_number(shape, value, where):
    if shape.type_name in INTEGERS:
        if not isinstance(value, int) or isinstance(value, bool) or value.bit_length() >= INTEGERS[shape.type_name]:
            raise Mismatch(f"{where}: not a whole number of {INTEGERS[shape.type_name]} bits")
    elif not isinstance(value, (int, float)) or isinstance(value, bool):
        raise Mismatch(f"{where}: not a number")
    if shape.type_name != "timestamp":
        check_range(shape, value, where, "as value")
    return value


def read_boolean(shape, value, where):
    if not isinstance(value, bool):
        raise Mismatch(f"{where}: not a boolean")
    return value


def read_blob(shape, value, where):
    try:
        data = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise Mismatch(f"{where}: not base64") from None
    check_range(shape, len(data), where, "bytes")
    return data


READERS = {
    "string": read_string,
    "structure": read_structure,
    "list": read_list,
    "map": read_map,
    "boolean": read_boolean,
    "blob": read_blob,
    "integer": read_number,
    "long": read_number,
    "float": read_number,
    "double": read_number,
    "timestamp": read_number,
}


def read_value(shape, value, where):
    """Checks a JSON value against its shape, to the last member; gives it back decoded (blobs as bytes)."""
    return READERS[shape.type_name](shape, value, where)


def read_text(shape, text, where):
    """The same for a value that stands in a path, a query or a header."""
    kind = shape.type_name
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind in INTEGERS and re.fullmatch("-?[0-9]+", text):
        return read_number(shape, int(text), where)
    if kind == "timestamp":
        try:
            return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").timestamp()
        except ValueError:
            raise Mismatch(f"{where}: not a time") from None
    if kind != "string":
        raise Mismatch(f"{where}: {text!r} is not a {kind}")
    return read_string(shape, text, where)


def read_json(body):
    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a member stands twice")
        return dict(pairs)

    def constant(name):
        raise ValueError(f"{name} is not JSON")

    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=once, parse_constant=constant)
    except ValueError as error:
        raise Mismatch(f"body: {error}") from None


class Service:
    """One service by its model: which operation a request is, and what it asks."""

    def __init__(self, name):
        loaded = botocore.loaders.Loader().load_service_model(name, "service-2")
        self.name, self.model = name, botocore.model.ServiceModel(loaded, name)
        self.protocol = self.model.metadata["protocol"]
        self.invalid = INVALID[self.protocol]
        self.routes = (
            sorted(map(self._route, OPERATIONS.get(name, self.model.operation_names)), key=lambda route: -route[0])
            if self.protocol.startswith("rest-")
            else []
        )

    def _route(self, name):
        http = self.model.operation_model(name).http
        path = http["requestUri"].split("?")[0]
        literal = re.sub(r"\{[^}]+\}", "", path)
        expression = "".join(
            (f"(?P<{part[1:-2]}>.+)" if part.endswith("+}") else f"(?P<{part[1:-1]}>[^/]+)")
            if part.startswith("{")
            else re.escape(part)
            for part in re.split(r"(\{[^}]+\})", path)
        )
        return len(literal), http["method"], re.compile(expression), name

    def read(self, request):
        """(operation model, input with decoded members) of a request, or Refused."""
        try:
            if self.protocol.startswith("rest-"):
                return self._read_rest(request)
            return {"json": self._read_json, "query": self._read_query}[self.protocol](request)
        except Mismatch as error:
            raise Refused(self.invalid, str(error)) from None

    def _read_rest(self, request):
        for _, method, expression, name in self.routes:
            labels = expression.fullmatch(request.path) if method == request.method else None
            if labels:
                return self._rest_input(self.model.operation_model(name), request, labels.groupdict())
        raise Refused("UnknownOperationException", f"no operation is {request.method} {request.path}")

    def _rest_input(self, operation, request, labels):
        shape, placed = operation.input_shape, {}
        if shape is None:
            if request.query or request.body not in (b"", b"{}"):
                raise Mismatch("this operation takes nothing")
            return operation, {}
        query, found = dict(request.query), {}
        if len(query) != len(request.query):
            raise Mismatch("a query parameter stands twice")
        for name, member in shape.members.items():
            location, wire = member.serialization.get("location"), member.serialization.get("name", name)
            if location is None:
                continue
            placed[name] = wire
            text = {"uri": labels, "querystring": query}.get(location, {}).get(wire)
            if location == "uri" and text is not None:
                text = urllib.parse.unquote(text, errors="strict")
            if location == "header":
                text = request.headers.get(wire)
            if location == "querystring":
                query.pop(wire, None)
            if text is not None:
                found[name] = read_text(member, text, f"{location} {wire}")
            elif name in shape.required_members:
                raise Mismatch(f"{location} {wire}: missing")
        self._nothing_else(query, request.headers, placed.values())
        found.update(self._rest_body(shape, request, placed))
        return operation, found

    @staticmethod
    def _nothing_else(query, headers, known):
        if query:
            raise Mismatch(f"query {sorted(query)[0]}: unknown parameter")
        known = {name.lower() for name in known}
        for name in headers.keys():
            if name.lower().startswith("x-amzn-") and name.lower() not in known | {"x-amzn-trace-id"}:
                raise Mismatch(f"header {name}: unknown")

    @staticmethod
    def _rest_body(shape, request, placed):
        payload = shape.serialization.get("payload")
        if payload:
            return {payload: request.body}
        if len(placed) == len(shape.members):
            if request.body not in (b"", b"{}"):
                raise Mismatch("body: this operation takes none")
            return {}
        if request.headers.get("Content-Type", "application/json").split(";")[0] != "application/json":
            raise Mismatch(f'header Content-Type: {request.headers["Content-Type"]!r}')
        return read_structure(shape, read_json(request.body) if request.body else {}, "body", skip=placed)

    def _read_json(self, request):
        prefix, _, name = request.headers.get("X-Amz-Target", "").partition(".")
        if prefix != self.model.metadata["targetPrefix"] or name not in self.model.operation_names:
            raise Refused("UnknownOperationException", f'X-Amz-Target: {request.headers.get("X-Amz-Target")}')
        if (request.method, request.path, request.query) != ("POST", "/", []):
            raise Mismatch(f"{request.method} {request.path}: only POST /")
        wanted = "application/x-amz-json-" + self.model.metadata["jsonVersion"]
        if request.headers.get("Content-Type") != wanted:
            raise Mismatch(f"header Content-Type: not {wanted}")
        operation = self.model.operation_model(name)
        value = read_json(request.body)
        return operation, read_structure(operation.input_shape, value, "body") if operation.input_shape else {}

    def _read_query(self, request):
        pairs = urllib.parse.parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True) + request.query
        fields = dict(pairs)
        name = fields.pop("Action", None)
        if fields.pop("Version", None) != self.model.api_version or name not in self.model.operation_names:
            raise Refused("UnknownOperationException", f"no Action {name} in this Version")
        operation, found = self.model.operation_model(name), {}
        for key, text in fields.items():
            member = operation.input_shape.members.get(key)
            if member is None:
                raise Mismatch(f"{key}: unknown parameter")
            found[key] = read_text(member, text, key)
        return operation, found

    def check_answer(self, operation, answer):
        """Mismatch unless `answer` is what the operation's model says."""
        shape = operation.output_shape
        if self.protocol == "rest-xml":
            unknown = set(answer) - set(shape.members)
            if unknown:
                raise Mismatch(f"answer.{sorted(unknown)[0]}: unknown member")
        elif shape is not None:
            # Empty when nothing is left, by DynamoDB's reference; its shape is that of a request, which never is.
            told = {name: value for name, value in answer.items() if (name, value) != ("UnprocessedKeys", {})}
            read_structure(shape, told, "answer")
        elif answer:
            raise Mismatch("answer: this operation answers nothing")
