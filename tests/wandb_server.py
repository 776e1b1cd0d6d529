"""A server of Weights & Biases on loopback: as much of it as a run needs to be sent and to be deleted."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


class WandbServer:
    """What it was told: rows of the curves by run, artifacts by name, and which runs were deleted.

    As the real one, it doesn't tell a project that one may not see from one that isn't there.
    """

    def __init__(self) -> None:
        self.url = ""
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.artifacts: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["WandbServer"]:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/graphql", self._graphql)
        app.router.add_post("/files/{entity}/{project}/{run}/file_stream", self._stream)
        app.router.add_route("*", "/{rest:.*}", self._else)
        async with TestServer(app, host="127.0.0.1") as server:
            self.url = str(server.make_url("")).rstrip("/")
            yield self

    async def _graphql(self, request: web.Request) -> web.Response:
        asked = await request.json()
        return web.json_response({"data": self._answer(asked["query"], asked.get("variables") or {})})

    def _answer(self, query: str, told: dict[str, Any]) -> dict[str, Any]:
        viewer = {"id": "1", "entity": "us", "username": "us", "flags": "{}", "teams": {"edges": []}}
        viewer |= {"name": "us", "email": "", "admin": False, "deletedAt": None, "apiKeys": {"edges": []}}
        if "upsertBucket" in query:
            project = {"id": "p", "name": told["project"], "entity": {"id": "e", "name": "us"}}
            run = {
                "id": told["name"],
                "name": told["name"],
                "displayName": told["displayName"],
                "project": project,
            }
            return {"upsertBucket": {"bucket": {**run, "config": "{}", "historyLineCount": 0}, "inserted": True}}
        if "deleteRun" in query:
            self.deleted.append(told["id"])
            self.rows.pop(told["id"], None)
            return {"deleteRun": {"clientMutationId": None}}
        if "createRunFiles" in query:
            files = [{"name": name, "uploadUrl": f"{self.url}/upload/{name}"} for name in told["files"]]
            return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}
        if "createArtifact(" in query:
            name, metadata = told["input"]["artifactCollectionName"], told["input"]["metadata"]
            self.artifacts[name] = json.loads(metadata or "{}")
            made = {"id": name, "state": "COMMITTED", "artifactSequence": {"id": "s", "latestArtifact": None}}
            return {"createArtifact": {"artifact": made}}
        if "query Run(" in query:
            if told["entity"] != "us":
                return {"project": None}
            if told["name"] not in self.rows:
                return {"project": {"run": None}}
            run = {"id": told["name"], "name": told["name"], "displayName": "", "state": "finished", "tags": []}
            empty = {"config": "{}", "summaryMetrics": "{}", "systemMetrics": "{}", "historyKeys": None}
            return {"project": {"run": {**run, **empty, "user": viewer, "projectId": "1", "readOnly": False}}}
        return {"viewer": viewer, "model": None, "project": None}

    async def _stream(self, request: web.Request) -> web.Response:
        files = (await request.json()).get("files", {})
        lines = files.get("wandb-history.jsonl", {}).get("content", [])
        self.rows[request.match_info["run"]] += [json.loads(line) for line in lines]
        return web.json_response({})

    async def _else(self, request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({})
