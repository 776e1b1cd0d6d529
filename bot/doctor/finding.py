"""What a check says."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "fail"]


@dataclass(frozen=True)
class Finding:
    """`advice` is empty where there is nothing to do. A `note` limits Mynah, a `fail` stops it."""

    check: str
    state: State
    found: str
    advice: str = ""
