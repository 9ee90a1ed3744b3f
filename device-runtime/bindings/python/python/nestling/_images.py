"""Images of Python as the native module takes them. Neither PIL nor NumPy is imported: their objects bring methods."""

from __future__ import annotations

import os
from typing import Any, Optional, Tuple, Union

from . import _native

# A path, the bytes of a picture file, a PIL image, or an array of pixels.
AnyImage = Any

UPRIGHT = 1
# The tag of EXIF in which a camera says how it was held.
_ORIENTATION_TAG = 0x0112
_FORMATS = {1: "grey8", 3: "rgb8", 4: "rgba8"}
_PIL_FORMATS = {"L": "grey8", "RGB": "rgb8", "RGBX": "rgba8"}
_PIL_TOO_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N", "BGR;15", "BGR;16", "BGR;24")
_KINDS = "a path, the bytes of a JPEG, PNG or WebP file, a PIL image, or a uint8 array of height x width x 1, 3 or 4"


def to_native(image: AnyImage, orientation: Optional[int], whole: bool) -> _native.Image:
    """Makes any image one for the native module. `whole`: the bundle reads more than the centred square."""
    if isinstance(image, _native.Image):
        return image
    if isinstance(image, (str, os.PathLike)):
        _refuse_orientation(orientation)
        return _native.Image.open(os.fspath(image), whole)
    if isinstance(image, (bytes, bytearray)):
        _refuse_orientation(orientation)
        return _native.Image.decode(bytes(image), whole)
    if all(hasattr(image, name) for name in ("mode", "size", "tobytes", "convert")):
        return _of_pil(image, orientation)
    return _of_array(image, UPRIGHT if orientation is None else orientation)


def _refuse_orientation(orientation: Optional[int]) -> None:
    if orientation is not None:
        raise ValueError("`orientation` is for pixels: a picture file is turned by its own EXIF tag")


def _of_pil(image: Any, orientation: Optional[int]) -> _native.Image:
    if orientation is None:
        orientation = _own_orientation(image)
    if image.mode in _PIL_TOO_DEEP:
        raise TypeError(
            f"a PIL image of mode {image.mode} has more or less than 8 bits a value: scale it to 0 to 255 and convert it "
            'with image.convert("L"), or classify the file by its path'
        )
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in getattr(image, "info", {}):
        image = _on_white(image)
    elif image.mode not in _PIL_FORMATS:
        image = image.convert("RGB")
    width, height = image.size
    return _native.Image.of_pixels(image.tobytes(), width, height, _PIL_FORMATS[image.mode], orientation)


def _own_orientation(image: Any) -> int:
    """That of the camera, if the image is a file's as it was read: an operation makes an image without a format."""
    if getattr(image, "format", None) is None or not hasattr(image, "getexif"):
        return UPRIGHT
    number = image.getexif().get(_ORIENTATION_TAG, UPRIGHT)
    return number if isinstance(number, int) and 1 <= number <= 8 else UPRIGHT


def _on_white(image: Any) -> Any:
    """Blends transparent pixels with white, as the runtime does for files."""
    # Premultiplied grey converts to no other mode.
    image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    white = image.copy()
    white.paste((255, 255, 255, 255), (0, 0, *image.size))
    white.alpha_composite(image)
    return white.convert("RGB")


def _of_array(array: Any, orientation: int) -> _native.Image:
    view = _view(array)
    height, width, channels = _shape(view)
    # memoryview copies slices value by value, an array all at once.
    is_sliced = not view.c_contiguous and hasattr(array, "tobytes")
    data = array.tobytes() if is_sliced else view.tobytes()
    return _native.Image.of_pixels(data, width, height, _FORMATS[channels], orientation)


def _view(array: Any) -> memoryview:
    """The array's own memory; for a tensor that has none to give, that of the array that it makes of itself."""
    try:
        return memoryview(array)
    except (TypeError, BufferError):
        pass
    if hasattr(array, "__array__"):
        return memoryview(array.__array__())
    raise TypeError(f"an image cannot be a {type(array).__name__}: give {_KINDS}")


def _shape(view: memoryview) -> Tuple[int, int, int]:
    """Height, width and channels."""
    shape: Union[Tuple[int, ...], None] = view.shape
    shape = shape or ()
    if view.format != "B":
        raise TypeError(
            f"the array holds values of format {view.format!r}, not uint8: scale them to 0 to 255 and convert them, as "
            'in (255 * array).astype("uint8")'
        )
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) == 3 and shape[2] in _FORMATS:
        return shape[0], shape[1], shape[2]
    if len(shape) == 3 and shape[0] in _FORMATS and shape[0] < min(shape[1:]):
        raise ValueError(f"an array of shape {shape} has its channels first: give array.transpose(1, 2, 0)")
    if len(shape) == 4:
        raise ValueError(f"an array of shape {shape} is a batch: classify each of its images")
    if len(shape) == 1:
        raise ValueError(f"an array of shape {shape} is no image: give height x width x 3, or bytes(array) of a file")
    raise ValueError(f"an array of shape {shape} is no image: give height x width, or height x width x 3 or 4")
