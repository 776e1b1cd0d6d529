"""From rows to posts: whose they are, what is left out, and whether the file was damaged before it came here."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath

from data.errors import InputError
from data.posts import Post, normalise_handle
from data.sources.columns import Row, author_of, is_deleted, is_no_post, post_from_row, text_of
from data.sources.reading import Reading
from data.sources.tree import Tree

_HEAD = 100  # rows looked at to learn whose posts these are
_HEAD_BYTES = 2 << 20  # or fewer rows, where they are this large together: in memory they take far more
# File names that people give to anything; they name nobody.
_NOBODY = {"tweets", "tweet", "posts", "data", "export", "output", "archive", "timeline", "result", "results"}
# UTF-8 read as Windows-1252, as Mac Roman, and as Excel for Mac does it (“ … ” become ‰ÛÏ, äó_).
_MOJIBAKE = re.compile(r"â€[™œ\x9d¦“”\u02dc¢]|\u201aÄ[ôúùì¶îò]|‰Û[_ÓªÏ÷ìîÒ\x9d]|äó[_ìîÖùªÓ]|Ã[\x80-\xbf]|ðŸ")
_MOJIBAKE_ROWS = 3  # and one row in fifty: a post may quote some
_ROUNDED_IDS = 5  # spreadsheets keep 15 digits: that so many ids end in 000 by chance is one in 10^15


def read_rows(rows: Iterator[Row], tree: Tree, name: str, wanted: str | None, source: str) -> Reading:
    """The reading of a table or of JSON objects.

    The handle is `wanted`, or the only author in the first 100 rows, or the file's name (NASA.jsonl -> nasa).
    Raises InputError where there are no rows, no text in them, or several authors to choose from.
    """
    head = _head(rows, tree)
    if not head:
        raise InputError(f"{name} holds no rows.")
    if not any(text_of(row) for row in head):
        found = ", ".join(sorted({column for row in head for column in row if column.isprintable()})[:12])[:200]
        raise InputError(f"{name} has no column of texts among {found or 'its columns'}; call that column 'text'.")
    authors = sorted({author for row in head if (author := author_of(row))})
    handle = wanted or _handle(authors, name, tree)
    skipped: Counter[str] = Counter()
    return Reading(handle, source, _posts(chain(head, rows), name, handle, skipped), tree, skipped)


def _head(rows: Iterator[Row], tree: Tree) -> list[Row]:
    head: list[Row] = []
    start = tree.done
    for row in rows:
        head.append(row)
        if len(head) == _HEAD or tree.done - start > _HEAD_BYTES:
            break
    return head


def _handle(authors: list[str], name: str, tree: Tree) -> str:
    stem = PurePosixPath(name).stem
    try:
        named = None if stem.lower() in _NOBODY else normalise_handle(stem)
    except InputError:
        named = None
    if len(authors) == 1:
        return authors[0]
    if authors and named not in authors:
        some = " and ".join(f"@{author}" for author in authors[:3])
        raise InputError(
            f"{tree.label} holds posts by {some}{' and others' if authors[3:] else ''}; choose by --handle."
        )
    if named is None:
        raise InputError(f"{tree.label} doesn't say whose posts these are; add --handle with the account's name.")
    return named


def _posts(rows: Iterator[Row], name: str, handle: str, skipped: Counter[str]) -> Iterator[Post]:
    damage = _Damage(name)
    others: set[str] = set()
    taken = 0
    for row in rows:
        text = text_of(row)
        author = author_of(row)
        if is_no_post(row):
            skipped["not posts"] += 1
        elif text is None:
            skipped["without text"] += 1
        elif author not in {None, handle}:
            skipped["other authors"] += 1
            if author and len(others) < 3:
                others.add(author)
        elif is_deleted(row):
            skipped["deleted"] += 1
        else:
            post = post_from_row(row, text, handle)
            damage.look_at(post)
            taken += 1
            yield post
    if others and not taken:
        said = ", ".join(f"@{author}" for author in sorted(others))
        raise InputError(f"{name} holds no posts by @{handle}, but by {said}; correct --handle.")


class _Damage:
    """Watches for what other programs do to a file, which no single row shows for sure."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows = 0
        self._garbled = 0
        self._long_ids = 0
        self._rounded_ids = 0

    def look_at(self, post: Post) -> None:
        """Raises InputError once it is clear that texts or ids are broken."""
        self._rows += 1
        self._garbled += bool(_MOJIBAKE.search(post.text))
        if self._garbled >= _MOJIBAKE_ROWS and self._garbled * 50 > self._rows:
            raise InputError(
                f"{self._name} was saved in a wrong encoding, so that its quotes and accents are garbled; "
                "export it again as UTF-8, without Excel."
            )
        if len(post.id) >= 17 and post.id.isdigit():
            self._long_ids += 1
            self._rounded_ids += post.id.endswith("000")
            if self._rounded_ids == self._long_ids >= _ROUNDED_IDS:
                raise InputError(
                    f"Ids in {self._name} such as {post.id} were rounded by a spreadsheet; export the posts again "
                    "with their ids as text."
                )
