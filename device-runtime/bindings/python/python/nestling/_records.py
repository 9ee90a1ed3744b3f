"""The runtime's facts and answers: plain records that never change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterator, Optional, Tuple


@dataclass(frozen=True)
class Adapter:
    """A GPU, or a driver that computes on the processor."""

    index: Optional[int]
    """Its place in `list_adapters()`; None where the system chose it."""
    name: str
    """Name, as the driver gives it."""
    backend: str
    """"vulkan", "metal", "dx12" or "gl"."""
    kind: str
    """"cpu" (software), "integrated", "discrete", "virtual" or "other"."""
    driver: str
    """Driver and its version."""
    pci_bus_id: Optional[str]
    """Such as "0000:01:00.0", where the backend tells."""
    is_software: bool
    """Whether it computes on the processor."""

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, {self.backend})"


@dataclass(frozen=True)
class Latency:
    """Times from image to answer, in milliseconds: so many of 100 inferences took at most that."""

    p50: float
    p90: float
    p95: float

    def __str__(self) -> str:
        return f"p50 {self.p50:.2f} ms, p90 {self.p90:.2f} ms, p95 {self.p95:.2f} ms"


@dataclass(frozen=True)
class Child:
    """A subnetwork that ships in a bundle."""

    name: str
    """Unique in its bundle: "smallest", "biggest" or "pareto-3"."""
    description: str
    """Its choice for every dimension of the search space, as one line."""
    resolution: int
    """Side of its input in pixels."""
    madds: int
    """Multiply-adds of an inference."""
    parameters: int
    """Number of parameters."""
    accuracy: Optional[float]
    """Right answers in percent on images held out from training, by which it was chosen; None if not measured."""
    test_accuracy: Optional[float]
    """The same on test images."""
    may_answer: bool
    """Whether it may be chosen and answer: it was trained, or the runtime was opened with `untrained`."""
    predicted_ms: Optional[float]
    """Its median time as the runtime's profile predicts it, in milliseconds; None if there is no profile."""
    measured: Optional[Latency]
    """Its times in that profile; None if it was not timed, as some are on a slow device."""

    @classmethod
    def _of(cls, facts: Dict[str, Any]) -> Child:
        times = facts.pop("measured")
        return cls(**facts, measured=None if times is None else Latency(**times))

    def __str__(self) -> str:
        accuracy = "not measured" if self.accuracy is None else f"{self.accuracy:.2f} %"
        times = "" if self.predicted_ms is None else f", predicted {self.predicted_ms:.2f} ms"
        times = times if self.measured is None else f", {self.measured}"
        return f"{self.name}: {accuracy}, {self.madds / 1e6:.2f} M multiply-adds{times}"


@dataclass(frozen=True)
class Choice:
    """The child that a budget was given to, and why."""

    child: str
    """Its name."""
    budget_ms: float
    """The budget that was asked for."""
    quantile: int
    """So many of 100 inferences keep it."""
    accuracy: Optional[float]
    """The child's accuracy in percent on held-out images; None if not measured."""
    predicted_ms: float
    """The median that the profile predicted."""
    measured: Latency
    """Times measured on this device before it was taken."""
    why: str
    """Why this child, in one sentence."""
    next_faster: Optional[str]
    """The most accurate child that is predicted to be faster; None if this is the fastest."""
    next_better: Optional[str]
    """The fastest child that is more accurate; None if this is the most accurate."""
    switched_us: float
    """Microseconds that the switch to it took."""

    @classmethod
    def _of(cls, facts: Dict[str, Any]) -> Choice:
        return cls(**{**facts, "measured": Latency(**facts["measured"])})

    def __str__(self) -> str:
        accuracy = "" if self.accuracy is None else f" ({self.accuracy:.2f} %)"
        return f"{self.child}{accuracy}: measured {self.measured}; {self.why}"


@dataclass(frozen=True)
class Guess:
    """A class that an image may belong to."""

    index: int
    """Its number, in the order of the labels."""
    label: str
    """Its name."""
    probability: float
    """From 0 to 1; all classes sum to 1."""

    def __str__(self) -> str:
        return f"{self.label} {100 * self.probability:.1f} %"


@dataclass(frozen=True)
class Answer:
    """The most probable classes of an image, the most probable one first. Iterates over them."""

    guesses: Tuple[Guess, ...]
    """At most `top` of them."""
    child: Optional[str]
    """Name of the child that answered; None if it does not ship."""
    milliseconds: float
    """From decoded pixels to the answer."""

    @property
    def label(self) -> str:
        """Name of the most probable class."""
        return self.guesses[0].label

    @property
    def index(self) -> int:
        """Number of the most probable class."""
        return self.guesses[0].index

    @property
    def probability(self) -> float:
        """Probability of the most probable class, from 0 to 1."""
        return self.guesses[0].probability

    def __iter__(self) -> Iterator[Guess]:
        return iter(self.guesses)

    def __len__(self) -> int:
        return len(self.guesses)

    def __getitem__(self, place: int) -> Guess:
        return self.guesses[place]

    def __str__(self) -> str:
        return ", ".join(str(guess) for guess in self.guesses)


@dataclass(frozen=True)
class GovernorState:
    """A governor at one moment."""

    child: str
    """Name of the child that answers next."""
    limit_ms: float
    """The budget: 95 of 100 inferences should keep it."""
    p95_ms: Optional[float]
    """95 of 100 of the last inferences took at most that; None before there are enough."""
    is_too_slow: bool
    """Whether even the fastest child breaks the budget."""
