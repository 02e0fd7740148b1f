"""The processes that train together: one, or as many as `accelerate launch` or `torchrun` started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn

from unseg_cli.core.device import pick_device
from unseg_cli.core.errors import UsageProblem
from unseg_cli.datasets.batches import Rows

if TYPE_CHECKING:
    from torch.optim import Optimizer

Wrapped = TypeVar("Wrapped", "nn.Module", "Optimizer")


class Processes:
    """What Hugging Face's accelerate knows of this process and the others.

    Every process holds both networks, has its rows of every batch, and adds its gradients to those of the others. Only the main one
    writes.

    Args:
        device: as in `--device`; where several processes were started, auto or cpu.
        precision: "no", "bf16" or "fp16": that of the forward passes.

    Attributes:
        device: where this process computes.
        main: whether this process writes.

    Raises:
        UsageProblem: a device for several processes, or half precision where it does not exist.
        EnvironmentProblem: the device is not on this machine.
    """

    def __init__(self, device: str = "auto", precision: str = "no") -> None:
        wanted = pick_device(device)
        if precision == "fp16" and wanted.type != "cuda":
            raise UsageProblem("--amp-type fp16 needs a CUDA device", hint="pass --amp-type bf16")
        if wanted.index is not None:
            torch.cuda.set_device(wanted)
        AcceleratorState._reset_state(reset_partial_state=True)  # a former training in this Python process may have had another precision
        networks = DistributedDataParallelKwargs(find_unused_parameters=True, broadcast_buffers=False)
        self._accelerator = Accelerator(cpu=wanted.type == "cpu", mixed_precision=precision, kwargs_handlers=[networks])
        self.device = self._accelerator.device
        self.main = bool(self._accelerator.is_main_process)
        self.count = int(self._accelerator.num_processes)
        if self.count > 1 and device not in ("auto", "cpu"):
            raise UsageProblem(f"--device {device} is one device, for {self.count} processes", hint="omit it, or pass cpu")

    def rows(self, batch_size: int) -> Rows:
        """Which pictures of a batch are this process's.

        Raises:
            UsageProblem: the batch cannot be divided.
        """
        if batch_size % self.count:
            raise UsageProblem(
                f"--batch-size {batch_size} cannot be divided among {self.count} processes", hint="pass a multiple: it counts all pictures"
            )
        own = batch_size // self.count
        return Rows(self._accelerator.process_index * own, own, batch_size)

    def prepared(self, part: Wrapped) -> Wrapped:
        """A module that adds up gradients over the processes, or an optimiser that knows of scaled losses."""
        wrapped: Wrapped = self._accelerator.prepare(part)
        return wrapped

    @contextmanager
    def adding_up(self, module: nn.Module, *, last: bool) -> Iterator[None]:
        """For one of several backward passes that make a step: only the last one waits for the other processes."""
        if last:
            yield
            return
        with self._accelerator.no_sync(module):
            yield

    def backward(self, loss: Tensor) -> None:
        """Gradients, scaled where half precision needs it."""
        self._accelerator.backward(loss)

    def clip(self, parameters: list[nn.Parameter], norm: float) -> None:
        """Limit the norm of the gradients."""
        self._accelerator.clip_grad_norm_(parameters, norm)

    def mean(self, value: Tensor) -> float:
        """Over all processes."""
        return float(self._accelerator.reduce(value.detach(), "mean")) if self.count > 1 else float(value.detach())

    def any(self, flag: bool) -> bool:
        """Whether one of the processes says so: all have to do the same."""
        return self.mean(torch.tensor(float(flag), device=self.device)) > 0 if self.count > 1 else flag

    def wait(self) -> None:
        """Until all are here."""
        self._accelerator.wait_for_everyone()

    def scale(self) -> dict[str, Tensor]:
        """State of the loss's scale, for the checkpoint; {} where nothing is scaled."""
        scaler = self._accelerator.scaler
        return {} if scaler is None else {name: torch.tensor(value) for name, value in scaler.state_dict().items()}

    def restore_scale(self, state: dict[str, Tensor]) -> None:
        """The reverse of `scale`."""
        if self._accelerator.scaler is not None and state:
            whole = ("growth_interval", "_growth_tracker")
            self._accelerator.scaler.load_state_dict({name: int(t) if name in whole else float(t) for name, t in state.items()})
