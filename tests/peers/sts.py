"""STS: who a caller is."""

import sigv4


class Sts:
    def __init__(self, account):
        self.account = account

    def GetCallerIdentity(self, caller):
        """`caller` is the access key that signed the request."""
        if caller == sigv4.ROLE.access_key:
            return {
                "UserId": "AROAPEER:station",
                "Account": self.account,
                "Arn": f"arn:aws:sts::{self.account}:assumed-role/station/station",
            }
        return {"UserId": "AIDAPEER", "Account": self.account, "Arn": f"arn:aws:iam::{self.account}:user/station"}

    def dump(self):
        return {}
