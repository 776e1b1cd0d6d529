"""Names on both sides: what a voice's repository is called, and whose voice a repository says it holds."""

import hashlib
import re
from collections.abc import Iterable, Sequence

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # re-exported without saying so

from data.errors import InputError
from data.posts import normalise_handle

LONGEST_NAME = 96  # characters, the hub's rule
MOST_NAMED = 1000  # accounts in a card; each is looked up
_DIGEST = 8  # hexadecimal digits
_HANDLE = r"@[a-z0-9_][a-z0-9_.@-]*"
# The line with the handles in Mynah's own cards, and in those of huggingtweets, which joins them by '-'.
_OUR_LINE = re.compile(rf"<p>({_HANDLE}(?: \+ {_HANDLE})*)</p>", re.IGNORECASE)
_HUGGINGTWEETS_LINE = re.compile(rf">({_HANDLE})(?: bot)?</div>", re.IGNORECASE)
_MENTION = re.compile(rf"(?<![\w/.]){_HANDLE}", re.IGNORECASE)


def repository_name(handles: Iterable[str]) -> str:
    """`{"gull", "a@birds.town"}` -> `"a-birds.town-gull"`: sorted and joined by '-' as in the reference, and
    bent to what the hub allows in a name.
    """
    joined = "-".join(sorted(handles))
    name = re.sub(r"\.{2,}", ".", re.sub(r"-{2,}", "-", joined.replace("@", "-"))).strip("-.")
    if len(name) > LONGEST_NAME:
        digest = hashlib.sha256(joined.encode()).hexdigest()[:_DIGEST]
        name = f"{name[: LONGEST_NAME - _DIGEST - 1].rstrip('-.')}-{digest}"
    if not name or name.endswith((".git", ".ipynb")):
        name = f"{name}-voice".lstrip("-")
    return name


def checked_repository(name: str) -> str:
    """A repository's id as the hub wants it, of an address too. Raises InputError for what can't be one."""
    repo = re.sub(r"^https?://[^/]+/", "", name.strip()).strip("/")
    try:
        validate_repo_id(repo)
    except HFValidationError:
        raise InputError(f"'{name}' can't be a repository on the model hub; give it like owner/name.") from None
    return repo


def handles_of(repo: str, card: str) -> list[str]:
    """Whose voice a repository holds, as its card says, or else its name; empty where neither says it well."""
    if line := _OUR_LINE.search(card):
        return _normalised(line[1].split(" + "))
    owner, _, name = repo.rpartition("/")
    if line := _HUGGINGTWEETS_LINE.search(card):
        return _normalised(line[1].split("-"))
    return _normalised(name.split("-") if owner == "huggingtweets" else [name])


def everybody_named(repo: str, card: str) -> set[str]:
    """All whose voice it might be: the names in the repository's, and whoever its card mentions.

    Raises InputError for a card that mentions more than a card would.
    """
    name = repo.rpartition("/")[2]
    mentioned = [mention.rstrip(".-@") for mention in _MENTION.findall(card)]
    parts = [part for mention in mentioned for part in (mention, *mention.split("-"))]
    named = set(_normalised([name, *name.split("-"), *parts]))
    if len(named) > MOST_NAMED:
        raise InputError(f"The card of {repo} mentions {len(named):,} accounts; no voice has so many.")
    return named


def _normalised(names: Sequence[str]) -> list[str]:
    handles = []
    for name in names:
        try:
            handles.append(normalise_handle(name))
        except InputError:
            continue
    return list(dict.fromkeys(handles))
