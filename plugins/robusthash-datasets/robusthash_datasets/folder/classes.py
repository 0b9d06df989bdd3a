"""A folder per class, with or without splits: which of the known layouts it is, and what only looks like one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from robusthash.contracts import SplitNames
from robusthash.errors import DatasetError
from robusthash_datasets.folder.content import Content, Item, alike, normal, shown
from robusthash_datasets.folder.sketches import counted, drawn
from robusthash_datasets.folder.survey import Survey

_LISTS = ("test.txt", "database.txt", "train.txt", "test_img.txt", "database_img.txt", "train_img.txt")


def read_classes(root: Path, seen: Survey, depth: int | None) -> Content:
    """The items of a folder per class.

    Args:
        root: the folder.
        seen: what lies in it.
        depth: the level of the folders that name classes, from 1; None is the level of the pictures, if that is plain.

    Raises:
        DatasetError: it has another layout, or one that can be read in two ways.
    """
    return _Reader(root, seen, depth).content()


class _Reader:
    def __init__(self, root: Path, seen: Survey, depth: int | None) -> None:
        self._root, self._seen, self._depth = root, seen, depth
        self._notes: list[str] = []

    def content(self) -> Content:
        seen = self._seen
        if not seen.count:
            raise self._refused(f"no images in {self._root}", "arrange them in one of the layouts shown")
        if not seen.filled:
            raise self._refused(
                f"directly in {self._root}: {counted(len(seen.pictures))} without a class",
                "make a folder for each class, or a table labels.csv",
            )
        named = [folder for folder in seen.folders if SplitNames.role(folder.name)]
        others = [folder for folder in seen.filled if not SplitNames.role(folder.name)]
        # A class may be called train, beside car and bus: folders of classes hold pictures, and of splits classes.
        if named and (not others or any(folder.filled and not folder.pictures for folder in named)):
            found = self._splits(named, others)
        else:
            found = {None: self._single(seen)}
            held = [folder.name for folder in named if folder.count]
            self._notes += [f"{name}/ is a class, because it holds pictures, as the others do" for name in held]
        self._tell_left([] if None in found else others, single=None in found)
        return self._items(found)

    def _splits(self, named: Sequence[Survey], others: Sequence[Survey]) -> dict[str | None, list[Survey]]:
        """The folders of each split, by name."""
        names = [folder.name for folder in named]
        flat = [folder for folder in named if folder.count and not folder.filled]
        kept = [folder for folder in named if folder.filled]
        if others and SplitNames(names).wrong():
            raise self._refused(
                f"{self._root} holds folders of splits ({shown(names)}) and others ({shown([o.name for o in others])})",
                "name the folder of the classes as --data-root, or move the others away",
            )
        if len(kept) == 1 and len(names) == 1:
            raise self._refused(
                f"{self._root} holds {names[0]}/ alone: {SplitNames(names).wrong()}",
                f"--data-root {self._root / names[0]} draws queries from it",
            )
        for folder in sorted(flat, key=lambda folder: SplitNames.role(folder.name) == "query"):
            if SplitNames.role(folder.name) != "query" or SplitNames([one.name for one in kept]).wrong():
                raise self._refused(
                    f"{folder.name}/ holds {counted(len(folder.pictures))} without a class, and so without labels",
                    f"make a folder for each class in {folder.name}/",
                )
            self._notes.append(f"{folder.name}/ holds pictures without a class, and is not read")
        names = [name for name in names if name not in {folder.name for folder in flat}]
        wrong = SplitNames(names).wrong()
        if wrong:
            raise self._refused(
                f"{self._root} holds {shown([f'{name}/' for name in names])}: {wrong}",
                "name them as in one of the layouts shown",
            )
        if told := SplitNames(names).reading():
            self._notes.append(told)
        for folder in named:
            if folder.pictures and folder.filled:
                direct = counted(len(folder.pictures))
                self._notes.append(f"not read, because folders name the classes: {direct} directly in {folder.name}/")
        return {folder.name: [folder] for folder in named if folder.name in names}

    def _single(self, seen: Survey) -> list[Survey]:
        """The folder itself, if its folders are classes."""
        if len(seen.filled) > 1 or self._depth is not None:
            return [seen]
        only = seen.filled[0]
        if only.filled and not only.pictures:
            raise self._refused(
                f"{self._root} is one level too high: it holds {only.name}/ alone, and that holds "
                f"{shown([f'{folder.name}/' for folder in only.filled])}",
                f"--data-root {self._root / only.name}",
            )
        raise self._refused(
            f"all pictures in {self._root} lie in one folder, {only.name}/: with one class, every item is relevant to "
            "every query",
            "make a folder for each class, or a table labels.csv",
        )

    def _items(self, found: Mapping[str | None, Sequence[Survey]]) -> Content:
        splits = [name for name in found if name is not None]
        starts = [place for places in found.values() for place in places]
        depth = self._depth or self._level(starts)
        rows: list[tuple[str, str, str | None]] = []  # path, class, split
        shallow = 0
        own: dict[str | None, set[str]] = {}
        for name, places in found.items():
            split = None if name is None else SplitNames(splits).split_of(name)
            for place in places:
                skipped = len(Path(place.path).parts)
                for path in sorted(place.paths(), key=lambda path: path.split("/")):
                    parts = path.split("/")
                    if len(parts) - skipped - 1 < depth:
                        shallow += 1
                        continue
                    rows.append((path, parts[skipped + depth - 1], split))
                    own.setdefault(name, set()).add(parts[skipped + depth - 1])
        shallow -= sum(len(place.pictures) for place in starts)  # told below
        if shallow:
            self._notes.append(f"not read, because they lie above the folders of the classes: {counted(shallow)}")
        written = sorted({name for _, name, _ in rows})
        self._notes += alike(written)
        classes = sorted({normal(name) for name in written})
        self._compare(own, splits)
        if not rows:
            raise self._refused(
                f"no image in {self._root} lies {depth} folders deep", "set folder.depth to the level of the classes"
            )
        if None in found:
            self._notes.insert(0, f"a folder per class, {shown(classes)}; queries are drawn")
        number = {name: i for i, name in enumerate(classes)}
        items = tuple(Item(name=path, labels=(number[normal(name)],), split=split) for path, name, split in rows)
        return Content(classes=tuple(classes), items=items, notes=tuple(self._notes))

    def _level(self, starts: Sequence[Survey]) -> int:
        """The level of the folders that name classes: 1, unless that could as well be another."""
        folders = [folder for start in starts for folder in start.filled]
        if any(folder.pictures for folder in folders):
            nested = [folder.name for folder in folders if not folder.pictures]
            if nested:
                self._notes.append(
                    f"each a class, with the pictures of all folders in it: {shown(sorted(set(nested)))}"
                )
            return 1
        inner = [[below.name for below in folder.filled] for folder in folders]
        if all(len(names) == 1 and names == inner[0] for names in inner):
            return 1  # each class has one folder of the same name, such as images
        above, below = folders[0], folders[0].filled[0]
        raise self._refused(
            f"the folders in {self._root / starts[0].path} hold folders, not pictures: either may be the classes, "
            f"{above.name}/ or {below.name}/",
            f"set folder.depth=1 for classes such as {above.name}, folder.depth=2 for classes such as {below.name}",
        )

    def _compare(self, own: Mapping[str | None, set[str]], splits: Sequence[str]) -> None:
        """Refuses queries of classes that are not searched, and tells of classes that only some queries have."""
        names = SplitNames(splits)
        bases = [name for name in splits if names.split_of(name) == "database"]
        searched = {normal(each) for name in bases for each in own.get(name, ())}
        for name in splits:
            classes = {normal(each) for each in own.get(name, ())}
            if names.split_of(name) != "query" or not classes or not searched:
                continue
            lost = sorted(classes - searched)
            if len(lost) == len(classes):
                raise self._refused(
                    f"no class of {name}/ is in the database: {shown(lost)}",
                    f"make folders of the same classes in {name}/, or move it away",
                )
            if lost:
                self._notes.append(f"classes of {name}/ without an item in the database: {shown(lost)}")

    def _tell_left(self, others: Sequence[Survey], *, single: bool) -> None:
        seen = self._seen
        if seen.pictures:
            self._notes.append(
                f"not read, because folders name the classes: {counted(len(seen.pictures))} directly in it"
            )
        if others:
            self._notes.append(f"not read, because the others are splits: {shown([f'{one.name}/' for one in others])}")
        empty = [f"{name}/" for name in seen.empty if single or not SplitNames.role(name)]
        if not single:
            parts = [folder for folder in seen.filled if SplitNames.role(folder.name)]
            empty += [f"{folder.name}/{name}/" for folder in parts for name in folder.empty]
        if empty:
            self._notes.append(f"without a picture, and no class: {shown(empty)}")

    def _refused(self, message: str, hint: str) -> DatasetError:
        lists = [name for name in self._seen.others if name in _LISTS]
        hint = f"{lists[0]} is a list file, which --dataset lists reads; or {hint}" if lists else hint
        return DatasetError(message, hint=hint, sketch=drawn(self._root, self._seen))
