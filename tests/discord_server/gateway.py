"""The gateway: WebSocket connections, sessions that outlive them, sequence numbers and replay."""

import asyncio
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import zstandard
from aiohttp import WSCloseCode, WSMsgType, web
from discord import Intents

from .state import Guild, Payload, snowflake
from .world import Event, World

DISPATCH, HEARTBEAT, IDENTIFY, RESUME = 0, 1, 2, 6
RECONNECT, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 9, 10, 11
BAD_TOKEN, DISALLOWED_INTENTS = 4004, 4014
MESSAGE_CONTENT = Intents(message_content=True).value
PRIVILEGED = Intents(members=True, presences=True, message_content=True).value


def _compressor(query: str | None) -> Callable[[str], str | bytes]:
    """How frames are written for the `compress` that a client asked for."""
    if query == "zlib-stream":
        deflate = zlib.compressobj()
        return lambda text: deflate.compress(text.encode()) + deflate.flush(zlib.Z_SYNC_FLUSH)
    if query == "zstd-stream":
        squeeze = zstandard.ZstdCompressor().compressobj()
        return lambda text: squeeze.compress(text.encode()) + squeeze.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    return lambda text: text


class Connection:
    """One socket; frames and the final close code leave in the order they were queued."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket, self.request = socket, request
        self.closed_by_server = False
        self.closing = False
        self._write = _compressor(request.query.get("compress"))
        self._queue: asyncio.Queue[str | int] = asyncio.Queue()

    def send(self, payload: Payload) -> None:
        self.send_text(json.dumps(payload))

    def send_text(self, text: str) -> None:
        self._queue.put_nowait(text)

    def close(self, code: int) -> None:
        """Closes with a code once everything queued before has left."""
        self.closed_by_server = self.closing = True
        self._queue.put_nowait(code)

    def cut(self) -> None:
        """Breaks the line without a close frame, as a dying network does."""
        self.closed_by_server = True
        if self.request.transport is not None:
            self.request.transport.abort()

    async def write(self) -> None:
        """Sends what is queued until the line breaks; what was lost waits in the session for a resume."""
        try:
            while isinstance(item := await self._queue.get(), str):
                frame = self._write(item)
                await (self.socket.send_bytes(frame) if isinstance(frame, bytes) else self.socket.send_str(frame))
            await self.socket.close(code=item)
        except ConnectionError:
            return


@dataclass(eq=False)
class Session:
    """What survives a lost connection: the numbered events, so that a resume can replay those not seen."""

    shard: tuple[int, int]  # index and count
    intents: int
    connection: Connection | None
    id: str = field(default_factory=lambda: f"session-{snowflake()}")
    sequence: int = 0
    sent: list[tuple[int, str]] = field(default_factory=list)

    def wants(self, guild: Guild | None, intent: int) -> bool:
        index, count = self.shard
        mine = index == 0 if guild is None else (guild.id >> 22) % count == index
        return mine and (intent == 0 or bool(self.intents & intent))

    def dispatch(self, name: str, data: Payload) -> None:
        self.sequence += 1
        frame = json.dumps({"op": DISPATCH, "t": name, "s": self.sequence, "d": data})
        self.sent.append((self.sequence, frame))
        if self.connection is not None:
            self.connection.send_text(frame)


class Gateway:
    """All connections and sessions, with the switches that a test turns.

    `received` keeps every payload of clients but heartbeats; `identified`, `resumed` and `heartbeats` count.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.url = ""  # set once the port is known
        self.heartbeat_interval = 41_250  # milliseconds, as Discord sends it
        self.silent = False  # accept connections and answer nothing: a gateway that hangs
        self.sessions: dict[str, Session] = {}
        self.connections: list[Connection] = []
        self.received: list[Payload] = []
        self.identified = self.resumed = self.heartbeats = 0
        world.notify = self.dispatch

    @property
    def connected(self) -> bool:
        """Whether a client is identified on a live connection."""
        return any(session.connection is not None for session in self.sessions.values())

    def dispatch(self, event: Event) -> None:
        """Sends an event to each session that asked for its kind; one without a line keeps it for the resume."""
        for session in self.sessions.values():
            if session.wants(event.guild, event.intent):
                session.dispatch(event.name, event.render(bool(session.intents & MESSAGE_CONTENT)))

    def send_text(self, text: str) -> None:
        """Sends a frame as it is, for instance one that is no JSON."""
        for connection in self.connections:
            connection.send_text(text)

    def cut(self) -> None:
        """Breaks every line; sessions stay and can be resumed."""
        for connection in list(self.connections):
            self._detach(connection)
            connection.cut()

    def close(self, code: int) -> None:
        """Closes every line with a close code; sessions stay."""
        for connection in list(self.connections):
            self._detach(connection)
            connection.close(code)

    def ask_to_reconnect(self) -> None:
        """Op 7: clients should come back and resume."""
        for connection in self.connections:
            connection.send({"op": RECONNECT, "d": None})

    def invalidate(self, *, resumable: bool) -> None:
        """Op 9; sessions that are not resumable are forgotten."""
        for connection in self.connections:
            connection.send({"op": INVALID_SESSION, "d": resumable})
        if not resumable:
            self.sessions.clear()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(timeout=1)  # seconds for the client's own close frame
        await socket.prepare(request)
        connection = Connection(socket, request)
        self.connections.append(connection)
        writer = asyncio.create_task(connection.write())
        try:
            if not self.silent:
                connection.send({"op": HELLO, "d": {"heartbeat_interval": self.heartbeat_interval}})
            async for message in socket:
                if message.type is WSMsgType.TEXT and not self.silent:
                    self._receive(connection, message.json())
        finally:
            if not connection.closed_by_server and socket.close_code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY):
                self._forget(connection)  # a client that closes with 1000 or 1001 ends its session
            self._detach(connection)
            if not connection.closing:
                writer.cancel()
            await asyncio.wait([writer])
        return socket

    def _receive(self, connection: Connection, payload: Payload) -> None:
        if payload["op"] == HEARTBEAT:
            self.heartbeats += 1
            connection.send({"op": HEARTBEAT_ACK})
            return
        self.received.append(payload)
        data = payload["d"]
        if payload["op"] in (IDENTIFY, RESUME) and data["token"] != self.world.token:
            connection.close(BAD_TOKEN)
        elif payload["op"] == IDENTIFY:
            self._identify(connection, data)
        elif payload["op"] == RESUME:
            self._resume(connection, data)

    def _identify(self, connection: Connection, data: Payload) -> None:
        intents: int = data["intents"]
        if intents & PRIVILEGED & ~self.world.privileged_intents.value:
            connection.close(DISALLOWED_INTENTS)
            return
        index, count = data.get("shard", (0, 1))
        session = Session((index, count), intents, connection)
        self.sessions[session.id] = session
        self.identified += 1
        guilds = [guild for guild in self.world.guilds.values() if guild.has_bot and session.wants(guild, 0)]
        ready = {
            "v": 10,
            "user": self.world.bot.wire(),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": f"{self.url}/resume",
            "shard": [index, count],
            "application": {"id": str(self.world.bot.id), "flags": 0},
        }
        session.dispatch("READY", ready)
        for guild in guilds:
            session.dispatch("GUILD_CREATE", guild.wire(self.world.bot))

    def _resume(self, connection: Connection, data: Payload) -> None:
        session = self.sessions.get(data["session_id"])
        if session is None or data["seq"] is None or data["seq"] > session.sequence:
            connection.send({"op": INVALID_SESSION, "d": False})
            return
        self.resumed += 1
        for sequence, frame in session.sent:
            if sequence > data["seq"]:
                connection.send_text(frame)
        session.connection = connection
        session.dispatch("RESUMED", {})

    def _forget(self, connection: Connection) -> None:
        self.sessions = {key: held for key, held in self.sessions.items() if held.connection is not connection}

    def _detach(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
        for session in self.sessions.values():
            if session.connection is connection:
                session.connection = None
