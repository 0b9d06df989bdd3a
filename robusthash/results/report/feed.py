"""The feed of a site: its records for programs and feed readers, as JSON Feed 1.1 (https://www.jsonfeed.org)."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from robusthash.results.comparing.keys import attack_key, victim_key
from robusthash.results.comparing.naming import Names
from robusthash.results.leaderboard.board import Row
from robusthash.results.records.outcome import Measure
from robusthash.results.records.record import Record
from robusthash.results.records.stages import CLEAN, Against
from robusthash.results.rendering.escaping import visible
from robusthash.results.report.content import Report
from robusthash.results.submission.description import Description
from robusthash.version import __version__

FILE = "feed.json"
VERSION = "https://jsonfeed.org/version/1.1"
SCHEMA = 1

_TITLE = "Feed of a robusthash site"
_Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Page = Annotated[str, Meta(pattern=r"^records/[0-9a-f]{12}\.html$")]
_Address = Annotated[str, Meta(pattern="^https?://")]


class Part(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A part of a feed; what it does not have is left out."""


class Number(Part, frozen=True, kw_only=True):
    """A mean over the queries.

    Attributes:
        value: the mean, in expectation over ties.
        low: lower end of its 95 % interval.
        high: upper end.
    """

    value: float
    low: float
    high: float


class Result(Part, frozen=True, kw_only=True):
    """The result of one cell.

    Attributes:
        schema: of this extension.
        digest: of the record.
        page: of the record, relative to the feed.
        folder: the results folder that it came from.
        dataset: its name.
        dataset_digest: of its three splits.
        queries: number of attacked queries.
        query_digest: of these queries.
        database: number of database items.
        direction: modalities of queries and items.
        victim: name in the leaderboard.
        model_digest: of the victim's weights.
        attack: name in the leaderboard.
        goal: untargeted or targeted.
        access: what the attack knew.
        role: of the attack among the others.
        threat: norm and radius.
        seed: of the run.
        metric: the headline.
        protocol: its exact definition.
        relevance: when an item is relevant.
        clean: the metric before the attack.
        score: the metric after it.
        target: the metric after it on the target labels, of a targeted attack.
        rank: among the attacks on this victim of the same goal and access, 1 is the strongest; absent if not ranked.
        current: whether the leaderboard shows it: no newer record is of the same cell.
        flags: ids of failed soundness checks.
    """

    schema: int
    digest: _Digest
    page: _Page
    folder: str
    dataset: str
    dataset_digest: str
    queries: int
    query_digest: str
    database: int
    direction: str
    victim: str
    model_digest: str
    attack: str
    goal: str
    access: str
    role: str
    threat: str
    seed: int
    metric: str
    protocol: str
    relevance: str
    clean: Number
    score: Number
    target: Number | None = None
    rank: int | None = None
    current: bool
    flags: tuple[str, ...]


class Author(Part, frozen=True, kw_only=True):
    """Who submitted a record.

    Attributes:
        name: of the authors.
        url: of their publication.
    """

    name: str
    url: _Address | None = None


class Item(Part, frozen=True, kw_only=True):
    """A record, as feed readers show it.

    Attributes:
        id: of the record, the same on every site.
        title: attack and victim.
        content_text: the outcome, in words.
        date_published: when it was evaluated.
        url: of its page, if the site's address is known.
        tags: dataset, victim and attack.
        authors: who submitted it, if its folder says so.
        result: the numbers, for programs.
    """

    id: Annotated[str, Meta(pattern="^robusthash:[0-9a-f]{64}$")]
    title: str
    content_text: str
    date_published: str
    url: _Address | None = None
    tags: tuple[str, ...]
    authors: tuple[Author, ...] | None = None
    result: Result = field(name="_robusthash")


class About(Part, frozen=True, kw_only=True):
    """What made the feed."""

    schema: int
    generator: str


class Feed(Part, frozen=True, kw_only=True):
    """A feed.

    Attributes:
        version: of JSON Feed.
        title: of the site.
        home_page_url: of the site, if its address is known.
        feed_url: of the feed, if the site's address is known.
        about: what made it.
        items: newest first.
    """

    version: Annotated[str, Meta(pattern="^https://jsonfeed.org/version/1.1$")]
    title: str
    home_page_url: _Address | None = None
    feed_url: _Address | None = None
    about: About = field(name="_robusthash")
    items: tuple[Item, ...]


def feed_schema() -> dict[str, Any]:
    """The JSON schema of a feed."""
    made: dict[str, Any] = msgspec.json.schema(Feed)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": _TITLE, **made}


def to_feed(report: Report, pages: Mapping[str, str], address: str | None = None) -> bytes:
    """The feed of a site.

    Args:
        report: that the site shows.
        pages: of the records by digest, relative to the feed.
        address: of the site, without a slash at the end; None leaves absolute addresses out.
    """
    rows = {one.row.record: one.row for section in report.sections for one in section.rows if one.row.record}
    base = None if address is None else address.rstrip("/")
    feed = Feed(
        version=VERSION,
        title=visible(report.title),
        home_page_url=None if base is None else f"{base}/index.html",
        feed_url=None if base is None else f"{base}/{FILE}",
        about=About(schema=SCHEMA, generator=f"robusthash {__version__}"),
        items=tuple(_items(report, pages, rows, base)),
    )
    return msgspec.json.format(msgspec.json.encode(feed), indent=2) + b"\n"


def _items(report: Report, pages: Mapping[str, str], rows: Mapping[str, Row], base: str | None) -> Iterator[Item]:
    names = Names.of(report.gathered.records)
    for plain in reversed(report.gathered.records):
        entry, row = report.gathered.entries[plain.digest], rows.get(plain.digest)
        result = _result(entry.record, row, report, pages[plain.digest], names)
        unit = f"{result.metric} {result.clean.value:.3f} before and {result.score.value:.3f} after"
        flags = f"; failed checks: {', '.join(result.flags)}" if result.flags else ""
        yield Item(
            id=f"robusthash:{plain.digest}",
            title=f"{result.attack} on {result.victim}, {result.dataset}",
            content_text=f"{unit}, {result.threat}, {result.queries} attacked queries, access {result.access}{flags}",
            date_published=visible(plain.created),
            url=None if base is None else f"{base}/{result.page}",
            tags=(result.dataset, result.victim, result.attack),
            authors=_authors(entry.folder.description),
            result=result,
        )


def _authors(description: Description | None) -> tuple[Author, ...] | None:
    return (Author(name=description.who, url=description.paper or None),) if description else None


def _result(record: Record, row: Row | None, report: Report, page: str, names: Names) -> Result:
    dataset, attack = record.dataset, record.attack
    targeted = attack.against is Against.TARGET
    return Result(
        schema=SCHEMA,
        digest=record.digest,
        page=page,
        folder=visible(report.gathered.entries[record.digest].folder.name),
        dataset=visible(dataset.name),
        dataset_digest=visible(dataset.digest),
        queries=dataset.queries,
        query_digest=visible(dataset.query_digest),
        database=dataset.database,
        direction=str(record.victim.direction),
        victim=visible(row.model if row else names.victim(victim_key(record))),
        model_digest=visible(record.victim.model.digest),
        attack=visible(row.label if row else names.attack(attack_key(attack))),
        goal=str(attack.goal),
        access=str(record.access),
        role=str(attack.role),
        threat=attack.threat,
        seed=record.conditions.seed,
        metric=visible(record.scoring.headline),
        protocol=visible(record.scoring.protocol),
        relevance=visible(record.scoring.relevance),
        clean=_number(record.measure(CLEAN, against=Against.OWN)),
        score=_number(record.measure(against=Against.OWN)),
        target=_number(record.measure(against=Against.TARGET)) if targeted else None,
        rank=row.rank if row else None,
        current=row is not None,
        flags=tuple(visible(flag.id) for flag in record.outcome.flags),
    )


def _number(measure: Measure) -> Number:
    return Number(value=measure.value, low=measure.low, high=measure.high)
