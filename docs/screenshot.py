"""Photograph the head of a report page with Chromium, as the README shows it.

python docs/screenshot.py docs/_static/glyphs_report.html docs/_static/report.png
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main() -> int:
    """Take the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1160, help="of the window, in pixels")
    parser.add_argument("--height", type=int, default=1400)
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": arguments.width, "height": arguments.height})
        page.goto(arguments.page.resolve().as_uri())
        page.screenshot(path=arguments.picture)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
