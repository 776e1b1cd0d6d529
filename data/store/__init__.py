"""What Mynah remembers, in one database: posts, training runs, voices and replies.

`open_store(url)` is the way in. SQLite is the default; PostgreSQL through asyncpg needs only another URL.
"""

from data.store.forget import Forgotten
from data.store.post_store import Added, CorpusSummary, PostStore
from data.store.reply_log import Reply, ReplyLog
from data.store.run_queue import Pulse, Run, RunQueue, RunState, RunWish
from data.store.store import Store, open_store
from data.store.voice_store import VoiceRow, VoiceStore

__all__ = [
    "Added",
    "CorpusSummary",
    "Forgotten",
    "PostStore",
    "Pulse",
    "Reply",
    "ReplyLog",
    "Run",
    "RunQueue",
    "RunState",
    "RunWish",
    "Store",
    "VoiceRow",
    "VoiceStore",
    "open_store",
]
