"""Things of the IoT fake and the certificates (principals) that they are attached to."""

import dataclasses
import time
import uuid

from errors import AwsError

ATTRIBUTES_WITHOUT_TYPE, ATTRIBUTES_WITH_TYPE = 3, 50


@dataclasses.dataclass
class Thing:
    name: str
    arn: str
    type_name: str | None
    attributes: dict
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    version: int = 1
    # ARN of a certificate -> None while attached, else the monotonic time when a detachment takes effect.
    principals: dict = dataclasses.field(default_factory=dict)

    def created(self):
        return {"thingName": self.name, "thingArn": self.arn, "thingId": self.id}

    def dump(self):
        return {
            **self.created(),
            "thingTypeName": self.type_name,
            "attributes": self.attributes,
            "principals": list(self.principals),
        }


class Things:
    def thing(self, name):
        if name not in self.things:
            raise AwsError("ResourceNotFoundException", f"Thing {name} not found")
        return self.things[name]

    def settle_detachments(self):
        """Takes away the attachments whose detachment has had its time."""
        now = time.monotonic()
        for thing in self.things.values():
            thing.principals = {arn: until for arn, until in thing.principals.items() if until is None or until > now}

    def things_of(self, arn):
        self.settle_detachments()
        return [thing.name for thing in self.things.values() if arn in thing.principals]

    def CreateThingType(self, thingTypeName, thingTypeProperties=None, tags=None):
        with self.lock:
            known = self.thing_types.setdefault(thingTypeName, (str(uuid.uuid4()), thingTypeProperties))
            if known[1] != thingTypeProperties:
                raise AwsError(
                    "ResourceAlreadyExistsException", f"Thing type {thingTypeName} exists with different properties"
                )
        return {
            "thingTypeName": thingTypeName,
            "thingTypeArn": self.arn("thingtype", thingTypeName),
            "thingTypeId": known[0],
        }

    def CreateThing(self, thingName, thingTypeName=None, attributePayload=None, billingGroupName=None):
        payload = attributePayload or {}
        attributes = payload.get("attributes", {})
        if "merge" in payload:
            raise AwsError("InvalidRequestException", "merge is only valid for an update")
        if len(attributes) > (ATTRIBUTES_WITH_TYPE if thingTypeName else ATTRIBUTES_WITHOUT_TYPE):
            raise AwsError("InvalidRequestException", "Too many attributes")
        with self.lock:
            if thingTypeName and thingTypeName not in self.thing_types:
                raise AwsError("ResourceNotFoundException", f"Thing type {thingTypeName} not found")
            if billingGroupName:
                raise AwsError("ResourceNotFoundException", f"Billing group {billingGroupName} not found")
            wanted = Thing(thingName, self.arn("thing", thingName), thingTypeName, attributes)
            thing = self.things.setdefault(thingName, wanted)
            if (thing.type_name, thing.attributes) != (thingTypeName, attributes):
                raise AwsError(
                    "ResourceAlreadyExistsException",
                    f"Thing {thingName} already exists in account with different properties",
                    resourceId=thing.id,
                    resourceArn=thing.arn,
                )
        return thing.created()

    def DescribeThing(self, thingName):
        with self.lock:
            thing = self.thing(thingName)
            return {
                **thing.created(),
                "defaultClientId": thing.name,
                "attributes": thing.attributes,
                "version": thing.version,
                **({"thingTypeName": thing.type_name} if thing.type_name else {}),
            }

    def DeleteThing(self, thingName, expectedVersion=None):
        """A thing that is not there counts as deleted."""
        with self.lock:
            self.settle_detachments()
            thing = self.things.get(thingName)
            if thing and expectedVersion not in (None, thing.version):
                raise AwsError("VersionConflictException", f"Thing {thingName} has version {thing.version}")
            if thing and thing.principals:
                raise AwsError(
                    "InvalidRequestException",
                    f"Cannot delete. Thing {thingName} is still attached to one or more principals",
                )
            self.things.pop(thingName, None)
        return {}

    def ListThings(self, nextToken=None, maxResults=None, thingTypeName=None):
        with self.lock:
            found = [thing for thing in self.things.values() if thingTypeName in (None, thing.type_name)]
            chosen, more = self.page(found, lambda thing: thing.name, maxResults, nextToken)
            listed = [
                {
                    "thingName": thing.name,
                    "thingArn": thing.arn,
                    "attributes": thing.attributes,
                    "version": thing.version,
                    **({"thingTypeName": thing.type_name} if thing.type_name else {}),
                }
                for thing in chosen
            ]
            return {"things": listed, **({"nextToken": more} if more else {})}

    def AttachThingPrincipal(self, thingName, principal):
        with self.lock:
            thing, _ = self.thing(thingName), self.principal(principal)
            thing.principals[principal] = None
        return {}

    def DetachThingPrincipal(self, thingName, principal):
        with self.lock:
            self.settle_detachments()
            thing, _ = self.thing(thingName), self.principal(principal)
            if thing.principals.get(principal, 0) is None:
                thing.principals[principal] = time.monotonic() + self.settings["detach_ms"] / 1000
        return {}

    def ListThingPrincipals(self, thingName, nextToken=None, maxResults=None):
        with self.lock:
            self.settle_detachments()
            chosen, more = self.page(list(self.thing(thingName).principals), lambda arn: arn, maxResults, nextToken)
            return {"principals": chosen, **({"nextToken": more} if more else {})}

    def ListPrincipalThings(self, principal, nextToken=None, maxResults=None):
        with self.lock:
            self.principal(principal)
            chosen, more = self.page(self.things_of(principal), lambda name: name, maxResults, nextToken)
            return {"things": chosen, **({"nextToken": more} if more else {})}
