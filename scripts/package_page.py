"""The readme and the addresses that a package page shows; the build calls this.

A link of README.md into the repository leads nowhere from a package page. Whoever builds a package
knows the repository's address, and says so: with the environment variable REPOSITORY_URL the links
lead there. Without it they become plain text, and a picture becomes its description.
"""

import os
import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

README = Path(__file__).resolve().parents[1] / "README.md"
PAPER = "https://arxiv.org/abs/2406.15941"
LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)]+)\)")


class PackagePage(MetadataHookInterface):
    """Sets the fields that pyproject.toml calls dynamic."""

    def update(self, metadata: dict) -> None:
        repository = os.environ.get("REPOSITORY_URL", "").rstrip("/")
        text = with_absolute_links(README.read_text(encoding="utf-8"), repository)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = {"Paper": PAPER} | addresses(repository)


def addresses(repository: str) -> dict[str, str]:
    """What a package page links to, if there is a repository to link to."""
    if not repository:
        return {}
    return {
        "Repository": repository,
        "Issues": f"{repository}/issues",
        "Changelog": f"{repository}/blob/HEAD/CHANGELOG.md",
    }


def with_absolute_links(markdown: str, repository: str) -> str:
    """Markdown in which no link is relative to the repository."""

    def absolute(link: re.Match) -> str:
        target, text = link["target"], link["text"]
        if re.match(r"[a-z]+:|#", target):
            return link[0]
        if repository:
            view = "raw" if link["picture"] else "blob"
            return f"{link['picture']}[{text}]({repository}/{view}/HEAD/{target})"
        return f"*{text}*" if link["picture"] else text

    return LINK.sub(absolute, markdown)
