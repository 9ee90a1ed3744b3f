"""Bundles, runtimes and governors."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Tuple, Type, Union

from . import _native
from ._images import AnyImage, to_native
from ._records import Adapter, Answer, Child, Choice, GovernorState, Guess

Path = Union[str, "os.PathLike[str]"]
Progress = Callable[[float, str], object]

# Every picture file fits: decoding halves larger ones.
_ANY_PICTURE = 4096


def list_adapters() -> Tuple[Adapter, ...]:
    """All GPU adapters of this machine. `Runtime(..., adapter="1")` takes one by its index or by a part of its name."""
    return tuple(Adapter(**facts) for facts in _native.list_adapters())


class Bundle:
    """A file with one supernet, its children and its labels; verified when it is opened.

    A bundle needs no GPU. Give it to `Runtime`, or give that the path.
    """

    def __init__(self, native: _native.Bundle) -> None:
        """Use `Bundle.open` or `Bundle.from_bytes`."""
        self._native = native
        self._children = tuple(Child._of(facts) for facts in native.children)

    @classmethod
    def open(cls, path: Path) -> Bundle:
        """Opens and verifies a file.

        Raises:
            Error: it cannot be read, is no bundle, or is damaged.
        """
        if isinstance(path, (bytes, bytearray, memoryview)):
            raise TypeError("a path was expected, and bytes were given: Bundle.from_bytes takes the bytes of a file")
        return cls(_native.Bundle.open(os.fspath(path)))

    @classmethod
    def from_bytes(cls, data: bytes) -> Bundle:
        """Verifies the bytes of a bundle, as a network or an archive gives them.

        Raises:
            Error: it is no bundle, or is damaged.
        """
        return cls(_native.Bundle.from_bytes(bytes(data)))

    @property
    def labels(self) -> Tuple[str, ...]:
        """One name a class."""
        return tuple(self._native.labels)

    @property
    def children(self) -> Tuple[Child, ...]:
        """The children that ship, fewest multiply-adds first."""
        return self._children

    @property
    def space(self) -> str:
        """Name of the search space."""
        return self._native.space

    @property
    def file_bytes(self) -> int:
        """Length of the file in bytes."""
        return self._native.file_bytes

    @property
    def format(self) -> int:
        """Version of the file's format."""
        return self._native.format

    def __repr__(self) -> str:
        sizes = f"{len(self._children)} children, {len(self.labels)} classes, {self.file_bytes / 1e6:.1f} MB"
        return f"<nestling.Bundle of space {self.space!r}: {sizes}>"


class Runtime:
    """A bundle on a GPU: the shared weights once, every child ready, one of them active.

    Any thread may call any method at any time; only one call at a time may measure or choose, and a second one raises
    `Error` with the code "busy". A runtime holds GPU memory until it is closed: use it in a `with` statement, or call
    `close`. The end of the process closes those that are still open.
    """

    def __init__(
        self,
        bundle: Union[Bundle, Path],
        adapter: Optional[str] = None,
        *,
        force_software: bool = False,
        pipeline_cache: Optional[Path] = None,
        timeout_s: float = 30.0,
        image_side: Optional[int] = None,
        max_image_side: int = _ANY_PICTURE,
        answers_in_flight: Optional[int] = None,
        untrained: bool = False,
        weight_storage: Optional[str] = None,
        arithmetic: str = "f32",
    ) -> None:
        """Opens a GPU and uploads the weights, in up to a second.

        Args:
            bundle: a bundle or its path; not needed afterwards.
            adapter: an index of `list_adapters()`, a PCI bus id, or a part of a name. None leaves the choice to the
                system.
            force_software: take a driver that computes on the processor.
            pipeline_cache: a folder for compiled kernels, which shortens the next start on Vulkan; elsewhere it has no
                effect. Only this app may write there.
            timeout_s: seconds that any wait for the GPU may last.
            image_side: side of the square images that will mostly be classified; times are measured with it. None takes
                the largest input of the children.
            max_image_side: largest side of an image's centred square in pixels. The default fits every picture file
                and takes 64 MiB of GPU memory, or 128 MiB where the bundle reads whole pictures.
            answers_in_flight: classifications at the same time; others wait.
            untrained: let children answer that were never trained: their times are true, their answers noise.
            weight_storage: "f32", "f16" or "int8" on the GPU. None takes the bundle's.
            arithmetic: "f32", or "f16" where the adapter passes a self-test.

        Raises:
            Error: the bundle or the GPU fails.
            ValueError: an option is none of those above.
        """
        if not isinstance(bundle, Bundle):
            bundle = Bundle.open(bundle)
        options: Dict[str, Any] = {
            "adapter": adapter,
            "force_software": force_software,
            "pipeline_cache": None if pipeline_cache is None else os.fspath(pipeline_cache),
            "timeout_s": timeout_s,
            "image_side": image_side,
            "max_image_side": max_image_side,
            "answers_in_flight": answers_in_flight,
            "untrained": untrained,
            "weight_storage": weight_storage,
            "arithmetic": arithmetic,
        }
        self._labels = bundle.labels
        self._native = _native.Runtime(bundle._native, options)

    @property
    def adapter(self) -> Adapter:
        """The GPU that really runs."""
        return Adapter(**self._native.adapter)

    @property
    def replaced(self) -> Tuple[str, ...]:
        """Kernels that this device gets wrong, each with the one that runs in its place; empty on most devices.

        Answers are right either way.
        """
        return tuple(self._native.replaced)

    @property
    def labels(self) -> Tuple[str, ...]:
        """One name a class."""
        return self._labels

    @property
    def children(self) -> Tuple[Child, ...]:
        """The children that ship, fewest multiply-adds first, with the times of the profile."""
        return tuple(Child._of(facts) for facts in self._native.children)

    @property
    def active(self) -> Optional[str]:
        """Name of the child that answers."""
        return self._native.active

    @property
    def has_profile(self) -> bool:
        """Whether times of this device are known."""
        return self._native.has_profile

    def profile(self, path: Optional[Path] = None, progress: Optional[Progress] = None) -> bool:
        """Takes the device profile of a file, or measures this device for about two seconds and stores it there.

        A file that is missing, damaged, stale or of another format is replaced, and the old one is kept with ".old"
        behind its name. Where a profile is in use already it is only stored: choices refine it, so call this once more
        at the end. Other threads should not classify during a measurement. Ctrl-C, and an exception that `progress`
        raises, end it and leave no profile.

        Args:
            path: the file. None stores nothing.
            progress: called with a fraction from 0 to 1 and the phase as text; must return soon.

        Returns:
            Whether the device was measured.

        Raises:
            Error: the GPU fails; the file is of another kind or cannot be read; or it cannot be written
                ("profile_write"), and then the profile is in use all the same.
        """
        return self._native.profile(None if path is None else os.fspath(path), progress)

    def choose(self, ms: float, quantile: int = 95, progress: Optional[Progress] = None) -> Choice:
        """Makes the most accurate child active that keeps within a budget on this device, as measured now.

        Measures a profile first if there is none (`profile`); then it takes some tens of milliseconds.

        Args:
            ms: the budget in milliseconds, from image to answer.
            quantile: 50, 90 or 95 of 100 inferences keep it.
            progress: as of `profile`.

        Raises:
            Error: the budget does not even fit the fastest child ("below_fastest"; `needed_ms` says how much would), or
                the GPU fails. The active child stays.
        """
        return Choice._of(self._native.choose(ms, quantile, progress))

    def typical_budgets(
        self, count: int = 3, quantile: int = 95, progress: Optional[Progress] = None
    ) -> List[float]:
        """Up to `count` budgets in milliseconds from the fastest to the slowest child, each meant for another child.

        Measures a profile first if there is none, and calls `progress` as `profile` does.
        """
        self._native.profile(None, progress)
        return self._native.typical_budgets(count, quantile)

    def switch_to(self, child: Union[str, Child, Choice]) -> float:
        """Makes a child the active one: by its name, or that of a choice. Returns the microseconds that it took.

        Nothing is copied or compiled. Classifications that have begun end with the old child.

        Raises:
            Error: no child of that name ships, or it was never trained.
        """
        if isinstance(child, Choice):
            child = child.child
        elif isinstance(child, Child):
            child = child.name
        return self._native.switch_to(child)

    def classify(self, image: AnyImage, top: int = 5, orientation: Optional[int] = None) -> Answer:
        """Classifies an image of any size with the active child.

        Args:
            image: the path of a JPEG, PNG or WebP file, or its bytes; a PIL image; or an array of uint8: height x
                width (grey), height x width x 3 (RGB) or height x width x 4 (RGBA; alpha is ignored).
            top: number of guesses, 1 or more.
            orientation: EXIF's number, 1 to 8, of how the pixels lie; 6 is turned clockwise by 90 degrees. None turns
                files, and PIL images as `Image.open` gave them, by their own tag.

        Raises:
            Error: the file cannot be decoded, the image is too large, or the GPU fails.
            TypeError, ValueError: the object is no such image; the message says how to convert it.
        """
        return _classify(self._native, self._image(image, orientation), top)

    def logits(self, image: AnyImage, orientation: Optional[int] = None) -> List[float]:
        """The active child's raw output for an image, one value a class. Arguments and errors as of `classify`."""
        return self._native.logits(self._image(image, orientation))

    def govern(self, ms: float, progress: Optional[Progress] = None) -> Governor:
        """A governor that classifies, and switches by itself so that 95 of 100 inferences keep within `ms`.

        Measures a profile first if there is none; `progress` as of `profile`. A budget that no child keeps is no error:
        `Governor.state` says so.

        Raises:
            Error: `ms` is no duration ("invalid_budget"), or the GPU fails.
        """
        return Governor(self._native.govern(ms, progress), self._native.reads_whole_pictures)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._native.is_closed

    def close(self) -> None:
        """Frees the GPU. Calls of other threads that have begun end as usual; later ones raise ValueError."""
        self._native.close()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self.is_closed:
            return "<nestling.Runtime, closed>"
        profile = "profiled" if self.has_profile else "not profiled"
        sizes = f"{len(self._native.children)} children, {len(self._labels)} classes"
        return f"<nestling.Runtime on {self.adapter}: {sizes}, {self.active!r} active, {profile}>"

    def _image(self, image: AnyImage, orientation: Optional[int]) -> _native.Image:
        return to_native(image, orientation, self._native.reads_whole_pictures)


class Governor:
    """Keeps a budget while the device warms up or other programs use it: `Runtime.govern` makes one.

    Every classification of its own `classify` is timed; the next one may be another child's. Any thread may call any
    method. It ends when it or its runtime is closed; its child then stays the active one.
    """

    def __init__(self, native: _native.Governor, whole: bool) -> None:
        """Use `Runtime.govern`."""
        self._native = native
        self._whole = whole

    def classify(self, image: AnyImage, top: int = 5, orientation: Optional[int] = None) -> Answer:
        """As `Runtime.classify`, with the governor's child."""
        return _classify(self._native, to_native(image, orientation, self._whole), top)

    def set_budget(self, ms: float) -> None:
        """Changes the budget in milliseconds.

        Raises:
            Error: `ms` is no duration; the old budget stays.
        """
        self._native.set_budget(ms)

    def set_thermal_hint(self, hint: str) -> None:
        """Passes on the thermal state that the system reports; it holds until the next call.

        Args:
            hint: "unknown", "nominal", "fair", "serious" (no larger child is taken) or "critical" (a smaller one
                serves at once).
        """
        self._native.set_thermal_hint(hint)

    @property
    def state(self) -> GovernorState:
        """Its child, its budget and its times now."""
        return GovernorState(**self._native.state)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._native.is_closed

    def close(self) -> None:
        """Ends its charge."""
        self._native.close()

    def __enter__(self) -> Governor:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self.is_closed:
            return "<nestling.Governor, closed>"
        state = self.state
        slow = ", too slow" if state.is_too_slow else ""
        return f"<nestling.Governor of {state.limit_ms} ms: {state.child!r} serves{slow}>"


def _classify(native: Union[_native.Runtime, _native.Governor], image: _native.Image, top: int) -> Answer:
    if top < 1:
        raise ValueError(f"top is {top}: give 1 or more")
    facts = native.classify(image, top)
    return Answer(tuple(Guess(*guess) for guess in facts["guesses"]), facts["child"], facts["milliseconds"])
