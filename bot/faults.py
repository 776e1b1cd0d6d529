"""What people are told about faults of the program: a reference, which stands in the log beside the traceback."""

import uuid


def new_reference() -> str:
    """What users quote and the log holds."""
    return uuid.uuid4().hex[:8]


def broken(reference: str) -> str:
    """What people are told about a fault of the program."""
    return f"Something broke in Mynah itself; please report reference {reference}."
