"""X's own specification, where it lies beside the project: every call and answer of a test is held against it.

It is X's document and no part of this project, so a checkout without it runs the same tests unchecked.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from jsonschema import Draft4Validator  # type: ignore[import-untyped]  # its types are a package of their own

from . import XServer
from .errors import Payload
from .http import Call

PLACE = Path(__file__).parents[3] / "shared" / "x-openapi-2.166.json"
OBJECTS = {"users": "User", "tweets": "Tweet"}


class Specification:
    """The document, asked whether a call keeps to it."""

    def __init__(self, document: Payload) -> None:
        self._document = document

    @classmethod
    def beside_the_project(cls) -> Self | None:
        return cls(json.loads(PLACE.read_text(encoding="utf-8"))) if PLACE.exists() else None

    def check(self, call: Call) -> None:
        """Raises jsonschema.ValidationError or AssertionError for a call that X wouldn't send or take.

        What X refused needn't have been right, and calls in its new words are younger than the document.
        """
        if call.answer is None or not call.endpoint or call.post_words:
            return
        operation = self._operation(call)
        if call.answer_status < 400:
            self._check_request(operation, call)
            self._check_answer(operation["responses"][str(call.answer_status)], call.answer)
        else:
            self._check_problem(call.answer)

    def _operation(self, call: Call) -> Payload:
        method, _, template = call.endpoint.partition(" ")
        found: Payload = self._document["paths"][template][method.lower()]
        return found

    def _check_request(self, operation: Payload, call: Call) -> None:
        declared = {one["name"]: one for one in map(self._resolved, operation.get("parameters", []))}
        given = call.query | call.parameters
        assert set(given) <= set(declared), f"unknown: {set(given) - set(declared)}"
        for name, parameter in declared.items():
            assert name in given or not parameter.get("required"), f"missing: {name}"
            if name in given:
                self._validate(_read(given[name], self._resolved(parameter["schema"])), parameter["schema"])
        if "requestBody" in operation:
            self._validate(call.payload, operation["requestBody"]["content"]["application/json"]["schema"])

    def _check_answer(self, response: Payload, answer: Payload) -> None:
        schema = response["content"]["application/json"]["schema"]
        self._validate(answer, schema)
        properties = self._resolved(schema)["properties"]
        assert set(answer) <= set(properties)
        for name in {"data", "meta"} & set(answer):
            self._check_names(answer[name], properties[name])
        for kind, things in answer.get("includes", {}).items():
            for thing in things:
                self._check_names(thing, {"$ref": f"#/components/schemas/{OBJECTS[kind]}"})
        for problem in answer.get("errors", []):
            self._check_problem(problem)

    def _check_names(self, value: Any, schema: Payload) -> None:
        """The schemas let unknown fields pass; the double may not make any up."""
        schema = self._resolved(schema)
        if isinstance(value, list):
            for item in value:
                self._check_names(item, schema["items"])
        elif "properties" in schema:
            # The answer to a new post has this field too, though the document forgot it.
            unknown = set(value) - set(schema["properties"]) - {"edit_history_tweet_ids"}
            assert not unknown, f"X has no such fields: {unknown}"

    def _check_problem(self, problem: Payload) -> None:
        self._validate(problem, {"$ref": "#/components/schemas/Problem"})
        kinds = self._document["components"]["schemas"]["Problem"]["discriminator"]["mapping"]
        if problem["type"] in kinds:
            self._validate(problem, {"$ref": kinds[problem["type"]]})

    def _resolved(self, node: Payload) -> Payload:
        while "$ref" in node:
            names = node["$ref"].removeprefix("#/").split("/")
            node = self._document
            for name in names:
                node = node[name]
        return node

    def _validate(self, value: Any, schema: Payload) -> None:
        Draft4Validator({**schema, "components": self._document["components"]}).validate(value)


def _read(value: str, schema: Payload) -> Any:
    """A parameter's text as what its schema takes it for."""
    if schema.get("type") == "array":
        return value.split(",")
    return int(value) if schema.get("type") == "integer" else value


def check(calls: Iterable[Call]) -> None:
    """Holds calls against the specification where there is one."""
    specification = Specification.beside_the_project()
    if specification is not None:
        for call in calls:
            specification.check(call)


@asynccontextmanager
async def checked_server() -> AsyncIterator[XServer]:
    """A server whose traffic is held against the specification, where there is one, when the test is done."""
    async with XServer() as server:
        yield server
        check(server.requests)
