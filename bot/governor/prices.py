"""The price table: a dated file that a setting can put another in the place of."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, Self, get_args

from data.errors import InputError
from data.posts import PLATFORMS
from data.store.ledger import MICRO

Kind = Literal["post read", "user read", "owned read", "post", "post with a link", "summoned reply"]

MOST = 1_000.0  # dollars for one call: beyond it a price is a slip, and so is what is no number
BUILTIN = Path(__file__).parent / "prices.toml"


@dataclass(frozen=True)
class Prices:
    """Dollars by platform and kind of call."""

    as_of: date
    dollars: Mapping[str, Mapping[str, float]]

    @classmethod
    def from_file(cls, name: str = "") -> Self:
        """The built-in table, or a file's. Raises InputError for one that can't be read or lacks a price."""
        path = Path(name) if name else BUILTIN
        given = _read(path)
        dollars: dict[str, dict[str, float]] = {}
        for platform in PLATFORMS:
            prices = given.get(platform)
            dollars[platform] = {}
            for kind in get_args(Kind):
                price = prices.get(kind) if isinstance(prices, dict) else None
                if not isinstance(price, int | float) or isinstance(price, bool) or not 0 <= price <= MOST:
                    raise InputError(
                        f"'{path}' gives no price for \"{kind}\" under [{platform}]; write it in dollars, as in "
                        f"{BUILTIN}."
                    )
                dollars[platform][kind] = price
        as_of = given.get("as_of")
        if not isinstance(as_of, date):
            raise InputError(f"'{path}' does not say of when its prices are; write as_of = 2026-11-21.")
        return cls(as_of, dollars)

    def microdollars(self, platform: str, kind: Kind) -> int:
        return round(self.dollars[platform][kind] * MICRO)


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"The prices in '{path}' can't be read ({error}); mend the file or name another."
        ) from None
