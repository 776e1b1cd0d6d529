"""The one family of errors that people are shown. Each carries a sentence that says what to do.

Everything else is a fault of the program: it is logged once, at the edge of the process, with a reference number.
"""


class MynahError(Exception):
    """Something a person can act on; `str(error)` is the sentence for them."""

    exit_code = 1


class InputError(MynahError):
    """What was given can't be read or used as it is: a damaged file, an unknown format, a bad handle."""

    exit_code = 2


class NotFoundError(MynahError):
    """There is no such corpus, voice, run or file."""

    exit_code = 3


class TooLittleDataError(MynahError):
    """A corpus under the 6,000 characters below which the reference refuses to train."""

    exit_code = 4


class RefusedError(MynahError):
    """It could be done, but may not: consent is missing, or the handle opted out."""

    exit_code = 5


class RunFailedError(MynahError):
    """A training run ended without a voice; the sentence says why and what to try."""

    exit_code = 6


class NothingToSayError(MynahError):
    """No candidate passed the gates, so nothing is said rather than something that should not be."""

    exit_code = 7
