"""One record of the collection `app.bsky.feed.post`, as Bluesky's repositories and timelines hold it."""

import re
from collections.abc import Iterator, Mapping

from data.posts import Post, PostKind, language_code
from data.sources.json_stream import as_object
from data.sources.markup import whole_link
from data.sources.times import parse_time

COLLECTION = "app.bsky.feed.post"
# at://did:plc:abc/app.bsky.feed.post/3kabcdefghij2: the last part is the post's id, its "record key".
_POST_URI = re.compile(r"at://[^/\s]{1,300}/app\.bsky\.feed\.post/([A-Za-z0-9._:~-]{1,100})")
_MENTION = re.compile(r"@[A-Za-z0-9-]+(?=\.)")


def post_from_record(record: Mapping[str, object], post_id: str, handle: str) -> Post | None:
    """The post, links in its text whole again; None where there is no text."""
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        return None
    reply = as_object(record.get("reply"))
    languages = record.get("langs")
    return Post(
        id=post_id,
        handle=handle,
        text=_with_facets(text, record.get("facets")),
        created_at=parse_time(record.get("createdAt")),
        kind=_kind(record, is_reply=bool(reply)),
        reply_to_id=post_id_of(as_object(reply.get("parent")).get("uri")),
        lang=language_code(languages[0] if isinstance(languages, list) and languages else None),
    )


def post_id_of(uri: object) -> str | None:
    """The record key of a post's at:// address; None for anything else."""
    match = _POST_URI.fullmatch(uri) if isinstance(uri, str) else None
    return match.group(1) if match else None


def _kind(record: Mapping[str, object], *, is_reply: bool) -> PostKind:
    if is_reply:
        return "reply"
    embedded = as_object(as_object(record.get("embed")).get("record"))
    embedded = as_object(embedded.get("record")) or embedded  # with pictures beside the quoted post
    return "quote" if post_id_of(embedded.get("uri")) else "post"


def _with_facets(text: str, facets: object) -> str:
    """Links whole, and mentions without the domain, of which cleaning would leave a rest ("@ada.example.de")."""
    raw = text.encode("utf-8", "surrogatepass")
    pieces, at = [], 0
    for start, end, feature in sorted(_features(facets), key=lambda found: found[:2]):
        if at <= start < end <= len(raw):
            shown = raw[start:end].decode("utf-8", "ignore")
            pieces += [raw[at:start], _in_place_of(shown, feature).encode("utf-8", "surrogatepass")]
            at = end
    return b"".join([*pieces, raw[at:]]).decode("utf-8", "ignore")


def _features(facets: object) -> Iterator[tuple[int, int, dict[str, object]]]:
    """Where in the text's UTF-8 bytes something is a link or a mention, and what it is."""
    for facet in map(as_object, facets if isinstance(facets, list) else ()):
        place = as_object(facet.get("index"))
        start, end = place.get("byteStart"), place.get("byteEnd")
        features = facet.get("features")
        if isinstance(start, int) and isinstance(end, int) and isinstance(features, list) and features:
            yield start, end, as_object(features[0])


def _in_place_of(shown: str, feature: dict[str, object]) -> str:
    mention = _MENTION.match(shown) if "did" in feature else None
    return mention.group() if mention else whole_link(shown, feature.get("uri"))
