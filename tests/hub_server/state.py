"""What is on the hub: accounts, repositories with their commits, and the large files that commits point to."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import yaml

LARGE = 10 * 1024 * 1024  # bytes, from which any file is stored as a large one
LARGE_KINDS = (".safetensors", ".bin", ".png", ".h5", ".msgpack")


@dataclass(frozen=True)
class Account:
    """Who a token belongs to; without `writes` the token may only read."""

    name: str
    groups: tuple[str, ...] = ()
    writes: bool = True


@dataclass(frozen=True)
class Blob:
    """A file's content; a large one is served from elsewhere."""

    content: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def oid(self) -> str:
        """As the hub names it when it is asked whether a file changed: sha256 of large ones, git's of others."""
        if self.large:
            return self.sha256
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()


@dataclass(frozen=True)
class Commit:
    sha: str
    message: str
    files: dict[str, Blob]


@dataclass
class Repository:
    """`claims` are sizes by name that its listing gives in the place of the real ones, odd names included."""

    id: str
    private: bool = False
    commits: list[Commit] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return self.id.partition("/")[0]

    @property
    def files(self) -> dict[str, Blob]:
        """Of the newest commit."""
        return self.commits[-1].files if self.commits else {}

    def commit(self, message: str, files: dict[str, Blob]) -> Commit:
        history = "".join(commit.sha for commit in self.commits)
        listed = "".join(f"{name}{blob.oid}" for name, blob in sorted(files.items()))
        sha = hashlib.sha1(f"{self.id}{message}{history}{listed}".encode()).hexdigest()
        self.commits.append(Commit(sha, message, files))
        return self.commits[-1]

    def at(self, revision: str) -> Commit | None:
        if revision == "main":
            return self.commits[-1] if self.commits else None
        return next((commit for commit in self.commits if commit.sha == revision), None)

    @property
    def card(self) -> dict[str, Any]:
        """The metadata of its README."""
        parts = self.files["README.md"].content.decode().split("---\n") if "README.md" in self.files else []
        return (yaml.safe_load(parts[1]) or {}) if len(parts) > 2 else {}

    def to_json(self, commit: Commit, *, sizes: bool) -> dict[str, Any]:
        """What the API says of it."""
        tags = [*self.card.get("tags", ())]
        if "license" in self.card:
            tags.append(f"license:{self.card['license']}")
        return {
            "id": self.id,
            "modelId": self.id,
            "author": self.owner,
            "sha": commit.sha,
            "private": self.private,
            "tags": tags,
            "cardData": self.card,
            "siblings": [
                self._sibling(name, commit.files.get(name), sizes=sizes)
                for name in {**commit.files, **self.claims}
            ],
        }

    def _sibling(self, name: str, blob: Blob | None, *, sizes: bool) -> dict[str, Any]:
        sibling: dict[str, Any] = {"rfilename": name}
        if sizes:
            sibling["size"] = self.claims.get(name, len(blob.content) if blob else 0)
            if blob is not None:
                sibling["blobId"] = blob.oid
                if blob.large:
                    sibling["lfs"] = {"sha256": blob.sha256, "size": sibling["size"], "pointerSize": 134}
        return sibling


@dataclass
class World:
    accounts: dict[str, Account] = field(default_factory=dict)  # by token
    repositories: dict[str, Repository] = field(default_factory=dict)  # by id
    objects: dict[str, bytes] = field(default_factory=dict)  # large files by sha256
    parts: dict[tuple[str, str], dict[int, bytes]] = field(default_factory=dict)  # by (sha256, upload)

    def is_large(self, name: str, size: int) -> bool:
        return name.endswith(LARGE_KINDS) or size >= LARGE
