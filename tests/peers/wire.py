"""Requests and answers as bytes: how each protocol says a result or an error."""

import dataclasses
import email.message
import json
import urllib.parse
import zlib
from xml.sax.saxutils import escape

from errors import COMMON_STATUS

JSON = "application/json"
# What the query protocol calls the same errors.
QUERY_NAMES = {
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "UnrecognizedClientException": "InvalidClientTokenId",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "IncompleteSignatureException": "IncompleteSignature",
    "ThrottlingException": "Throttling",
    "AccessDeniedException": "AccessDenied",
    "ExpiredTokenException": "ExpiredToken",
    "UnknownOperationException": "InvalidAction",
    "InternalFailureException": "InternalFailure",
    "ServiceUnavailableException": "ServiceUnavailable",
}


# And what S3 calls them: (name, status).
S3_NAMES = {
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "UnrecognizedClientException": ("InvalidAccessKeyId", 403),
    "MissingAuthenticationTokenException": ("AccessDenied", 403),
    "IncompleteSignatureException": ("AuthorizationHeaderMalformed", 400),
    "AccessDeniedException": ("AccessDenied", 403),
    "InternalFailureException": ("InternalError", 500),
    "ServiceUnavailableException": ("ServiceUnavailable", 503),
    "SlowDown": ("SlowDown", 503),
    "NoSuchKey": ("NoSuchKey", 404),
}
# Where S3 says what of an answer.
S3_HEADERS = {"ContentRange": "Content-Range", "ContentType": "Content-Type", "ETag": "ETag"}


@dataclasses.dataclass
class Request:
    method: str
    path: str  # as it came, percent-encoded
    query: list  # of (name, value), decoded
    headers: email.message.Message
    body: bytes

    @classmethod
    def parse(cls, method, target, headers, body):
        path, _, query = target.partition("?")
        pairs = [pair.partition("=") for pair in query.split("&") if pair]
        decode = urllib.parse.unquote
        return cls(method, path, [(decode(name), decode(value)) for name, _, value in pairs], headers, body)


@dataclasses.dataclass
class Answer:
    status: int
    body: bytes
    headers: dict = dataclasses.field(default_factory=dict)


def error_shape(operation, name):
    shapes = operation.error_shapes if operation is not None else []
    return next((shape for shape in shapes if shape.error_code == name or shape.name == name), None)


def error_status(protocol, operation, name):
    shape = error_shape(operation, name)
    status = shape.metadata.get("error", {}).get("httpStatusCode") if shape else None
    status = status or COMMON_STATUS.get(name, 400)
    return 400 if protocol == "json" and status < 500 else status


def error_answer(service, operation, error, status=None):
    """What a service answers for an error; without a service, what the front door answers."""
    protocol = service.protocol if service else "rest-json"
    status = status or error_status(protocol, operation, error.name)
    if protocol == "rest-xml":
        name, status = S3_NAMES.get(error.name, (error.name, status))
        text = f"<Error><Code>{name}</Code><Message>{escape(error.message)}</Message></Error>"
        return Answer(status, b'<?xml version="1.0"?>' + text.encode(), {"Content-Type": "application/xml"})
    if protocol == "query":
        side, name = "Sender" if status < 500 else "Receiver", QUERY_NAMES.get(error.name, error.name)
        text = (
            f'<ErrorResponse xmlns="{service.model.metadata["xmlNamespace"]}">'
            f"<Error><Type>{side}</Type><Code>{name}</Code>"
            f"<Message>{escape(error.message)}</Message></Error></ErrorResponse>"
        )
        return Answer(status, text.encode(), {"Content-Type": "text/xml"})
    body = {"message": error.message, **error.members}
    if protocol == "json":
        space = (
            f'com.amazonaws.{service.name}.v{service.model.api_version.replace("-", "")}#'
            if service.name == "dynamodb"
            else ""
        )
        return json_answer(service, {"__type": space + error.name, **body}, status)
    # The name may be followed by a colon and an address; here it is for the client's errors.
    suffix = ":http://internal.amazon.com/coral/" if status < 500 else ""
    return Answer(status, json.dumps(body).encode(), {"Content-Type": JSON, "x-amzn-ErrorType": error.name + suffix})


def json_answer(service, value, status=200):
    body = json.dumps(value).encode()
    headers = {"Content-Type": "application/x-amz-json-" + service.model.metadata["jsonVersion"]}
    if service.name == "dynamodb":
        headers["x-amz-crc32"] = str(zlib.crc32(body))
    return Answer(status, body, headers)


def result_answer(service, operation, value):
    if service.protocol == "query":
        name = operation.name
        fields = "".join(f"<{key}>{escape(str(item))}</{key}>" for key, item in value.items())
        text = (
            f'<{name}Response xmlns="{service.model.metadata["xmlNamespace"]}"><{name}Result>{fields}</{name}Result>'
            f"</{name}Response>"
        )
        return Answer(200, text.encode(), {"Content-Type": "text/xml"})
    if service.protocol == "rest-xml":
        headers = {header: str(value[name]) for name, header in S3_HEADERS.items() if name in value}
        return Answer(206 if "ContentRange" in value else 200, value.get("Body", b""), headers)
    if operation.output_shape is None:
        return Answer(200, b"")
    if service.protocol == "json":
        return json_answer(service, value)
    return Answer(200, json.dumps(value).encode(), {"Content-Type": JSON})
