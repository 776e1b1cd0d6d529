"""The governor: dry run and budget, asked before every call that leaves the program."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from bot.governor.prices import Kind, Prices
from data.errors import RefusedError
from data.settings import Settings
from data.store import Charge, OverBudgetError, Store
from data.store.ledger import MICRO, today

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

        Where the block raises, and did not say that nothing is charged, what was set aside stays so: asking the
        same question again the same day, or `settle`, clears it. Raises DryRunError, and RefusedError where the
        budget is not enough.
        """
        if outlay.writing:
            self.refuse_dry_run(f"the {outlay.kind} on {outlay.platform}")
        await self._reserve(outlay)
        receipt = Receipt(outlay, self.prices)
        try:
            yield receipt
        except BaseException:
            if receipt.free:
                await self.settle(receipt)
            raise
        await self.settle(receipt)

    def receipt(self, outlay: Outlay) -> Receipt:
        """For a call of the past, whose end was not heard: fill it in and `settle` it."""
        return Receipt(outlay, self.prices)

    async def settle(self, receipt: Receipt) -> None:
        """Book what a call came to in the place of what was set aside; nothing, where it did not happen."""
        outlay = receipt.outlay
        await self._store.ledger.settle(outlay.platform, outlay.purpose, receipt.charges, writing=outlay.writing)
        await self._warn()

    async def left(self) -> float:
        """Dollars that may still be spent now: the smaller rest of day and month."""
        day = today()
        ledger = self._store.ledger
        of_day = self._settings.day_dollars - await ledger.spent(day) / MICRO
        of_month = self._settings.month_dollars - await ledger.spent(day[:7]) / MICRO
        return max(0.0, min(of_day, of_month))

    async def _reserve(self, outlay: Outlay) -> None:
        most = outlay.most * self.prices.microdollars(outlay.platform, outlay.kind)
        limits = self._settings
        try:
            await self._store.ledger.reserve(
                outlay.platform,
                outlay.purpose,
                outlay.kind,
                most,
                day_limit=round(limits.day_dollars * MICRO),
                month_limit=round(limits.month_dollars * MICRO),
            )
        except OverBudgetError as error:
            raise RefusedError(
                f"A {outlay.kind} on {outlay.platform} may cost ${most / MICRO:.3f} and ${error.left / MICRO:.3f} "
                f"are left of the {error.limit}'s budget; raise MYNAH_SPENDING__{error.limit.upper()}_DOLLARS or "
                f"wait for the next {error.limit}."
            ) from None

    async def _warn(self) -> None:
        """Once a month for each threshold, restarts included."""
        limit = self._settings.month_dollars
        month = datetime.now(UTC).strftime("%Y-%m")
        spent = await self._store.ledger.spent(month) / MICRO
        reached = max((share for share in WARNINGS if limit and spent >= limit * share / 100), default=0)
        if not reached:
            return
        told = await self._store.standing.cursor("budget warning")
        if told != [month, reached] and not (isinstance(told, list) and told[0] == month and told[1] > reached):
            await self._store.standing.move("budget warning", [month, reached])
            log.warning("the month's budget is used up to a threshold", percent=reached, dollars=round(spent, 2))
