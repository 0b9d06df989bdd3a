"""The literature's datasets: released lists as known, what deviates is told, and what has to be fetched by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from robusthash.contracts import DatasetContext, Findings
from robusthash.errors import DatasetError
from robusthash.evaluation.tasks.verify import verify
from robusthash.host import PluginHost, PluginKind
from robusthash_datasets import literature
from robusthash_datasets.lists.published import Published

PRESETS = (
    "flickr25k",
    "flickr25k/prosgan",
    "flickr25k/deephash",
    "flickr25k/rnm",
    "flickr25k/crossmodal",
    "flickr25k/torchcmh",
    "nuswide21",
    "nuswide21/prosgan",
    "nuswide21/deephash",
    "nuswide21/m",
    "nuswide81",
    "nuswide81/rnm",
    "mscoco",
    "mscoco/prosgan",
    "mscoco/hashnet",
    "mscoco/deephash",
    "imagenet100",
    "imagenet100/dhta",
    "voc2012",
)


@pytest.fixture(scope="module")
def host() -> PluginHost:
    return PluginHost.load()


def context(root: Path, cache: Path | None = None) -> DatasetContext:
    return DatasetContext(root=root, cache=cache or root / "cache")


def preset(host: PluginHost, name: str) -> Published:
    dataset = host.create(host.find(PluginKind.DATASET, name), {})
    assert isinstance(dataset, Published)
    return dataset


@pytest.mark.parametrize("name", PRESETS)
def test_one_message_says_from_where_and_what_goes_where(host: PluginHost, name: str, tmp_path: Path) -> None:
    dataset = preset(host, name)
    assert dataset.title in {name, name.removesuffix("/prosgan")}
    for root in (None, tmp_path):
        with pytest.raises(DatasetError) as caught:
            dataset.load(DatasetContext(root=root, cache=tmp_path))
        hint = str(caught.value.hint)
        assert dataset.folder in hint
        assert "--data-root" in hint
        assert any(home in hint for home in ("liacs", "nus.edu", "cocodataset", "image-net", "robots.ox"))
        if dataset.recipe is not None:
            assert f"robusthash data prepare {dataset.title} --source" in hint
    with pytest.raises(DatasetError, match="by hand"):
        dataset.prepare(context(tmp_path), None)


def test_missing_lists_are_looked_for_in_the_named_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no list of the test split in .*NUS-WIDE"):
        literature.NusWide21().load(context(tmp_path))


def test_published_counts_and_lists_are_compared(tree: Any) -> None:
    rows = [("a.jpg", "1 0 0")]
    for split in ("test", "database", "train"):
        tree.pairs(split, [(f"{split}.jpg", "1 0 0"), *rows][:1], "NUS-WIDE")
    found = verify(literature.NusWide21(), context(tree.root))[0]
    counts = [finding.what for finding in found if "published: " in finding.what]
    assert counts == [
        "1 items, published: 2100",
        "3 classes, published: 21",
        "1 items, published: 193734",
        "3 classes, published: 21",
        "1 items, published: 10500",
        "3 classes, published: 21",
    ]
    other = [finding for finding in found if "differ from the released list" in finding.what]
    assert [(finding.level, Path(finding.where).name) for finding in other] == [
        ("warning", "test_img.txt"),
        ("warning", "train_img.txt"),
    ]


def test_presets_of_one_collection_may_share_its_images(tree: Any) -> None:
    tree.pictures([f"FLICKR-25K/mirflickr/im{i}.jpg" for i in range(3)])
    lists = Path("FLICKR-25K/deephash")
    (tree.root / lists).mkdir()
    for i, split in enumerate(("test", "database", "train")):
        tree.columns(str(lists / split), [(f"im{i}.jpg", "1 0")])
        tree.pairs(split, [(f"mirflickr/im{i}.jpg", "1 0")], "FLICKR-25K")
    deephash = literature.Flickr25kDeepHash(size=16, resize=20).load(context(tree.root))
    prosgan = literature.Flickr25k(size=16, resize=20).load(context(tree.root))
    assert deephash.query.images.read([0]).equal(prosgan.query.images.read([0]))
    inside = literature.Flickr25kDeepHash(size=16, resize=20).load(context(tree.root / lists))
    assert inside.digest == deephash.digest


#: preset, folder in the archive, items of query, database and train, and of each those without a label.
RELEASED = (
    ("flickr25k", "prosgan", (1700, 23300, 5000), (38, 381, 95)),
    ("flickr25k/deephash", "deephash_pytorch/mirflickr", (1000, 20000, 4000), (19, 328, 72)),
    ("voc2012", "deephash_pytorch", (1000, 6540, 4000), (0, 0, 0)),
    ("imagenet100", "hashnet_caffe", (5000, 128503, 13000), (0, 0, 0)),
    ("mscoco/hashnet", "hashnet_caffe", (5000, 112218, 10000), (0, 0, 0)),
)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "folder", "counts", "bare"), RELEASED, ids=[row[0] for row in RELEASED])
def test_released_lists_are_as_known(
    host: PluginHost,
    protocols: Path,
    name: str,
    folder: str,
    counts: tuple[int, ...],
    bare: tuple[int, ...],
    tmp_path: Path,
) -> None:
    dataset = preset(host, name)
    given = context(protocols / folder, tmp_path)
    for _ in range(2):  # from the lists, and from what was kept of them
        data = dataset.load(given)
        splits = (data.query, data.database, data.train)
        assert tuple(map(len, splits)) == counts
        assert tuple(int((split.labels.sum(1) == 0).sum()) for split in splits) == bare
        assert len(data.classes) == dataset.known["classes"]
    assert data.name == name
    overlap = set(data.query.ids) & set(data.database.ids)
    inside = set(data.train.ids) & set(data.database.ids)
    assert len(overlap) == (5000 if name == "mscoco/hashnet" else 0)
    assert len(inside) == {"flickr25k": 4496, "imagenet100": 13000}.get(name, 0)
    assert len(data.train.ids) - len(set(data.train.ids)) == (504 if name == "flickr25k" else 0)
    # Nothing deviates from what is published: counts, items, and their order.
    listings = dataset._listings(given)
    assert {split: dataset._ids_digest(listings[split])[:16] for split in listings} == dataset.released


#: lists of which the database was never released with them: preset, folder in the archive, items.
PARTS: tuple[tuple[str, str, Mapping[str, int]], ...] = (
    ("nuswide21", "prosgan/NUS-WIDE", {"query": 2100, "train": 10500}),
    ("nuswide21/deephash", "deephash_pytorch/nuswide_21", {"query": 2100, "train": 10500}),
    ("nuswide21/m", "deephash_pytorch/nuswide_21_m", {"query": 2100, "train": 10500}),
    ("nuswide81", "hashnet_caffe/nuswide_81", {"query": 5000}),
    ("mscoco", "prosgan/MS-COCO", {"query": 5000, "train": 10000}),
    ("mscoco/deephash", "deephash_pytorch/coco", {"query": 5000, "train": 10000}),
    ("imagenet100/dhta", "dhta/imagenet", {"query": 5000, "train": 10000}),
)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "folder", "counts"), PARTS, ids=[row[0] for row in PARTS])
def test_released_parts_are_as_known(
    host: PluginHost, protocols: Path, name: str, folder: str, counts: Mapping[str, int]
) -> None:
    from robusthash_datasets.lists.files import read_listing

    dataset = preset(host, name)
    stems = dataset._stems()
    for split, count in counts.items():
        listing = read_listing(protocols / folder, stems[split])
        assert not listing.faults
        assert listing.labels.shape == (count, dataset.known["classes"])
        assert dataset._ids_digest(listing)[:16] == dataset.released[split]
        assert dataset.known[split] == count
        assert not [name for name in dataset._ids(listing) if name.startswith(("/", "."))]


@pytest.mark.slow
def test_dhta_has_other_classes_than_hashnet(protocols: Path) -> None:
    from robusthash_datasets.lists.files import read_listing

    names = {}
    for folder, stem in (("dhta/imagenet", "query"), ("hashnet_caffe/imagenet", "test")):
        names[stem] = {path.rpartition("/")[2] for path in read_listing(protocols / folder, stem).paths}
    assert len(names["query"]) == len(names["test"]) == 5000
    assert len(names["query"] & names["test"]) == 7 * 50, "seven classes in common, with all their validation images"


@pytest.mark.slow
def test_columns_have_their_names(host: PluginHost, protocols: Path, tmp_path: Path) -> None:
    rows = []
    for name, folder in (("flickr25k", "prosgan"), ("flickr25k/deephash", "deephash_pytorch/mirflickr")):
        data = preset(host, name).load(context(protocols / folder, tmp_path))
        order = sorted(range(38), key=data.classes.__getitem__)
        splits = (data.query, data.database, data.train)
        images = {
            path.rpartition("/")[2]: row for split in splits for path, row in zip(split.ids, split.labels, strict=True)
        }
        rows.append(torch.stack([images[f"im{number}.jpg"] for number in range(1, 25_001)])[:, order])
    assert torch.equal(*rows), "two papers' lists agree on every label of every image"
    counts = dict(zip(sorted(data.classes), rows[0].sum(0, dtype=torch.int64).tolist(), strict=True))
    assert (counts["people"], counts["sky"], counts["baby_r1"]) == (10373, 7912, 116)
    voc = preset(host, "voc2012").load(context(protocols / "deephash_pytorch", tmp_path))
    totals = sum(split.labels.sum(0, dtype=torch.int64) for split in (voc.query, voc.database, voc.train))
    # As the challenge's own table of trainval has them.
    known = {"aeroplane": 670, "person": 4087, "car": 1161, "cow": 303, "tvmonitor": 575}
    assert isinstance(totals, torch.Tensor)
    assert {name: int(totals[voc.classes.index(name)]) for name in known} == known


@pytest.mark.slow
def test_a_verification_tells_the_known_faults(protocols: Path, tmp_path: Path) -> None:
    whats = [finding.what for finding in verify(literature.Flickr25k(), context(protocols / "prosgan", tmp_path))[0]]
    for known in ("38 items without a label", "381 items without a label", "95 items without a label"):
        assert f"{known} in all" in whats
    assert "504 repeated items in all" in whats
    assert not [what for what in whats if "published: " in what or "also in" in what or "released" in what]
    # HashNet's lists in the place of ProS-GAN's: the count and the order deviate.
    coco, found = literature.MsCoco(strip="./data/coco/"), Findings()
    given = context(protocols / "hashnet_caffe" / "coco", tmp_path)
    coco._compare(given, coco._listings(given), found)
    whats = [finding.what for finding in found.all()]
    assert whats[0] == "112218 items, published: 117218"
    assert sum("released" in what for what in whats) == 2
