"""What outside calls cost and whether they may be made: the one place that every one of them passes."""

from bot.governor.governor import DryRunError, Governor, Outlay, Receipt
from bot.governor.prices import Prices
from bot.governor.rate_limits import RateLimits

__all__ = ["DryRunError", "Governor", "Outlay", "Prices", "RateLimits", "Receipt"]
