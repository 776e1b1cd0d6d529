"""The guessing game: which of two posts is real? Its votes are a blind test of the voice, and are kept as one."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Integer, Select, cast, func, insert, select

from data.store.database import Database, upsert_into
from data.store.tables import rounds, votes


@dataclass(frozen=True)
class Round:
    """One real post and one that the voice made, in the order in which they are shown."""

    id: int
    voice_key: str
    place: str
    real: str
    made: str
    real_first: bool
    since: datetime  # aware, UTC

    @property
    def shown(self) -> tuple[str, str]:
        """The two texts as people see them, A then B."""
        return (self.real, self.made) if self.real_first else (self.made, self.real)


@dataclass(frozen=True)
class Score:
    """How often somebody was right."""

    person: str
    right: int
    votes: int


class GameStore:
    """Reached as `store.game`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, voice_key: str, *, place: str, real: str, made: str, real_first: bool) -> Round:
        values = {
            "voice_key": voice_key,
            "place": place,
            "real": real,
            "made": made,
            "real_first": real_first,
            "since": datetime.now(UTC),
        }
        async with self._database.writer.begin() as connection:
            row = (await connection.execute(insert(rounds).values(values).returning(*rounds.c))).one()
            return Round(**row._mapping)

    async def round(self, round_id: int) -> Round | None:
        """None where it was erased with its voice."""
        async with self._database.engine.connect() as connection:
            row = (await connection.execute(select(rounds).where(rounds.c.id == round_id))).first()
            return Round(**row._mapping) if row else None

    async def vote(self, round_id: int, person: str, *, right: bool) -> bool:
        """False where this person has voted in this round: the first vote stands."""
        async with self._database.writer.begin() as connection:
            statement = upsert_into(connection, votes).values(
                round_id=round_id, person=person, right=right, since=datetime.now(UTC)
            )
            entered = await connection.execute(statement.on_conflict_do_nothing().returning(votes.c.person))
            return entered.first() is not None

    async def votes_in(self, round_id: int) -> int:
        """How many have voted in a round."""
        query = select(func.count()).where(votes.c.round_id == round_id)
        async with self._database.engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()

    async def used(self, voice_key: str, limit: int) -> set[str]:
        """The real posts of a voice's last rounds."""
        query = (
            select(rounds.c.real).where(rounds.c.voice_key == voice_key).order_by(rounds.c.id.desc()).limit(limit)
        )
        async with self._database.engine.connect() as connection:
            return set(await connection.scalars(query))

    async def score(self, person: str, place: str) -> Score:
        """How often this person was right in this place."""
        query = _tally().where(rounds.c.place == place, votes.c.person == person)
        async with self._database.engine.connect() as connection:
            right, count = (await connection.execute(query)).one()
            return Score(person, right, count)

    async def leaderboard(self, place: str, limit: int = 10) -> list[Score]:
        """Of this place, who was right most often first; of equals, who needed fewer votes."""
        right, count = func.sum(cast(votes.c.right, Integer)), func.count()
        query = (
            select(votes.c.person, right, count)
            .join(rounds, rounds.c.id == votes.c.round_id)
            .where(rounds.c.place == place)
            .group_by(votes.c.person)
            .order_by(right.desc(), count, votes.c.person)
            .limit(limit)
        )
        async with self._database.engine.connect() as connection:
            return [Score(*row) for row in await connection.execute(query)]

    async def blind_test(self, voice_key: str) -> tuple[int, int]:
        """(votes that found the real post, votes) of a voice; half of them right means nobody can tell."""
        query = _tally().where(rounds.c.voice_key == voice_key)
        async with self._database.engine.connect() as connection:
            right, count = (await connection.execute(query)).one()
            return right, count


def _tally() -> "Select[int, int]":
    """(right votes, votes) over all rounds; 0 and 0 where nobody has voted."""
    right = func.coalesce(func.sum(cast(votes.c.right, Integer)), 0)
    return select(right, func.count()).select_from(votes).join(rounds, rounds.c.id == votes.c.round_id)
