"""Structured logs: to a file under the home folder, and to stderr where more than warnings were asked for."""

import logging
import sys
from logging.handlers import RotatingFileHandler

import structlog

from data.settings import Settings


def start_logging(settings: Settings) -> None:
    """Call once at the start of a process; from then on `structlog.get_logger()` is ready everywhere."""
    handlers: list[logging.Handler] = []
    if settings.log_level != "WARNING":
        handlers.append(logging.StreamHandler(sys.stderr))
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        handlers.append(RotatingFileHandler(settings.home / "mynah.log", maxBytes=5_000_000, backupCount=2))
    except OSError:
        handlers.append(logging.StreamHandler(sys.stderr))  # doctor says what to do about the folder
    logging.basicConfig(level=settings.log_level, format="%(message)s", handlers=handlers, force=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
