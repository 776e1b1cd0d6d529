"""The AI label of the fronts where people talk to a voice."""


def label_of(name: str) -> str:
    """What every text of a voice carries, in words."""
    return f"AI imitation of {name}, not the person"
