"""Keys, accounts and usage as messages of the admin service."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from contract.lookups import Usage
from gateway.accounts.accounts import Account
from gateway.accounts.keys import ApiKey
from imagemesh.admin.v1 import admin_service_pb2 as pb


def key(known: ApiKey) -> pb.Key:
    """Return the message of a key."""
    return pb.Key(
        id=known.id,
        account=known.account,
        scopes=known.scopes or (),
        created_at=_timestamp(known.created_at),
        expires_at=_timestamp(known.expires_at),
        revoked_at=_timestamp(known.revoked_at),
        last_used_at=_timestamp(known.last_used_at),
        policy=known.policy or "",
    )


def account(known: Account) -> pb.Account:
    """Return the message of an account."""
    return pb.Account(
        name=known.name,
        balance=known.balance,
        held=known.held,
        created_at=_timestamp(known.created_at),
    )


def usage(report: Usage) -> pb.GetUsageResponse:
    """Return the message of an account's usage."""
    return pb.GetUsageResponse(
        balance=report.balance,
        held=report.held,
        spent=report.spent,
        days=[
            pb.UsageOfDay(
                day=day.day.isoformat(),
                endpoint=day.endpoint,
                requests=day.requests,
                credits=day.credits,
            )
            for day in report.days
        ],
    )


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)  # without a zone it is UTC, here and there
    return stamp
