"""Fails where a page of the site would load something from another host: `python docs/check_offline.py site`."""

import re
import sys
from pathlib import Path

LOADS = re.compile(
    r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?((?:https?:)?//[^"'\s>]+)|"""
    r"""<link[^>]*\srel=["']?(?:stylesheet|preload|preconnect|icon)[^>]*\shref=["']?((?:https?:)?//[^"'\s>]+)|"""
    r"""url\(["']?((?:https?:)?//[^"')]+)"""
)


def main(folder: Path) -> int:
    """The exit code: 1 where a page loads something from elsewhere."""
    pages = [*folder.rglob("*.html"), *folder.rglob("*.css")]
    found = {
        f"{page}: {next(filter(None, match.groups()))}"
        for page in pages
        for match in LOADS.finditer(page.read_text(encoding="utf-8"))
    }
    for line in sorted(found):
        sys.stderr.write(f"loads from another host: {line}\n")
    return 1 if found or not pages else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
