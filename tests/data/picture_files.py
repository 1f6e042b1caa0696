"""Files of pictures as people have them, and what is to be seen in them."""

import numpy as np
from PIL import Image

# Modes and the endings of files that can hold them.
FORMATS = [
    *((mode, "png") for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
    *(("I;16", suffix) for suffix in ("png", "tif")),
    *(("CMYK", suffix) for suffix in ("jpg", "tif")),
    *(("RGB", suffix) for suffix in ("jpg", "bmp", "gif", "webp")),
    ("RGB", "JPEG"),
]
UNREADABLE = [
    "text.png",
    "empty.jpg",
    "truncated.png",
    "truncated.jpg",
    "float.tif",
    "broken exif.jpg",
]
# By orientation, what a camera has done that must be undone.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
ORIENTATIONS = sorted(_TURNS)


def save(path, value, size=(6, 4), mode=None, **options):
    """Writes a picture of one value or color; `size` is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = mode or ("L" if isinstance(value, int) else "RGB")
    Image.new(mode, size, value).save(path, **options)


def save_turned(path, picture, orientation):
    """Writes a picture as a camera does that is held another way."""
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.transpose(_TURNS[orientation]).save(path, exif=exif)


def gradient(mode):
    """A picture of a mode, and what it looks like in RGB."""
    gray = np.linspace(0, 255, 64).round().astype("uint8").reshape(8, 8)
    color = np.stack([gray, gray[::-1], np.full_like(gray, 40)], axis=-1)
    gray_color = np.repeat(gray[..., None], 3, axis=-1)
    if mode == "I;16":
        return Image.fromarray(gray.astype("uint16") * 257), gray_color
    if mode == "L":
        return Image.fromarray(gray), gray_color
    if mode == "1":
        return Image.fromarray(gray > 99), np.where(gray_color > 99, 255, 0)
    if mode == "P":
        picture = Image.fromarray(color).quantize(64)
        return picture, np.asarray(picture.convert("RGB"))
    if mode in ("RGBA", "LA"):
        # The left half is transparent, and shows white.
        alpha = np.full((8, 8, 1), 255, "uint8")
        alpha[:, :4] = 0
        shown = color if mode == "RGBA" else gray_color
        pixels = color if mode == "RGBA" else gray[..., None]
        picture = Image.fromarray(np.concatenate([pixels, alpha], axis=-1))
        return picture, np.where(alpha > 0, shown, 255)
    if mode == "CMYK":
        picture = Image.fromarray(color).convert("CMYK")
        return picture, np.asarray(picture.convert("RGB"))
    return Image.fromarray(color), color


def save_gradient(path, mode):
    """Writes `gradient`, and returns what it looks like in RGB."""
    picture, expected = gradient(mode)
    assert picture.mode == mode
    path.parent.mkdir(parents=True, exist_ok=True)
    lossless = path.suffix == ".webp"
    picture.save(path, **({"lossless": True} if lossless else {"quality": 95}))
    return expected


def assert_close(image, expected, path):
    """Compares a picture that was read, in RGB or gray, with what it shows."""
    # JPEG and the palette of GIF lose some.
    lossy = path.suffix.lower() in (".jpg", ".jpeg", ".gif")
    worst, mean = (90, 12) if lossy else (0, 1e-6)
    if image.shape[-1] == 1:
        expected = expected @ np.array([[0.299], [0.587], [0.114]])
        worst, mean = (60, 12) if lossy else (1, 1)
    assert image.shape == expected.shape and image.dtype == np.uint8
    error = np.abs(image.astype(int) - expected)
    assert error.max() <= worst and error.mean() < mean


def save_unreadable(path):
    """Writes one of `UNREADABLE`, by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.stem
    noise = np.random.default_rng(0).integers(256, size=(64, 64), dtype="uint8")
    picture = Image.fromarray(noise)
    if kind == "text":
        path.write_bytes(b"no picture")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "float":
        Image.fromarray(noise.astype("float32")).save(path)
    elif kind == "truncated":
        picture.save(path)
        path.write_bytes(path.read_bytes()[:1500])
    else:
        # It is turned, and its resolution is no number.
        exif = (
            b"Exif\0\0II*\0\x08\0\0\0\x02\0"
            b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
            b"\x1a\x01\x02\0\x04\0\0\0abc\0\0\0\0\0"
        )
        picture.save(path, exif=exif)
