"""Takes the pictures of ``report.md``: a report in a headless Chromium, at 1200 and 360 pixels, light and dark.

Usage: ``python docs/report_pictures.py RESULTS``, where RESULTS is what the commands of ``report.md`` made. It needs
playwright, and Chromium as ``chromium`` or as ``playwright install chromium`` has it.
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

import robusthash

PICTURES = Path(__file__).parent / "report"
SIZES = {1200: 1000, 360: 780}  #: height by width, in pixels
COLOURS = 128  #: of a picture, which is flat: so it stays below 200 kB
_OPEN = """(shown) => {
  const record = [...document.querySelectorAll('details.record')].find((one) => one.querySelector(shown));
  record.open = true;
  (shown === '.pictures' ? record.querySelector('.query') : record).scrollIntoView({ behavior: 'instant' });
}"""


def main(results: str) -> None:
    """Takes all pictures."""
    program = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = robusthash.report(results, Path(folder, "report.html"), rules="map[attack=rnm] >= 0.07")
        browser = playwright.chromium.launch(executable_path=program)
        for width, height in SIZES.items():
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                page.goto(path.as_uri())
                save(page, f"overview-{width}-{scheme}")
                page.evaluate(_OPEN, ".charts")
                save(page, f"record-{width}-{scheme}")
                if page.locator(".pictures").count():
                    page.evaluate(_OPEN, ".pictures")
                    save(page, f"queries-{width}-{scheme}")
                page.close()
        browser.close()


def save(page: Page, name: str) -> None:
    """What is on the screen, in few colours."""
    page.wait_for_timeout(300)
    shot = Image.open(io.BytesIO(page.screenshot()))
    PICTURES.mkdir(exist_ok=True)
    shot.convert("RGB").quantize(COLOURS).save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
