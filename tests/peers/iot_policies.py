"""Policies of the IoT fake and the certificates that they are attached to."""

import dataclasses
import json
import re
import uuid

from errors import AwsError

POLICIES_OF_A_CERTIFICATE = 10
DOCUMENT_MOST = 2048


@dataclasses.dataclass
class Policy:
    name: str
    arn: str
    document: str
    created: float
    generation: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    targets: dict = dataclasses.field(default_factory=dict)

    def summary(self):
        return {"policyName": self.name, "policyArn": self.arn}


def check_document(text):
    try:
        document = json.loads(text)
    except ValueError as error:
        raise AwsError("MalformedPolicyException", f"Policy document is malformed: {error}") from None
    if not isinstance(document, dict) or not {"Version", "Statement"} <= set(document):
        raise AwsError("MalformedPolicyException", "Policy document has no Version and Statement")
    if len(re.sub(r"\s", "", text)) > DOCUMENT_MOST:
        raise AwsError("MalformedPolicyException", f"Policy document is longer than {DOCUMENT_MOST}")


class Policies:
    def policy(self, name):
        if name not in self.policies:
            raise AwsError("ResourceNotFoundException", f"Policy {name} is not found")
        return self.policies[name]

    def CreatePolicy(self, policyName, policyDocument, tags=None):
        check_document(policyDocument)
        with self.lock:
            if policyName in self.policies:
                raise AwsError(
                    "ResourceAlreadyExistsException",
                    f"Policy {policyName} already exists",
                    resourceId=policyName,
                    resourceArn=self.policies[policyName].arn,
                )
            policy = Policy(policyName, self.arn("policy", policyName), policyDocument, self.clock.now())
            self.policies[policyName] = policy
        return {**policy.summary(), "policyDocument": policyDocument, "policyVersionId": "1"}

    def GetPolicy(self, policyName):
        with self.lock:
            policy = self.policy(policyName)
            return {
                **policy.summary(),
                "policyDocument": policy.document,
                "defaultVersionId": "1",
                "creationDate": policy.created,
                "lastModifiedDate": policy.created,
                "generationId": policy.generation,
            }

    def DeletePolicy(self, policyName):
        with self.lock:
            if self.policy(policyName).targets:
                raise AwsError("DeleteConflictException", f"Policy {policyName} is attached")
            del self.policies[policyName]
        return {}

    def ListPolicies(self, pageSize=None, marker=None, ascendingOrder=False):
        with self.lock:
            ordered = sorted(self.policies.values(), key=lambda policy: policy.created, reverse=not ascendingOrder)
            chosen, more = self.page(ordered, lambda policy: policy.name, pageSize, marker)
            return {"policies": [policy.summary() for policy in chosen], **({"nextMarker": more} if more else {})}

    def AttachPolicy(self, policyName, target):
        with self.lock:
            policy, certificate = self.policy(policyName), self.principal(target)
            if policyName not in certificate.policies and len(certificate.policies) >= POLICIES_OF_A_CERTIFICATE:
                raise AwsError("LimitExceededException", "The maximum number of policies is attached to this principal")
            policy.targets[target] = certificate.policies[policyName] = True
        return {}

    def DetachPolicy(self, policyName, target):
        """What is not attached, or is no more there at all, counts as detached: the operation knows no "not found"."""
        with self.lock:
            if not target.startswith("arn:"):
                raise AwsError("InvalidRequestException", f"Invalid target {target}")
            if policyName in self.policies and self.policies[policyName].targets.pop(target, None):
                self.principal(target).policies.pop(policyName)
        return {}

    def ListAttachedPolicies(self, target, recursive=False, marker=None, pageSize=None):
        with self.lock:
            attached = [self.policies[name] for name in self.principal(target).policies]
            chosen, more = self.page(attached, lambda policy: policy.name, pageSize, marker)
            return {"policies": [policy.summary() for policy in chosen], **({"nextMarker": more} if more else {})}

    def ListTargetsForPolicy(self, policyName, marker=None, pageSize=None):
        with self.lock:
            chosen, more = self.page(list(self.policy(policyName).targets), lambda target: target, pageSize, marker)
            return {"targets": chosen, **({"nextMarker": more} if more else {})}
