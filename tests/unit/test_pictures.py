"""The pictures of the pages are drawn by scripts/picture from plain data, in a light and a dark theme."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = sorted((ROOT / "docs/images").glob("*.svg"))


def test_the_pictures_are_what_the_script_draws() -> None:
    subprocess.run([sys.executable, ROOT / "scripts/picture", "--check"], check=True)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_stays_within_its_frame(picture: Path) -> None:
    root = ElementTree.parse(picture).getroot()
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for rectangle in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, w, h = (float(rectangle.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


def test_the_readme_shows_both_themes() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [picture.name for picture in PICTURES if f"docs/images/{picture.name}" not in page] == []
