"""Paths, bytes, arrays and images of every kind, without PIL and NumPy: objects with the same interface."""

import array
import struct
import unittest
import zlib

import nestling
from support import BUNDLE, COAT, WithRuntime


def pixels_of(path):
    """Side and values of a grey PNG file without interlacing."""
    data, place, compressed = path.read_bytes(), 8, b""
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert (depth, colour) == (8, 0), "8 bits of grey"
        compressed += body if kind == b"IDAT" else b""
        place += length + 12
    return width, height, unfiltered(zlib.decompress(compressed), width, height)


def unfiltered(raw, width, height):
    rows, before = [], bytes(width)
    for row in range(height):
        kind, *line = raw[row * (width + 1) : (row + 1) * (width + 1)]
        for x in range(width):
            left = line[x - 1] if x else 0
            corner = before[x - 1] if x else 0
            line[x] = (line[x] + predicted(kind, left, before[x], corner)) % 256
        before = bytes(line)
        rows.append(before)
    return b"".join(rows)


def predicted(kind, left, up, corner):
    if kind == 4:
        near = left + up - corner
        return min((left, up, corner), key=lambda value: abs(near - value))
    return (0, left, up, (left + up) // 2)[kind]


def shaped(values, *shape, kind="B"):
    """An array of a shape, as the buffer protocol gives it."""
    return memoryview(bytes(values)).cast("B").cast(kind, shape)


class Tensor:
    """Has no memory to give, but makes an array of itself."""

    def __init__(self, values):
        self.values = values

    def __array__(self):
        return self.values


class Drawing:
    """The interface of a PIL image."""

    def __init__(self, mode, size, data, info=None, format=None, orientation=None):
        self.mode, self.size, self.data, self.info, self.format = mode, size, data, info or {}, format
        self.orientation, self.calls = orientation, []

    def tobytes(self):
        return self.data

    def getexif(self):
        return {} if self.orientation is None else {0x0112: self.orientation}

    def convert(self, mode):
        self.calls.append(mode)
        grey = self.data[:: max(1, len(self.data) // (self.size[0] * self.size[1]))]
        channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
        made = Drawing(mode, self.size, b"".join(bytes([value]) * channels for value in grey))
        made.calls = self.calls
        return made


class Images(WithRuntime):
    def setUp(self):
        super().setUp()
        self.width, self.height, self.grey = pixels_of(COAT)
        self.wanted = self.runtime.logits(COAT)

    def near(self, image, **named):
        """The same answer as the file's, up to rounding of colour to grey."""
        for one, other in zip(self.runtime.logits(image, **named), self.wanted):
            self.assertAlmostEqual(one, other, delta=0.2)

    def test_a_path_its_text_and_its_bytes_answer_alike(self):
        data = COAT.read_bytes()
        for image in (str(COAT), data, bytearray(data)):
            self.assertEqual(self.runtime.logits(image), self.wanted)
        answer = self.runtime.classify(COAT, top=3)
        self.assertEqual((answer.label, answer.index, len(answer), answer.child), ("coat", 4, 3, "smallest"))
        self.assertEqual([answer[0], *answer][0], answer.guesses[0])
        self.assertEqual(answer.probability, max(guess.probability for guess in answer))
        self.assertGreater(answer.milliseconds, 0)
        self.assertIn("coat ", str(answer))
        every = self.runtime.classify(COAT, top=99)
        self.assertEqual(len(every), 10)
        self.assertAlmostEqual(sum(guess.probability for guess in every), 1.0)
        self.assertEqual(self.runtime.labels[every[9].index], every[9].label)

    def test_arrays_of_grey_rgb_and_rgba_answer_as_the_file(self):
        size = (self.height, self.width)
        self.assertEqual(self.runtime.logits(shaped(self.grey, *size)), self.wanted)
        self.assertEqual(self.runtime.logits(shaped(self.grey, *size, 1)), self.wanted)
        self.assertEqual(self.runtime.logits(Tensor(shaped(self.grey, *size))), self.wanted)
        self.near(shaped(b"".join(bytes([value] * 3) for value in self.grey), *size, 3))
        self.near(shaped(b"".join(bytes([value] * 3 + [7]) for value in self.grey), *size, 4))

    def test_an_orientation_turns_pixels_and_files_turn_themselves(self):
        turned = [self.grey[x :: self.width] for x in reversed(range(self.width))]
        lying = shaped(b"".join(turned), self.width, self.height)
        self.assertEqual(self.runtime.logits(lying, orientation=6), self.wanted)
        self.assertNotEqual(self.runtime.logits(lying), self.wanted)
        self.fails("image_exif_orientation", self.runtime.logits, lying, orientation=9)
        for image in (COAT, COAT.read_bytes()):
            with self.assertRaisesRegex(ValueError, "its own EXIF tag"):
                self.runtime.classify(image, orientation=6)
        size = (self.height, self.width)
        # As Image.open gave it, a PIL image has a format, and the tag holds; afterwards it has none.
        self.assertEqual(self.runtime.logits(Drawing("L", size, b"".join(turned), format="JPEG", orientation=6)), self.wanted)
        self.assertNotEqual(self.runtime.logits(Drawing("L", size, b"".join(turned), orientation=6)), self.wanted)
        upright = Drawing("L", (self.width, self.height), self.grey, format="JPEG", orientation=0)
        self.assertEqual(self.runtime.logits(upright), self.wanted)

    def test_images_of_other_modes_are_converted(self):
        size = (self.width, self.height)
        self.assertEqual(self.runtime.logits(Drawing("L", size, self.grey)), self.wanted)
        for mode in ("P", "1", "CMYK", "YCbCr"):
            drawing = Drawing(mode, size, self.grey)
            self.near(drawing)
            self.assertEqual(drawing.calls, ["RGB"])
        for mode in ("I", "F", "I;16"):
            with self.assertRaisesRegex(TypeError, 'image.convert\\("L"\\)'):
                self.runtime.classify(Drawing(mode, size, self.grey))

    def test_what_is_no_image_is_told_how_to_become_one(self):
        floats = memoryview(array.array("f", [0.5] * 784)).cast("B").cast("f", (28, 28))
        for image, kind, words in [
            (floats, TypeError, "not uint8: scale them"),
            (shaped(range(3 * 5 * 6), 3, 5, 6), ValueError, "transpose"),
            (shaped(range(48), 1, 4, 4, 3), ValueError, "is a batch"),
            (shaped(range(48), 48), ValueError, "bytes\\(array\\) of a file"),
            (shaped(range(32), 4, 4, 2), ValueError, "is no image: give height x width"),
            (7, TypeError, "cannot be a int: give a path"),
            (None, TypeError, "cannot be a NoneType"),
            (Tensor(floats), TypeError, "not uint8"),
        ]:
            with self.assertRaisesRegex(kind, words):
                self.runtime.classify(image)
        with self.assertRaisesRegex(ValueError, "give 1 or more"):
            self.runtime.classify(COAT, top=0)

    def test_files_that_cannot_be_decoded_have_their_codes(self):
        cut = self.folder / "cut.png"
        cut.write_bytes(COAT.read_bytes()[:200])
        for image, code in [
            (self.folder / "none.png", "picture_open"),
            (b"no picture", "picture_format"),
            (b"", "picture_format"),
            (cut, "picture_cut_off"),
        ]:
            self.fails(code, self.runtime.classify, image)

    def test_a_large_photograph_fits_and_a_small_runtime_says_what_it_needs(self):
        large = shaped(bytes(1500 * 1200), 1200, 1500)
        self.assertEqual(len(self.runtime.classify(large)), 5)
        with nestling.Runtime(BUNDLE, max_image_side=64) as small:
            error = self.fails("image_too_large", small.classify, large)
        self.assertIn("`max_image_side` 1200", str(error))


if __name__ == "__main__":
    unittest.main()
