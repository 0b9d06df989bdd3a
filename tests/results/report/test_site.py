"""A site of several results folders: links hold, every record has its page, and the feed is what its schema says."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from robusthash.cli import run
from robusthash.results import ResultStore, load_results
from robusthash.results.report import build_report, gather, site_pages
from robusthash.results.report.feed import feed_schema
from robusthash.testing.records import make_record
from robusthash.testing.stored import store_made_up

PUBLISHED = Path(__file__).parents[3] / "docs" / "feed.schema.json"
DESCRIPTION = """\
who = "<b>{}</b>"
contact = "a@example.org"
licence = "MIT"
paper = "https://example.org/?a=1&b=2"
"""
SCHEMA = jsonschema.Draft202012Validator(feed_schema())


class Links(HTMLParser):
    """Links and ids of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [link for name in ("href", "src") if (link := found.get(name))]
        self.ids |= {one for one in [found.get("id")] if one}


@pytest.fixture(scope="module")
def site(results: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """The site of three folders, one record of which is in two, and a record that was evaluated again."""
    place = tmp_path_factory.mktemp("site")
    folders = [results, place / "smith", place / "jones"]
    for folder, model in zip(folders[1:], ("csq", "dch"), strict=True):
        records = [
            make_record(
                model=model, weights=model, attack=attack, after=after, created=f"2026-0{month}-01T00:00:00+00:00"
            )
            for attack, after, month in (("noise", 0.8, 1), ("rnm", 0.3, 2), ("rnm-p2s", 0.4, 3))
        ]
        records.append(replace(records[1], created="2026-04-01"))  # evaluated again: other numbers, the same cell
        store_made_up(ResultStore(folder), records)
        (folder / "submission.toml").write_text(DESCRIPTION.format(model), encoding="utf-8")
    arguments = [*map(str, folders), "--site", str(place / "site"), "--url", "https://example.org/board/"]
    assert run(["report", *arguments]) == 0
    return place / "site", folders


def test_every_record_has_a_page_and_every_link_holds(site: tuple[Path, list[Path]]) -> None:
    root, folders = site
    digests = {record.digest for folder in folders for record in load_results(folder)}
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in root.rglob("*.html")}
    assert {path.stem for path in pages} == {"index", *(digest[:12] for digest in digests)}
    reached, submitted = set(), set()
    for path, page in pages.items():
        for link in page.links:
            if link.startswith("data:"):
                continue
            if link == "https://example.org/?a=1&b=2":
                submitted.add(path.stem)
                continue
            assert not re.match(r"[a-z]+:|/", link), f"{path}: {link}"
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            assert target.is_file(), f"{path}: {link}"
            if anchor:
                assert anchor in pages[target].ids, f"{path}: {link}"
            reached.add(target)
    assert set(pages) | {root / "feed.json"} <= reached
    assert submitted == {record.digest[:12] for folder in folders[1:] for record in load_results(folder)} | {"index"}
    assert "&lt;b&gt;csq&lt;/b&gt;" in (root / "index.html").read_text(encoding="utf-8")


def test_the_feed_is_valid_and_complete(site: tuple[Path, list[Path]]) -> None:
    root, folders = site
    content = json.loads((root / "feed.json").read_text(encoding="utf-8"))
    SCHEMA.validate(content)
    assert content["version"] == "https://jsonfeed.org/version/1.1"
    assert (content["home_page_url"], content["feed_url"]) == (
        "https://example.org/board/index.html",
        "https://example.org/board/feed.json",
    )
    digests = {record.digest: record for folder in folders for record in load_results(folder)}
    results = [item["_robusthash"] for item in content["items"]]
    assert [item["id"] for item in content["items"]] == [f"robusthash:{one['digest']}" for one in results]
    assert {one["digest"] for one in results} == set(digests)
    dates = [item["date_published"] for item in content["items"]]
    assert dates == sorted(dates, reverse=True)
    for item, one in zip(content["items"], results, strict=True):
        record = digests[one["digest"]]
        assert (root / one["page"]).is_file()
        assert item["url"] == f"https://example.org/board/{one['page']}"
        assert one["score"]["value"] == record.measure(against="own").value
        assert ("target" in one) == (record.attack.goal == "targeted")
        assert one["folder"] in {folder.name for folder in folders}
    authors = {item["authors"][0]["name"] for item in content["items"] if "authors" in item}
    assert authors == {"<b>csq</b>", "<b>dch</b>"}
    assert {one["rank"] for one in results if "rank" in one} >= {1}
    assert any(one["flags"] for one in results)
    assert {one["current"] for one in results} == {True, False}


def test_the_schema_is_published_and_refuses_what_is_no_feed(site: tuple[Path, list[Path]]) -> None:
    jsonschema.Draft202012Validator.check_schema(feed_schema())
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == feed_schema()
    content = json.loads((site[0] / "feed.json").read_text(encoding="utf-8"))
    for change in (
        {"version": "2"},
        {"items": [{**content["items"][0], "id": "x"}]},
        {"items": [{**content["items"][0], "_robusthash": {**content["items"][0]["_robusthash"], "page": "/etc"}}]},
        {"extra": 1},
    ):
        with pytest.raises(jsonschema.ValidationError):
            SCHEMA.validate({**content, **change})


def test_ids_do_not_depend_on_the_site(results: Path) -> None:
    feeds = []
    for address in (None, "https://a.example"):
        report = build_report(gather([results]), title="any")
        (page,) = (page for page in site_pages(report, address) if page.path == "feed.json")
        feeds.append(json.loads(page.content))
        SCHEMA.validate(feeds[-1])
    plain, addressed = feeds
    assert [one["id"] for one in plain["items"]] == [one["id"] for one in addressed["items"]]
    assert "feed_url" not in plain
    assert "url" not in plain["items"][0]


@pytest.mark.parametrize("address", ["example.org", "javascript:alert(1)", "https://x y", "https://x/?a", "https://"])
def test_an_address_is_one(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str) -> None:
    assert run(["report", str(results), "--site", str(tmp_path / "s"), "--url", address]) == 2
    assert "is no address" in capsys.readouterr().err
    assert run(["report", str(results), "-o", str(tmp_path / "a.html"), "--url", "https://a.example"]) == 2
