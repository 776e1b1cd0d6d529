"""What Prometheus reads of the bot process; names as in discord-ext-prometheus where that has them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """One registry with its metrics; a process has one of these."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.connected = Gauge(
            "discord_connected", "1 while the shard is connected to Discord.", ["shard"], registry=self.registry
        )
        self.interactions = Counter(
            "discord_event_on_interaction",
            "Interactions, by shard, kind and command.",
            ["shard", "interaction", "command"],
            registry=self.registry,
        )
        self.replies = Counter("mynah_replies", "Answers said, by front.", ["front"], registry=self.registry)
        self.generate_seconds = Histogram(
            "mynah_generate_seconds",
            "Seconds from asking a voice to its answer.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32),
            registry=self.registry,
        )
