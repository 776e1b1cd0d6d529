"""The endpoints: who am I, repositories, commits, and the large files, as huggingface_hub asks for them."""

import base64
import hashlib
import itertools
import json
from typing import Any

import yaml
from aiohttp import web

from .http import Call, Handler, HubError
from .state import Account, Blob, Repository, World

REPO = r"(?P<owner>[^/]+)/(?P<name>[^/]+)"
NAME = r"(?P<owner>[^/]+)/(?P<name>[^/]+?)"


class Routes:
    """The handlers over one world. `origin` is the hub's, `elsewhere` that of the machine with the large files."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.origin = self.elsewhere = ""  # set once the port is known
        self.part_size: int | None = None  # bytes, where large files are sent in parts
        self.overrides_privacy = False  # makes everything public, as an organisation's setting may
        self._uploads = itertools.count()

    def table(self) -> dict[tuple[str, str], Handler]:
        return {
            ("GET", "/api/whoami-v2"): self.who,
            ("POST", "/api/validate-yaml"): self.validate,
            ("POST", "/api/repos/create"): self.create,
            ("DELETE", "/api/repos/delete"): self.delete,
            ("GET", f"/api/models/{REPO}"): self.info,
            ("GET", f"/api/models/{REPO}/revision/(?P<revision>.+)"): self.info,
            ("GET", f"/api/models/{REPO}/tree/(?P<revision>[^/]+)"): self.tree,
            ("PUT", f"/api/models/{REPO}/settings"): self.settings,
            ("POST", f"/api/models/{REPO}/preupload/main"): self.preupload,
            ("POST", f"/api/models/{REPO}/commit/main"): self.commit,
            ("POST", rf"/{NAME}\.git/info/lfs/objects/batch"): self.batch,
            ("PUT", "/large/(?P<oid>[0-9a-f]{64})"): self.take,
            ("PUT", "/large/(?P<oid>[0-9a-f]{64})/(?P<upload>[0-9]+)/(?P<part>[0-9]+)"): self.take_part,
            ("POST", "/large/(?P<oid>[0-9a-f]{64})/(?P<upload>[0-9]+)/whole"): self.join,
            ("POST", "/large/(?P<oid>[0-9a-f]{64})/verify"): self.verify,
            ("GET", "/large/(?P<oid>[0-9a-f]{64})"): self.give,
            ("GET", f"/{REPO}/resolve/(?P<revision>[^/]+)/(?P<file>.+)"): self.resolve,
        }

    # Accounts and repositories

    def who(self, call: Call, _: dict[str, str]) -> web.Response:
        if call.account is None:
            raise HubError(401, "Invalid username or password.")
        groups = [{"name": name} for name in call.account.groups]
        return web.json_response({"type": "user", "name": call.account.name, "orgs": groups})

    def validate(self, call: Call, _: dict[str, str]) -> web.Response:
        parts = call.json["content"].split("---\n")
        try:
            values = yaml.safe_load(parts[1]) if len(parts) > 2 else None
        except yaml.YAMLError as error:
            return web.json_response({"errors": [{"message": str(error)}], "warnings": []}, status=400)
        warnings = [] if values else [{"message": "empty or missing yaml metadata in repo card"}]
        return web.json_response({"errors": [], "warnings": warnings})

    def create(self, call: Call, _: dict[str, str]) -> web.Response:
        owner = call.json.get("organization") or call.writer.name
        _refuse_stranger(call.writer, owner)
        repo = f"{owner}/{call.json['name']}"
        if repo in self.world.repositories:
            return web.json_response(
                {"error": "You already created this model repo", "url": f"{self.origin}/{repo}"}, status=409
            )
        private = call.json.get("visibility") == "private" and not self.overrides_privacy
        made = self.world.repositories[repo] = Repository(repo, private)
        made.commit("initial commit", {".gitattributes": Blob(b"*.safetensors filter=lfs\n", large=False)})
        return web.json_response({"url": f"{self.origin}/{repo}", "id": repo})

    def delete(self, call: Call, _: dict[str, str]) -> web.Response:
        repo = f"{call.json.get('organization') or call.writer.name}/{call.json['name']}"
        if repo not in self.world.repositories or not _is_in(call.writer, self.world.repositories[repo].owner):
            raise HubError(404, "Repository not found", "RepoNotFound")
        del self.world.repositories[repo]
        return web.Response(text="OK")

    def settings(self, call: Call, given: dict[str, str]) -> web.Response:
        repo = self._writable(call, given)
        repo.private = call.json["visibility"] == "private" and not self.overrides_privacy
        return web.json_response({"private": repo.private})

    def info(self, call: Call, given: dict[str, str]) -> web.Response:
        repo = self._visible(call, given)
        commit = repo.at(given.get("revision", "main"))
        if commit is None:
            raise HubError(404, "Invalid rev id", "RevisionNotFound")
        return web.json_response(repo.to_json(commit, sizes="blobs" in call.query))

    def tree(self, call: Call, given: dict[str, str]) -> web.Response:
        commit = self._visible(call, given).at(given["revision"])
        files = commit.files if commit is not None else {}
        return web.json_response(
            [
                {"type": "file", "path": name, "size": len(blob.content), "oid": blob.oid}
                for name, blob in files.items()
            ]
        )

    # Writing

    def preupload(self, call: Call, given: dict[str, str]) -> web.Response:
        files = self._writable(call, given).files
        return web.json_response(
            {"files": [self._mode(file, files.get(file["path"])) for file in call.json["files"]]}
        )

    def _mode(self, file: dict[str, Any], there: Blob | None) -> dict[str, Any]:
        mode = "lfs" if self.world.is_large(file["path"], file["size"]) else "regular"
        oid = there.oid if there is not None else None
        return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}

    def commit(self, call: Call, given: dict[str, str]) -> web.Response:
        repo = self._writable(call, given)
        files, message = dict(repo.files), ""
        for line in call.body.splitlines():
            step = json.loads(line)
            value = step["value"]
            match step["key"]:
                case "header":
                    message = value["summary"]
                    if value.get("parentCommit") not in (None, repo.commits[-1].sha):
                        raise HubError(412, "A commit has happened since. Please refresh and try again.")
                case "file":
                    files[value["path"]] = Blob(base64.b64decode(value["content"]), large=False)
                case "lfsFile":
                    content = self.world.objects.get(value["oid"])
                    if content is None or len(content) != value["size"]:
                        raise HubError(400, "LFS pointer pointed to a file that does not exist")
                    files[value["path"]] = Blob(content, large=True)
                case "deletedFile":
                    del files[value["path"]]
        made = repo.commit(message, files)
        url = f"{self.origin}/{repo.id}/commit/{made.sha}"
        return web.json_response({"success": True, "commitOid": made.sha, "commitUrl": url, "hookOutput": ""})

    # Large files

    def batch(self, call: Call, given: dict[str, str]) -> web.Response:
        self._writable(call, given)
        return web.json_response(
            {
                "transfer": "basic",
                "objects": [self._actions(wish["oid"], wish["size"]) for wish in call.json["objects"]],
            }
        )

    def _actions(self, oid: str, size: int) -> dict[str, Any]:
        """How to send it; nothing where it is here already. As at the hub, parts have new places each time."""
        if oid in self.world.objects:
            return {"oid": oid, "size": size}
        upload: dict[str, Any] = {"href": f"{self.elsewhere}/large/{oid}"}
        if self.part_size is not None and size > self.part_size:
            place = f"{self.elsewhere}/large/{oid}/{next(self._uploads)}"
            parts = {str(part + 1): f"{place}/{part + 1}" for part in range(-(-size // self.part_size))}
            upload = {"href": f"{place}/whole", "header": {"chunk_size": str(self.part_size), **parts}}
        verify = {"href": f"{self.origin}/large/{oid}/verify"}
        return {"oid": oid, "size": size, "actions": {"upload": upload, "verify": verify}}

    def take(self, call: Call, given: dict[str, str]) -> web.Response:
        self._keep(given["oid"], call.body)
        return web.Response()

    def take_part(self, call: Call, given: dict[str, str]) -> web.Response:
        parts = self.world.parts.setdefault((given["oid"], given["upload"]), {})
        parts[int(given["part"])] = call.body
        return web.Response(headers={"ETag": hashlib.md5(call.body).hexdigest()})

    def join(self, call: Call, given: dict[str, str]) -> web.Response:
        parts = self.world.parts[given["oid"], given["upload"]]
        etags = {part["partNumber"]: part["etag"] for part in call.json["parts"]}
        if etags != {number: hashlib.md5(part).hexdigest() for number, part in parts.items()}:
            raise HubError(400, "Parts are missing")
        self._keep(given["oid"], b"".join(part for _, part in sorted(parts.items())))
        return web.json_response({})

    def verify(self, call: Call, given: dict[str, str]) -> web.Response:
        content = self.world.objects.get(given["oid"])
        if content is None or len(content) != call.json["size"]:
            raise HubError(404, "Object does not exist")
        return web.Response()

    def _keep(self, oid: str, content: bytes) -> None:
        if hashlib.sha256(content).hexdigest() != oid:
            raise HubError(400, "The content has another checksum")
        self.world.objects[oid] = content

    # Reading

    def resolve(self, call: Call, given: dict[str, str]) -> web.Response:
        """Small files at once; large ones are elsewhere, where no token must be sent."""
        repo = self._visible(call, given)
        commit = repo.at(given["revision"])
        if commit is None:
            raise HubError(404, "Invalid rev id", "RevisionNotFound")
        blob = commit.files.get(given["file"])
        if blob is None:
            raise HubError(404, "Entry not found", "EntryNotFound")
        headers = {"X-Repo-Commit": commit.sha, "ETag": f'"{blob.oid}"'}
        if blob.large:
            self.world.objects.setdefault(blob.sha256, blob.content)
            linked = {"X-Linked-Size": str(len(blob.content)), "X-Linked-Etag": f'"{blob.sha256}"'}
            place = f"{self.elsewhere}/large/{blob.sha256}"
            return web.Response(status=302, headers={**headers, **linked, "Location": place})
        return _ranged(call, blob.content, headers)

    def give(self, call: Call, given: dict[str, str]) -> web.Response:
        if "Authorization" in call.headers:
            raise HubError(400, "Only one auth mechanism allowed")  # as S3 says to a token beside its signature
        return _ranged(call, self.world.objects[given["oid"]], {"ETag": f'"{given["oid"]}"'})

    # Rights

    def _visible(self, call: Call, given: dict[str, str]) -> Repository:
        repo = self.world.repositories.get(f"{given['owner']}/{given['name']}")
        if repo is None or (repo.private and not (call.account and _is_in(call.account, repo.owner))):
            raise HubError(404 if call.account else 401, "Repository not found", "RepoNotFound")
        return repo

    def _writable(self, call: Call, given: dict[str, str]) -> Repository:
        repo = self._visible(call, given)
        _refuse_stranger(call.writer, repo.owner)
        return repo


def _is_in(account: Account, owner: str) -> bool:
    return owner in (account.name, *account.groups)


def _refuse_stranger(account: Account, owner: str) -> None:
    if not _is_in(account, owner):
        raise HubError(403, f"You don't have the rights to create a model under the namespace {owner}")


def _ranged(call: Call, content: bytes, headers: dict[str, str]) -> web.Response:
    """All of it, or from the byte that was asked for on."""
    wanted = call.headers.get("Range", "")
    if not wanted:
        return web.Response(body=content, headers=headers)
    start = int(wanted.removeprefix("bytes=").rstrip("-"))
    span = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
    return web.Response(status=206, body=content[start:], headers=headers | span)
