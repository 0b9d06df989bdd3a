"""The soundness checks in words: what each finds, why it matters, and what to do. ``docs/soundness.md`` says more."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CheckText:
    """A soundness check.

    Attributes:
        finding: what a flag says, as the documentation does.
        why: what it means for the number.
        remedy: what to do.
    """

    finding: str
    why: str
    remedy: str


CHECKS = {
    "RH001": CheckText(
        finding="A delivered input is outside the ball.",
        why="The score is that of a larger ε.",
        remedy="Report it as a bug, and discard the numbers of this run.",
    ),
    "RH002": CheckText(
        finding="ε is 0, and the score is not the clean one.",
        why="The victim's output varies between passes, or the attack changed it.",
        remedy="Look for randomness, or for a layer in training mode.",
    ),
    "RH003": CheckText(
        finding="A gradient attack is weaker than noise of the same radius",
        why="Any useful gradient beats a random direction: gradients are masked, or steps too few or too large.",
        remedy="Raise steps, lower the step size, add restarts; attack by transfer and by queries.",
    ),
    "RH004": CheckText(
        finding="A gradient attack flipped no bit of any query.",
        why="Even noise flips some bit: the gradients are zero or useless.",
        remedy="Look for a saturated or quantised layer; attack by transfer or by queries.",
    ),
    "RH005": CheckText(
        finding="The attack left the ball or the box, and the guard clipped it.",
        why="The score is that of clipped images, which the attack did not optimise.",
        remedy="Project inside the attack, after each step.",
    ),
    "RH006": CheckText(
        finding="The attack is not bound by the ball",
        why="Its score is not comparable with that of attacks within ε.",
        remedy="Nothing: it is shown without a rank.",
    ),
    "RH007": CheckText(
        finding="Gradients are zero",
        why="An attack that follows them does not move, on a model that may be as easy to fool as any.",
        remedy="Return raw logits, without tanh or sign; give a defense a gradient that attacks can follow.",
    ),
    "RH008": CheckText(
        finding="Randomised model",
        why="The gradient of one draw does not fit the next, so the attack is weaker than it could be.",
        remedy="Average the gradient over several passes (ATTACK.passes), until the score converges.",
    ),
    "RH009": CheckText(
        finding="Quantised input",
        why="The gradient of a quantiser is zero almost everywhere: attacks see a flat model and stop.",
        remedy="Approximate the backward pass by the identity, or attack by transfer or by queries.",
    ),
    "RH010": CheckText(
        finding="An unbounded attack flips less than half of the bits.",
        why="In the whole box every code can be reached: the gradients are masked, even if they are not zero.",
        remedy="Compare with an attack that needs no gradients before you trust the score.",
    ),
    "RH011": CheckText(
        finding="A larger ε is weaker.",
        why="The smaller ball is inside the larger one: the attack overshoots, or needs more steps.",
        remedy="Raise steps, scale the step size with ε, add restarts.",
    ),
    "RH012": CheckText(
        finding="More effort is weaker.",
        why="The best iterate is kept, so more steps can only help: a schedule misleads, or the loss does not match.",
        remedy="Use the result with fewer steps; add restarts; check the schedule.",
    ),
    "RH013": CheckText(
        finding="Transfer is stronger than white-box.",
        why="Whoever knows the victim can do all that others can: its own gradients are almost certainly masked.",
        remedy="Take the transfer score as the victim's, and fix the gradients.",
    ),
    "RH014": CheckText(
        finding="All codes of the database are equal.",
        why="The model tells nothing apart; the score is that of random codes.",
        remedy="Return the hash layer's raw output, without an activation.",
    ),
    "RH015": CheckText(
        finding="The victim's codes depend on what else is in the batch.",
        why="A service hashes images one by one; this score depends on which queries shared a batch.",
        remedy="Use running statistics, or another normalisation.",
    ),
    "RH016": CheckText(
        finding="A target shares a label with its query.",
        why="A target's items are relevant before any attack: the score on the targets is high for nothing.",
        remedy="Use data with more classes, or untargeted attacks.",
    ),
    "RH017": CheckText(
        finding="A query has nothing to find",
        why="Its average precision is 0 for every model; attacks look stronger than they are.",
        remedy="Leave such queries out, or label them.",
    ),
    "RH018": CheckText(
        finding="The pixels of a query are in the database",
        why="The query finds itself at distance 0: clean scores are too high.",
        remedy="Remove the copies.",
    ),
    "RH019": CheckText(
        finding="The index returned fewer items than it was asked for",
        why="A place without an item counts as irrelevant: clean scores fall as under an attack.",
        remedy="Let the index search wider; if it is deployed like this, allow the check by name.",
    ),
}
