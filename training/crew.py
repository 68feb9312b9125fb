"""Several processes training one model: each has its own data, all share their gradients.

One process with one thread per core uses a CPU better than one process with several threads.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True)
class Crew:
    """This process's place among `size` processes; number 0 leads."""

    number: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process logs and writes checkpoints."""
        return self.number == 0

    def average(self, parameters: Sequence[nn.Parameter], elapsed_s: float) -> float:
        """Average gradients in place; gives the leader's elapsed time, so that all stop."""
        if self.size == 1:
            return elapsed_s
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        clock = torch.tensor([elapsed_s * self.size if self.leads else 0.0])
        flat = torch.cat([*(g.flatten() for g in gradients), clock])
        dist.all_reduce(flat)
        flat /= self.size
        at = 0
        for parameter in parameters:
            n = parameter.numel()
            parameter.grad = flat[at : at + n].view_as(parameter)
            at += n
        return float(flat[-1])


ALONE = Crew()


def join(number: int, size: int, port: int) -> Crew:
    """Meet the others on a loopback port."""
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = "127.0.0.1", str(port)
    dist.init_process_group("gloo", rank=number, world_size=size)
    return Crew(number, size)
