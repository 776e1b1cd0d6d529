"""Every setting, once: environment variables and `.env`, prefix `MYNAH_`, `__` between the levels.

The object is frozen and handed down from the process's `main`; nothing below reads the environment.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainerSettings(_Section):
    """How the trainer process works through its queue."""

    lease_seconds: float = Field(30.0, gt=1, description="A run whose trainer is silent this long is taken over.")
    poll_seconds: float = Field(0.5, gt=0, description="How often an idle trainer looks for work.")
    attempts: int = Field(3, ge=1, description="How often a run is started before it counts as failed.")
    threads: int = Field(0, ge=0, description="Processor threads for tuning; 0 takes every core.")


class SpeakSettings(_Section):
    """How voices are loaded and sampled."""

    device: str = Field("auto", pattern="^(auto|cpu|cuda)$", description="auto speaks on CUDA when it is there.")
    memory_mb: int = Field(1024, ge=64, description="Loaded voices keep within this; the least asked goes.")
    candidates: int = Field(
        10, ge=1, le=64, description="Candidates for an answer, as in the reference; three if one of them will do."
    )
    temperature: float = Field(1.0, gt=0, le=5, description="Sampling temperature, as in the reference.")
    top_p: float = Field(0.95, gt=0, le=1, description="Nucleus size, as in the reference.")
    careful_spelling: bool = Field(
        True, description="Spell words at half the temperature: few are invented. false: as the reference."
    )
    max_tokens: int = Field(80, ge=2, le=160, description="Longest answer, in tokens of English.")


class GateSettings(_Section):
    """What is never said."""

    block_list: tuple[str, ...] = Field((), description='Words never said, as a JSON list: ["word", "two words"].')


class ImportSettings(_Section):
    """Bounds against hostile files."""

    max_member_mb: int = Field(2048, ge=1, description="Largest single file read from an archive, unpacked.")
    max_ratio: int = Field(200, ge=2, description="Largest ratio of unpacked to packed size; more is a zip bomb.")
    max_posts: int = Field(500_000, ge=1, description="Most posts taken from one import.")


class DiscordSettings(_Section):
    """The Discord front. Without a token there is none."""

    token: SecretStr = Field(SecretStr(""), description="The bot's token; empty means no Discord.")
    api_base: str = Field("", description="Another address of Discord's API, for tests.")
    gateway_url: str = Field("", description="Another address of Discord's gateway, for tests.")
    shards: bool = Field(False, description="Split the servers over several connections, as from 1,000 on.")
    person_answers: int = Field(5, ge=0, description="Answers a person gets within 20 seconds; 0 is no limit.")
    channel_answers: int = Field(20, ge=0, description="Answers a channel gets within 20 seconds; 0 is no limit.")
    turns: int = Field(20, ge=1, description="Longest chain of replies that the bot goes along with.")
    person_trainings: int = Field(3, ge=0, description="Runs a person may ask for within 24 hours; 0: any number.")
    place_trainings: int = Field(12, ge=0, description="Runs a server may ask for within 24 hours; 0: any number.")
    keep_days: int = Field(30, ge=1, description="Records of who asked what are deleted after so many days.")
    contact: str = Field("", description="How people reach the operator, shown by /privacy policy.")
    operators: tuple[int, ...] = Field(
        (), description="Who may use /autopost besides the application's owner or team: ids, as a JSON list."
    )


class SpendingSettings(_Section):
    """What calls to paid platforms may cost, all platforms together. Days and months are those of UTC."""

    month_dollars: float = Field(
        5.0, ge=0, le=1e9, description="Most dollars a calendar month; no call goes beyond."
    )
    day_dollars: float = Field(1.0, ge=0, le=1e9, description="Most dollars a day; no call goes beyond.")
    prices: str = Field("", description="A TOML file with other prices than the built-in table's.")


class PlatformSettings(_Section):
    """What holds for every platform where the bot posts: how it labels itself, and how it answers."""

    account_keys: ClassVar[Mapping[str, str]]  # variables that reach the account, and their fields

    timeout_seconds: float = Field(30.0, gt=0, description="A call that takes longer counts as unclear.")
    label: Literal["text", "profile"] = Field(
        "text", description="text ends each post with the label; profile leaves it to the account's profile."
    )
    label_text: str = Field("🤖 AI parody", max_length=40, description="The words of that label.")
    answer_mentions: bool = Field(False, description="Answer those who mention the account.")
    voice: str = Field("", description="The voice that answers, by name, where the mention names none.")
    poll_seconds: float = Field(60.0, gt=0, description="How often to look for mentions, where budget allows.")
    mention_minutes: float = Field(60.0, gt=0, description="Mentions older than this stay unanswered.")
    person_answers: int = Field(5, ge=0, description="Answers a person gets within a day; 0 is no limit.")
    thread_answers: int = Field(3, ge=0, description="Answers a person gets within one thread; 0: no limit.")

    @property
    def missing(self) -> list[str]:
        """The variables that are still to be set before the bot has an account there."""
        return [variable for variable, field in self.account_keys.items() if not getattr(self, field)]

    @property
    def ready(self) -> bool:
        return not self.missing


class XSettings(PlatformSettings):
    """X. Without all four keys there is none."""

    account_keys: ClassVar[Mapping[str, str]] = {
        f"MYNAH_X__{field.upper()}": field for field in ("api_key", "api_secret", "access_token", "access_secret")
    }

    api_key: SecretStr = Field(SecretStr(""), description="The app's API key.")
    api_secret: SecretStr = Field(SecretStr(""), description="The app's API key secret.")
    access_token: SecretStr = Field(SecretStr(""), description="The account's access token.")
    access_secret: SecretStr = Field(SecretStr(""), description="The account's access token secret.")
    api_base: str = Field("", description="Another address of X's API, for tests.")
    words: Literal["tweet", "post"] = Field("tweet", description="X's parameters: tweet.fields or post.fields.")
    training_permitted: bool = Field(
        False,
        description="Attests X's written permission to train on what its API returns; its terms forbid it.",
    )


class BlueskySettings(PlatformSettings):
    """Bluesky. Without handle and app password the bot has no account there; reading needs none."""

    account_keys: ClassVar[Mapping[str, str]] = {
        "MYNAH_BLUESKY__HANDLE": "handle",
        "MYNAH_BLUESKY__APP_PASSWORD": "app_password",
    }

    handle: str = Field("", description="The bot's account, such as name.bsky.social.")
    app_password: SecretStr = Field(SecretStr(""), description="An app password of that account.")
    service: str = Field("https://bsky.social", description="The server that holds the account.")
    public_api: str = Field("https://public.api.bsky.app", description="Where public posts are read.")
    languages: tuple[str, ...] = Field(
        (), max_length=3, description='Languages of its posts, as a JSON list: ["en"]; empty says nothing of them.'
    )


class AutopostSettings(_Section):
    """Posts that are written and published on a schedule."""

    missed: Literal["once", "skip"] = Field(
        "once", description="Times that passed while the bot was off: made up by one post, or skipped."
    )
    late_minutes: float = Field(10.0, ge=0, description="A time is missed from so many minutes on.")
    settle_seconds: float = Field(20.0, ge=0, description="Wait before looking whether an unclear post stands.")
    attempts: int = Field(5, ge=1, description="How often a post is tried before it counts as failed.")
    most_drafts: int = Field(3, ge=1, description="Drafts of a schedule that may wait for approval at once.")


class RefreshSettings(_Section):
    """Voices that learn what their people wrote since."""

    every: str = Field(
        "", description="How often the bot looks for new posts to learn from, as 7d or 12h; empty: never."
    )
    least_posts: int = Field(50, ge=1, description="A voice is trained anew from so many new posts on.")


class TrackingSettings(_Section):
    """Where every step from posts to voice is recorded for people to look at."""

    tracker: Literal["trackio", "wandb", "none"] = Field(
        "trackio", description="trackio keeps all here, wandb sends it to Weights & Biases, none records nothing."
    )
    project: str = Field("huggingtweets", description="The project that runs belong to, as in the reference.")


class HubSettings(_Section):
    """The model hub that voices are pushed to and pulled from; its address is HF_ENDPOINT, as for every tool."""

    token: SecretStr = Field(
        SecretStr(""), description="The hub's access token; empty: the one of `hf auth login`."
    )
    owner: str = Field("", description="The account or organisation that pushed voices go to; empty: one's own.")


class WebSettings(_Section):
    """The page in the browser."""

    host: str = Field("127.0.0.1", description="Address of the page; another one takes a password.")
    port: int = Field(7860, ge=0, le=65535, description="Its port; 0 takes a free one.")
    password: SecretStr = Field(SecretStr(""), description="Opens the operator's part of the page.")
    max_upload_mb: int = Field(512, ge=1, description="Largest file that the page takes.")


class HealthSettings(_Section):
    """Where the bot tells machines how it is."""

    host: str = Field("127.0.0.1", description="Address of /healthz, /readyz and /metrics.")
    port: int = Field(9464, ge=0, le=65535, description="Their port; 0 turns them off.")


class Settings(BaseSettings):
    """All of Mynah's settings. Each is described in the README's table, which a test compares with this class."""

    model_config = SettingsConfigDict(
        env_prefix="MYNAH_", env_nested_delimiter="__", env_file=".env", extra="ignore", frozen=True
    )

    home: Path = Field(Path("var"), description="The folder that holds everything the program writes.")
    database_url: str = Field("", description="SQLAlchemy URL; empty means SQLite in the home folder.")
    base: str = Field("gpt2", description="Base to tune: a hub id, a local folder, or builtin.")
    dry_run: bool = Field(False, description="Send nothing anywhere: no post, reply, message, upload or push.")
    offline: bool = Field(False, description="Never ask the model hub for anything.")
    log_level: str = Field("WARNING", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="How much is logged.")
    trainer: TrainerSettings = TrainerSettings()
    speak: SpeakSettings = SpeakSettings()
    gates: GateSettings = GateSettings()
    imports: ImportSettings = ImportSettings()
    discord: DiscordSettings = DiscordSettings()
    x: XSettings = XSettings()
    bluesky: BlueskySettings = BlueskySettings()
    autopost: AutopostSettings = AutopostSettings()
    refresh: RefreshSettings = RefreshSettings()
    spending: SpendingSettings = SpendingSettings()
    tracking: TrackingSettings = TrackingSettings()
    hub: HubSettings = HubSettings()
    web: WebSettings = WebSettings()
    health: HealthSettings = HealthSettings()

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite+aiosqlite:///{self.home / 'mynah.db'}"

    @property
    def voices(self) -> Path:
        """Finished voices, one folder each, named by their key."""
        return self.home / "voices"

    @property
    def tracked(self) -> Path:
        """Everything that trackers keep of trainings."""
        return self.home.resolve() / "tracking"

    @property
    def runs(self) -> Path:
        """Run folders: what a tuning child reads and writes."""
        return self.home / "runs"

    @property
    def cache(self) -> Path:
        """Bases compiled for speaking; may be deleted at any time."""
        return self.home / "cache"
