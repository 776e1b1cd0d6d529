"""Every question and answer is held against the SDK's own models of the lexicons, formats of strings included."""

import re
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

import regex
from atproto_client import models
from atproto_client.exceptions import ModelError
from atproto_client.models.utils import get_or_create

from .errors import invalid
from .identifiers import SORTABLE

LONGEST_POST = 300  # graphemes, which the models don't count
LONGEST_POST_BYTES = 3000
_TIMESTAMP_ID = re.compile(f"[234567abcdefghij][{SORTABLE}]{{12}}")
# What records of a collection are named, where the lexicon says so.
_KEYS = {"app.bsky.feed.post": _TIMESTAMP_ID, "app.bsky.actor.profile": re.compile("self")}


def model_of(method: str, part: str) -> Any:
    """The model of a method's "Params", "Data" or "Response", or of a "Record"; None where there is none."""
    alias = "".join(word[0].upper() + word[1:] for word in method.split("."))
    return getattr(getattr(models, alias), part, None)


def parameters(method: str, query: Mapping[str, list[str]]) -> dict[str, Any]:
    """A query as its types have it. Raises XrpcError (400) for what the lexicon does not allow."""
    model = model_of(method, "Params")
    fields = {field.alias: field.annotation for field in model.model_fields.values()} if model else {}
    if unknown := set(query) - set(fields):
        raise invalid(f"Params have unknown properties: {', '.join(sorted(unknown))}")
    given = {name: _typed(fields[name], values) for name, values in query.items()}
    return dict(_held_against(model, given, "Params")) if model else {}


def body(method: str, given: Any) -> dict[str, Any]:
    """The body of a procedure. Raises XrpcError (400)."""
    model = model_of(method, "Data")
    if model is None:
        return {}
    if not isinstance(given, dict):
        raise invalid("Input must be an object")
    return dict(_held_against(model, given, "Input"))


def check_answer(method: str, answer: dict[str, Any]) -> None:
    """Raises XrpcError for an answer of ours that Bluesky would never give: a fault of this server."""
    model = model_of(method, "Response")
    if model is not None:
        _held_against(model, answer, "Output")


def check_record(collection: str, key: str, record: dict[str, Any]) -> None:
    """Raises XrpcError (400) for a record that its collection does not take, or not under this key."""
    if record.get("$type") != collection:
        raise invalid(f"Invalid $type: expected {collection}, got {record.get('$type')}")
    if collection in _KEYS and not _KEYS[collection].fullmatch(key):
        raise invalid(f"Invalid record key for {collection}: {key}")
    try:
        get_or_create(record, model_of(collection, "Record"), strict_string_format=True)
    except ModelError as error:
        raise invalid(f"Invalid {collection} record: {error}") from None
    text = record.get("text", "")
    if len(regex.findall(r"\X", text)) > LONGEST_POST:
        raise invalid(f"Invalid {collection} record: Record/text must not be longer than 300 graphemes")
    if len(text.encode()) > LONGEST_POST_BYTES:
        raise invalid(f"Invalid {collection} record: Record/text must not be longer than 3000 characters")


def _held_against(model: Any, given: dict[str, Any], what: str) -> dict[str, Any]:
    try:
        get_or_create(given, model, strict_string_format=True)
    except ModelError as error:
        raise invalid(f"{what} is invalid: {error}") from None
    return given


def _typed(annotation: Any, values: list[str]) -> Any:
    kinds = set(_flat(annotation))
    if list in kinds:
        return values
    if bool in kinds:
        return {"true": True, "false": False}.get(values[-1], values[-1])
    return int(values[-1]) if int in kinds and values[-1].isdigit() else values[-1]


def _flat(annotation: Any) -> list[Any]:
    """The plain types of a possibly optional, annotated one."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType) or hasattr(annotation, "__metadata__"):
        return [kind for part in get_args(annotation)[: None if origin is Union else 1] for kind in _flat(part)]
    return [origin or annotation]
