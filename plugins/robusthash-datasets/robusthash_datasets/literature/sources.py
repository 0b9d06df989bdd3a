"""Where list files were released, and how a user gets the images that they name."""

PAIRS = "{train,test,database}_{img,label}.txt"
COLUMNS = "{train,test,database}.txt"
PROSGAN = "github.com/xunguangwang/ProS-GAN (folder data)"
DEEPHASH = "github.com/swuxyj/DeepHash-pytorch (folder data)"
HASHNET = "github.com/thuml/HashNet (folder data of its caffe part)"
DRAW = "or draw lists from the original: robusthash data prepare {name} --source DIR --data-root DIR"


def by_hand(images: str, lists: str, files: str, folder: str, *, name: str | None = None) -> str:
    """How to get images and released lists.

    Args:
        images: how to get the images, with a place for the folder.
        lists: where the lists were released.
        files: their names.
        folder: where they go, under ``--data-root``.
        name: of the dataset, if its lists can be drawn, too.
    """
    text = f"{images.format(folder=folder)}; put {files} of {lists} in {folder}, all under --data-root"
    return text if name is None else f"{text}; {DRAW.format(name=name)}"


def by_drawing(images: str, annotations: str, folder: str, name: str) -> str:
    """How to get images, and to draw lists that were not released.

    Args:
        images: how to get the images, with a place for the folder.
        annotations: what else to download.
        folder: where the lists go, under ``--data-root``.
        name: of the dataset.
    """
    draw = f"robusthash data prepare {name} --source DIR --data-root DIR"
    text = f"{images.format(folder=folder)} under --data-root; download {annotations}"
    return f"{text}, and draw the lists into {folder} with {draw}"
