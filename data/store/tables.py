"""The tables as the newest migration leaves them; a test compares the two.

Times are stored in UTC. Leases and beats are `time.time()` seconds, as they are compared and never shown.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept as UTC: SQLite drops the zone of what it stores, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def post_columns() -> list[Column[object]]:
    """A post, keyed by its handle and its first version's id; `id` is the version that is kept."""
    return [
        Column("handle", String, primary_key=True),
        Column("first_id", String, primary_key=True),
        Column("id", String, nullable=False),
        Column("text", Text, nullable=False),
        Column("created_at", UtcTime),
        Column("kind", String, nullable=False),
        Column("reply_to_id", String),
        Column("lang", String),
        Column("edit_of_id", String),
    ]


ACTIVE = text("state IN ('queued', 'running')")  # as text, so that index and ON CONFLICT name it letter by letter

metadata = MetaData()

posts = Table("posts", metadata, *post_columns(), sqlite_with_rowid=False)

imports = Table(
    "imports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("handle", String, nullable=False, index=True),
    Column("source", String, nullable=False),
    Column("file_name", String, nullable=False),
    Column("file_digest", String, nullable=False),
    Column("imported_at", UtcTime, nullable=False),
    Column("consent", String, nullable=False),
    Column("may_train", Boolean, nullable=False),
    Column("may_publish", Boolean, nullable=False),
)

summaries = Table(
    "summaries",
    metadata,
    Column("handle", String, primary_key=True),
    Column("profile", String, nullable=False),
    Column("downloaded", Integer, nullable=False),
    Column("retweets", Integer, nullable=False),
    Column("short", Integer, nullable=False),
    Column("kept", Integer, nullable=False),
    Column("characters", Integer, nullable=False),
    Column("digest", String, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("voice_key", String, nullable=False),
    Column("handles", JSON, nullable=False),
    Column("base", String, nullable=False),
    Column("recipe", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("progress", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer),  # as the trainer that claimed it last has it
    Column("worker", String),
    Column("lease_until", Double),
    Column("cancel_requested", Boolean, nullable=False),
    Column("error", Text),
    Column("requested_by", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    # One voice is never trained twice at once, whoever asks. The migration has the same condition for PostgreSQL;
    # to name it here as well would import that dialect, which takes 0.03 seconds of CPU, in every process.
    Index("one_active_run", "voice_key", unique=True, sqlite_where=ACTIVE),
    sqlite_autoincrement=True,  # a forgotten run's number is never given to another
)

trainers = Table(
    "trainers",
    metadata,
    Column("worker", String, primary_key=True),
    Column("pid", Integer, nullable=False),
    Column("beat_at", Double, nullable=False),
)

voices = Table(
    "voices",
    metadata,
    Column("key", String, primary_key=True),
    Column("name", String, nullable=False, index=True),
    Column("handles", JSON, nullable=False),
    Column("base", String, nullable=False),
    Column("held_out_loss_before", Double, nullable=False),
    Column("held_out_loss", Double, nullable=False),
    Column("record", JSON, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

replies = Table(
    "replies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("voice_key", String, nullable=False, index=True),
    Column("prompt", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("front", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("person", String, nullable=False, server_default="", index=True),  # who asked; empty in the terminal
    Column("place", String, nullable=False, server_default=""),
)

rejections = Table(
    "rejections",
    metadata,
    Column("voice_key", String, primary_key=True),
    Column("reason", String, primary_key=True),
    Column("count", Integer, nullable=False),
)

# Persons, places and channels are named with their platform: "discord:80351110224678912". How each is used stands
# with its part of the store.

rights = Table(
    "rights",
    metadata,
    Column("handle", String, primary_key=True),
    Column("owner", String, nullable=False, index=True),
    Column("place", String, nullable=False),
    Column("audience", String, nullable=False),
    Column("game", Boolean, nullable=False),
    Column("since", UtcTime, nullable=False),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("handle", String, primary_key=True),
    Column("person", String, nullable=False, index=True),
    Column("wants_erasure", Boolean, nullable=False),
    Column("since", UtcTime, nullable=False),
)

places = Table(
    "places",
    metadata,
    Column("place", String, primary_key=True),
    Column("settings", JSON, nullable=False),
)

channels = Table(
    "channels",
    metadata,
    Column("channel", String, primary_key=True),
    Column("place", String, nullable=False),
    Column("voice", String, nullable=False),
    Column("person", String, nullable=False),
    Column("since", UtcTime, nullable=False),
)

mentions = Table(
    "mentions",
    metadata,
    Column("mention", String, primary_key=True),
    Column("channel", String, nullable=False),
    Column("person", String, nullable=False, index=True),
    Column("state", String, nullable=False),
    Column("since", UtcTime, nullable=False),
)

cards = Table(
    "cards",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, nullable=False, index=True),
    Column("place", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("message", String, nullable=False),
    Column("person", String, nullable=False),
    Column("say", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("since", UtcTime, nullable=False),
)

interactions = Table(
    "interactions",
    metadata,
    Column("interaction", String, primary_key=True),
    Column("token", String, nullable=False),
    Column("since", UtcTime, nullable=False),
)

rounds = Table(
    "rounds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("voice_key", String, nullable=False, index=True),
    Column("place", String, nullable=False),
    Column("real", Text, nullable=False),
    Column("made", Text, nullable=False),
    Column("real_first", Boolean, nullable=False),
    Column("since", UtcTime, nullable=False),
)

votes = Table(
    "votes",
    metadata,
    Column("round_id", Integer, primary_key=True),
    Column("person", String, primary_key=True),
    Column("right", Boolean, nullable=False),
    Column("since", UtcTime, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("reply_id", Integer, nullable=False, index=True),
    Column("person", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", UtcTime, nullable=False),
)

# Posting: what is to be posted when, and what became of each post.

schedules = Table(
    "schedules",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("platform", String, nullable=False),
    Column("voice", String, nullable=False, index=True),
    Column("timing", JSON, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("approve", Boolean, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("channel", String, nullable=False),
    Column("person", String, nullable=False, index=True),
    Column("nominal_at", UtcTime),
    Column("next_at", UtcTime),
    Column("since", UtcTime, nullable=False),
    sqlite_autoincrement=True,  # a draft's key names its schedule: a number is never given to another
)

drafts = Table(
    "drafts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("platform", String, nullable=False),
    Column("voice", String, nullable=False, index=True),
    Column("schedule_id", Integer, index=True),
    Column("prompt", Text, nullable=False),
    Column("approve", Boolean, nullable=False),
    Column("reply_to", String, nullable=False),
    Column("person", String, nullable=False, index=True),
    Column("thread", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("message", String, nullable=False),
    Column("decided_by", String, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("sent", Text, nullable=False),
    Column("voice_key", String, nullable=False),
    Column("published", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("not_before", UtcTime, nullable=False),
    Column("lease_until", Double),
    Column("approved_at", UtcTime),
    Column("sent_at", UtcTime),
    Column("since", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    sqlite_autoincrement=True,  # a reservation of money names its draft
)

reservations = Table(
    "reservations",
    metadata,
    Column("platform", String, primary_key=True),
    Column("purpose", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("microdollars", BigInteger, nullable=False),
)

charges = Table(
    "charges",
    metadata,
    Column("platform", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("writing", Boolean, primary_key=True),
    Column("resource", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("microdollars", BigInteger, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", JSON, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)

silences = Table(
    "silences",
    metadata,
    Column("person", String, primary_key=True),
    Column("since", UtcTime, nullable=False),
)

confirmations = Table(
    "confirmations",
    metadata,
    Column("subject", String, primary_key=True),
    Column("person", String, nullable=False),
    Column("since", UtcTime, nullable=False),
)
