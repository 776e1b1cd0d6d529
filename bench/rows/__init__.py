"""The row groups, in the order in which they are measured."""

from collections.abc import Mapping

from bench.rows import burst, copies, importing, speaking, start, time_to_loss, training, voices
from bench.workload import Group

GROUPS: Mapping[str, Group] = {
    module.GROUP.name: module.GROUP
    for module in (speaking, start, voices, copies, importing, burst, training, time_to_loss)
}
