"""What Mynah remembers, in one database: posts, training runs, voices, replies, and what people decided.

`open_store(url)` is the way in. SQLite is the default; PostgreSQL through asyncpg needs only another URL.
"""

from data.store.card_store import Card, CardStore
from data.store.consent import Audience, ConsentStore, OptOut, Right
from data.store.draft import Draft, DraftState, NewDraft
from data.store.draft_store import DraftStore, SaidBeforeError
from data.store.forget import Forgotten
from data.store.game_store import GameStore, Round, Score
from data.store.inbox import Inbox, WaitingInteraction, WaitingMention
from data.store.ledger import Charge, Ledger, OverBudgetError, Spent
from data.store.place_store import ChannelVoice, Filter, PlaceSettings, PlaceStore
from data.store.post_store import Added, CorpusSummary, PostStore
from data.store.reply_log import Reply, ReplyLog, Report
from data.store.run_queue import Pulse, Run, RunQueue, RunState, RunWish
from data.store.schedule_store import NewSchedule, Schedule, ScheduleStore
from data.store.standing import StandingStore
from data.store.store import Store, open_store
from data.store.voice_store import VoiceRow, VoiceStore

__all__ = [
    "Added",
    "Audience",
    "Card",
    "CardStore",
    "ChannelVoice",
    "Charge",
    "ConsentStore",
    "CorpusSummary",
    "Draft",
    "DraftState",
    "DraftStore",
    "Filter",
    "Forgotten",
    "GameStore",
    "Inbox",
    "Ledger",
    "NewDraft",
    "NewSchedule",
    "OptOut",
    "OverBudgetError",
    "PlaceSettings",
    "PlaceStore",
    "PostStore",
    "Pulse",
    "Reply",
    "ReplyLog",
    "Report",
    "Right",
    "Round",
    "Run",
    "RunQueue",
    "RunState",
    "RunWish",
    "SaidBeforeError",
    "Schedule",
    "ScheduleStore",
    "Score",
    "Spent",
    "StandingStore",
    "Store",
    "VoiceRow",
    "VoiceStore",
    "WaitingInteraction",
    "WaitingMention",
    "open_store",
]
