"""What can become of an update that was not applied for certain."""

from __future__ import annotations

__all__ = ["Refused", "ReplicaError", "ResultGone", "Unknown"]


class ReplicaError(Exception):
    """Something is wrong with a replica, or with an update of it."""


class Refused(ReplicaError):
    """The update was not applied, and will not be."""


class Unknown(ReplicaError):
    """The update may have been applied, or may yet be. To submit it again under its id is safe."""


class ResultGone(ReplicaError):
    """The update was applied, by an earlier submission or while this replica was away; its result was not kept."""
