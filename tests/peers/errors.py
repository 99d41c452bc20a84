"""Errors as the services answer them, and the peer's clock."""

import time


class AwsError(Exception):
    """An error by its AWS name. `members` are further members of the error's shape (resourceId, ...)."""

    def __init__(self, name, message, **members):
        super().__init__(f"{name}: {message}")
        self.name, self.message, self.members = name, message, members


class Refused(AwsError):
    """The gate found the request wrong: a fault of the client that a lenient mock would have let through."""


# Errors that every operation may answer although its model does not list them.
COMMON_STATUS = {
    "AccessDeniedException": 403,
    "UnrecognizedClientException": 403,
    "InvalidSignatureException": 403,
    "IncompleteSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "ExpiredTokenException": 403,
    "UnknownOperationException": 404,
    "ThrottlingException": 400,
    "SerializationException": 400,
    "ValidationException": 400,
    "InternalFailure": 500,
    "InternalFailureException": 500,
    "InternalServerError": 500,
    "InvalidRange": 416,
    "NoSuchBucket": 404,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
}


class Clock:
    """The server's clock, which a test may set wrong."""

    def __init__(self):
        self.offset = 0.0

    def now(self):
        return time.time() + self.offset
