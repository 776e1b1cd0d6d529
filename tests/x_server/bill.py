"""What X would charge: a price per resource returned and per post made, once per resource and UTC day."""

from dataclasses import dataclass, field
from decimal import Decimal

from .clock import Clock
from .state import Post
from .text import has_link

POST_READ, USER_READ, OWNED_READ = "post read", "user read", "owned read"
POST_CREATE, POST_CREATE_WITH_LINK, SUMMONED_REPLY = "post create", "post create with URL", "summoned reply"
POST_DELETE = "post delete"


def price_table() -> dict[str, Decimal]:
    """X's prices of 2026 in dollars; no public one is known for a deletion."""
    return {
        POST_READ: Decimal("0.005"),
        USER_READ: Decimal("0.010"),
        OWNED_READ: Decimal("0.001"),
        POST_CREATE: Decimal("0.015"),
        POST_CREATE_WITH_LINK: Decimal("0.200"),
        SUMMONED_REPLY: Decimal("0.010"),
        POST_DELETE: Decimal("0"),
    }


@dataclass(frozen=True)
class Charge:
    """One line of the bill; 0 dollars where the day's first read was charged already."""

    kind: str
    resource: int
    dollars: Decimal


@dataclass
class Bill:
    """All charges so far. With `credit` set, calls are refused once it is used up."""

    clock: Clock
    prices: dict[str, Decimal] = field(default_factory=price_table)
    credit: Decimal | None = None
    charges: list[Charge] = field(default_factory=list)
    _read: set[tuple[str, int]] = field(default_factory=set)  # (day, resource)

    @property
    def total(self) -> Decimal:
        """Dollars."""
        return sum((charge.dollars for charge in self.charges), Decimal(0))

    @property
    def exhausted(self) -> bool:
        return self.credit is not None and self.total >= self.credit

    def read(self, kind: str, resource: int) -> Charge:
        """Charges one returned post or user, unless it was charged today."""
        seen = (self.clock.day, resource)
        dollars = Decimal(0) if seen in self._read else self.prices[kind]
        self._read.add(seen)
        return self._note(Charge(kind, resource, dollars))

    def created(self, post: Post, text: str) -> Charge:
        """Charges a new post, given the text as sent; a link costs more than anything else about it."""
        kind = SUMMONED_REPLY if post.summoned else POST_CREATE
        kind = POST_CREATE_WITH_LINK if has_link(text) else kind
        return self._note(Charge(kind, post.id, self.prices[kind]))

    def deleted(self, post: Post) -> Charge:
        return self._note(Charge(POST_DELETE, post.id, self.prices[POST_DELETE]))

    def _note(self, charge: Charge) -> Charge:
        self.charges.append(charge)
        return charge
