"""Which recipes are similar to one, by their ingredients."""

import json
import logging
from pathlib import Path
from typing import Any, Final

import numpy

_logger: Final = logging.getLogger(__name__)
# The data are in the image, and become vectors once per execution environment.
_RECIPES: Final[dict[str, list[str]]] = json.loads(
    Path(__file__).with_name("recipes.json").read_text()
)
_NAMES: Final = list(_RECIPES)
_INGREDIENTS: Final = sorted({each for recipe in _RECIPES.values() for each in recipe})
_COUNTS: Final = numpy.array(
    [[float(each in recipe) for each in _INGREDIENTS] for recipe in _RECIPES.values()]
)
_VECTORS: Final = _COUNTS / numpy.linalg.norm(_COUNTS, axis=1, keepdims=True)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The most similar recipes with the cosine of their ingredients, or an error."""
    recipe, number = event.get("recipe"), event.get("number", 3)
    if recipe not in _RECIPES:
        _logger.warning("unknown recipe", extra={"recipe": recipe})
        return {"error": f"There is no recipe {recipe!r}."}
    cosines = _VECTORS @ _VECTORS[_NAMES.index(recipe)]
    nearest = [index for index in numpy.argsort(-cosines, kind="stable") if _NAMES[index] != recipe]
    similar = {_NAMES[index]: round(float(cosines[index]), 3) for index in nearest[:number]}
    return {"recipe": recipe, "similar": similar}
