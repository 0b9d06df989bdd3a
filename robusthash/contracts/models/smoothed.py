"""Models that vote over Gaussian noise, whose codes can be certified within a ball."""

from robusthash.contracts.models.model import HashModel, ModelWrapper
from robusthash.errors import CapabilityError


class SmoothedModel(ModelWrapper):
    """A hash model each of whose bits is the majority of what another model says of inputs with Gaussian noise.

    The ideal code has in bit k the sign that ``f_k(x + sigma N(0, I))`` has with a probability above 1/2 (Cohen,
    Rosenfeld and Kolter, ICML 2019, for each bit). :meth:`forward` estimates it: the signs of its outputs are those of
    most of ``votes`` copies of an input, each with noise of its own that is drawn in this pass. Both can be certified.

    Args:
        model: what votes, for each copy by itself: a function of it, or one that draws anew for it.
        sigma: standard deviation of the noise, positive, in the units of the inputs.
        votes: noisy copies of each input in a pass, at least 1.

    Raises:
        CapabilityError: the model has no bits.
    """

    def __init__(self, model: HashModel, sigma: float, votes: int) -> None:
        super().__init__(model)
        if not model.space.binary:
            raise CapabilityError("descriptors have no bits to vote on", hint="smooth a model of hash codes")
        self.sigma = sigma
        self.votes = votes
