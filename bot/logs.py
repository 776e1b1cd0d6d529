"""Structured logs: to a file under the home folder, and to stderr where more than warnings were asked for.

Each event is one line of JSON, those of the libraries and their tracebacks too.
"""

import logging
import sys
from logging.handlers import RotatingFileHandler

import structlog

from data.settings import Settings

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


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
    for handler in handlers:
        handler.setFormatter(_formatter())
    logging.basicConfig(level=settings.log_level, handlers=handlers, force=True)
    logging.getLogger("discord.client").addFilter(_calm)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it tells of every look at the schedules
    for library in ("tweepy", "oauthlib"):
        logging.getLogger(library).setLevel(logging.INFO)  # what they tell about debugging holds keys and tokens
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def log_to_stderr() -> None:
    """For a process that nobody types into: its warnings belong where a service manager looks for them."""
    root = logging.getLogger()
    if not any(type(handler) is logging.StreamHandler for handler in root.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_formatter())
        root.addHandler(handler)


def _formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )


def _calm(record: logging.LogRecord) -> bool:
    """A line that was lost and is taken up again is no error with a traceback, as discord.py has it."""
    if str(record.msg).startswith("Attempting a reconnect") and record.exc_info:
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.exc_info = f"{record.msg} after {record.exc_info[1]!r}", None
    return True
