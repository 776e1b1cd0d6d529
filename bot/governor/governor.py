"""The governor: dry run and budget, asked before every call that leaves the program."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from bot.governor.prices import Kind, Prices
from data.errors import RefusedError
from data.posts import PLATFORMS
from data.settings import Settings
from data.store import Charge, OverBudgetError, Store
from data.store.ledger import MICRO, Reserved, today

WARNINGS = (50, 80, 100)  # per cent of the month's budget

log = structlog.get_logger()


class DryRunError(RefusedError):
    """Something would have been sent, but for the dry run."""


@dataclass(frozen=True)
class Outlay:
    """A call that is about to be made."""

    platform: str
    purpose: str  # what for: "mentions", "draft 12". The same question asked again has the same purpose
    kind: Kind
    most: int = 1  # resources that it may return; for what is written, 1
    writing: bool = False


@dataclass
class Receipt:
    """Filled in by who makes the call: what came back."""

    outlay: Outlay
    prices: Prices
    day: str = ""  # on which the money was set aside; empty for a call of the past
    charges: list[Charge] = field(default_factory=list)
    free: bool = False

    def charge(self, resources: Iterable[str], kind: Kind | None = None) -> None:
        """These ids were returned or written; `kind` where it is not the outlay's."""
        kind = kind or self.outlay.kind
        price = self.prices.microdollars(self.outlay.platform, kind)
        self.charges += [Charge(kind, resource, price) for resource in resources]

    def not_charged(self) -> None:
        """It is certain that the platform charges nothing, though the call failed."""
        self.free = True


class Governor:
    """One of these in a process; its books are in the store, so that processes share one budget."""

    def __init__(self, store: Store, settings: Settings, prices: Prices | None = None) -> None:
        self._store = store
        self._settings = settings.spending
        self.dry_run = settings.dry_run
        self.prices = prices or Prices.from_file(settings.spending.prices)

    def refuse_dry_run(self, what: str) -> None:
        """Asked before anything is sent anywhere. Raises DryRunError while the dry run is on."""
        if self.dry_run:
            log.info("dry run: not sent", what=what)
            raise DryRunError(f"This is a dry run (MYNAH_DRY_RUN), so {what} was not sent.")

    @asynccontextmanager
    async def call(self, outlay: Outlay) -> AsyncIterator[Receipt]:
        """Around a call: its highest price is set aside before, and what it came to is booked after.

        Where the block raises, and did not say that nothing is charged, what was set aside stays so, as it does
        for a question that was asked before and not heard: an answer to it on the same day, or `settle`, clears
        it. Raises DryRunError, and RefusedError where the
        budget is not enough.
        """
        if outlay.writing:
            self.refuse_dry_run(f"the {outlay.kind} on {outlay.platform}")
        reserved = await self._reserve(outlay)
        receipt = Receipt(outlay, self.prices, reserved.day)
        try:
            yield receipt
        except BaseException:
            if receipt.free and not reserved.again:
                await self.settle(receipt)
            raise
        await self.settle(receipt)

    def receipt(self, outlay: Outlay) -> Receipt:
        """For a call of the past, whose end was not heard: fill it in and `settle` it."""
        return Receipt(outlay, self.prices)

    async def settle(self, receipt: Receipt) -> None:
        """Book what a call came to in the place of what was set aside; nothing, where it did not happen."""
        outlay = receipt.outlay
        new = await self._store.ledger.settle(
            outlay.platform, outlay.purpose, receipt.charges, writing=outlay.writing, day=receipt.day
        )
        if new > self._most(outlay):
            log.warning("a call cost more than was set aside", purpose=outlay.purpose, dollars=new / MICRO)
        if new:
            await self._warn()

    async def left(self) -> float:
        """Dollars that may still be spent now: the smaller rest of day and month."""
        day = today()
        ledger = self._store.ledger
        of_day = self._settings.day_dollars - await ledger.spent(day) / MICRO
        of_month = self._settings.month_dollars - await ledger.spent(day[:7]) / MICRO
        return max(0.0, min(of_day, of_month))

    def _most(self, outlay: Outlay) -> int:
        return outlay.most * self.prices.microdollars(outlay.platform, outlay.kind)

    async def _reserve(self, outlay: Outlay) -> Reserved:
        limits, most = self._settings, self._most(outlay)
        try:
            return await self._store.ledger.reserve(
                outlay.platform,
                outlay.purpose,
                outlay.kind,
                most,
                day_limit=round(limits.day_dollars * MICRO),
                month_limit=round(limits.month_dollars * MICRO),
            )
        except OverBudgetError as error:
            if error.limit == "month":
                await self._warn(used_up=True)
            raise RefusedError(
                f"This may cost ${most / MICRO:.3f} ({outlay.kind} on {PLATFORMS[outlay.platform]}) and the "
                f"{error.limit}'s budget has ${error.left / MICRO:.3f} left; raise "
                f"MYNAH_SPENDING__{error.limit.upper()}_DOLLARS, or wait for the next {error.limit}."
            ) from None

    async def _warn(self, *, used_up: bool = False) -> None:
        """Log each threshold once a month, whichever process reaches it. `used_up`: a call was refused."""
        month = today()[:7]
        limit = round(self._settings.month_dollars * MICRO)
        spent = await self._store.ledger.spent(month)
        reached = max((share for share in WARNINGS if used_up or 100 * spent >= share * limit), default=0)
        if reached and await self._store.standing.advance("budget warning", [month, reached]):
            log.warning("so much of the month's budget is used up", percent=reached, dollars=spent / MICRO)
