"""What Prometheus reads of the bot process; names as in discord-ext-prometheus where that has them.

Counters and the histogram are fed where things happen. Gauges are set when somebody reads them.
"""

from collections import Counter as Tally
from collections.abc import Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from bot.gates import Reason


class Metrics:
    """One registry with its metrics; a process has one of these."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when a counter was made tells nobody anything
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def gauge(name: str, sentence: str, *labels: str) -> Gauge:
            return Gauge(name, sentence, labels, registry=registry)

        self.connected = gauge("discord_connected", "1 while the shard is connected to Discord.", "shard")
        self.latency = gauge("discord_latency_seconds", "Seconds from a heartbeat to its answer.", "shard")
        self.interactions = Counter(
            "discord_event_on_interaction",
            "Interactions, by shard, kind and command.",
            ["shard", "interaction", "command"],
            registry=registry,
        )
        self.guilds = gauge("discord_stat_total_guilds", "Servers that the bot is on.")
        self.channels = gauge("discord_stat_total_channels", "Channels that the bot can see.")
        self.users = gauge("discord_stat_total_users", "People that the bot knows of without the members intent.")
        self.commands = gauge("discord_stat_total_commands", "Slash commands, those of groups counted singly.")
        self.queue_depth = gauge("mynah_train_queue_depth", "Runs that wait for a trainer.")
        self.trainers = gauge("mynah_trainers", "Trainers that gave a sign of life within ten seconds.")
        self.mentions_waiting = gauge("mynah_mentions_waiting", "Mentions that have no answer yet.")
        self.voices_loaded = gauge("mynah_voices_loaded", "Voices in memory.")
        self.replies = Counter("mynah_replies", "Answers said, by front.", ["front"], registry=registry)
        self.platform_connected = gauge(
            "mynah_platform_connected", "1 while the last call to the platform went well.", "platform"
        )
        self.posts = Counter(
            "mynah_posts",
            "Attempts to post or answer on a platform, by outcome.",
            ["platform", "outcome"],
            registry=registry,
        )
        self.drafts = gauge("mynah_drafts", "Posts and answers, by the state they are in.", "state")
        self.spent = gauge("mynah_spent_dollars", "Dollars spent or set aside this month.", "platform")
        self.rejected: Tally[Reason] = Tally()  # the imitator's own takes its place
        registry.register(_Rejections(self))
        self.generate_seconds = Histogram(
            "mynah_generate_seconds",
            "Seconds from asking a voice to its answer.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32),
            registry=registry,
        )

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self.registry)


class _Rejections(Collector):
    """The gates keep their own tally, which is read where Prometheus asks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(
            "mynah_rejected", "Candidates that the gates let fall, by reason.", labels=["reason"]
        )
        for reason, count in self._metrics.rejected.items():
            family.add_metric([str(reason)], count)
        yield family
