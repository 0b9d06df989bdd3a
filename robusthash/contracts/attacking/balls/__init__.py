"""The sets that threats keep adversarial inputs in, one for each norm."""

from collections.abc import Mapping

from robusthash.contracts.attacking.balls.bags import Bags
from robusthash.contracts.attacking.balls.characters import Characters
from robusthash.contracts.attacking.balls.l2 import L2
from robusthash.contracts.attacking.balls.linf import Linf
from robusthash.contracts.attacking.balls.neighbourhood import Neighbourhood
from robusthash.contracts.attacking.balls.tags import Tags
from robusthash.contracts.attacking.balls.words import Words
from robusthash.specs import Norm

__all__ = ["NEIGHBOURHOODS", "Bags", "Characters", "Neighbourhood"]

#: That of characters needs their words.
NEIGHBOURHOODS: Mapping[Norm, Neighbourhood] = {
    Norm.LINF: Linf(),
    Norm.L2: L2(),
    Norm.TAGS: Tags(),
    Norm.WORDS: Words(),
}
