"""Recipes are similar by what they have in common."""

import json
from pathlib import Path

import similar

EVENTS = Path(__file__).parents[1] / "events"


def test_nearest_recipes_come_first() -> None:
    event = json.loads((EVENTS / "carbonara.json").read_text())
    answer = similar.handler(event, None)
    assert answer == {"recipe": "carbonara", "similar": {"cacio e pepe": 0.775, "amatriciana": 0.6}}


def test_three_recipes_are_the_default() -> None:
    assert len(similar.handler({"recipe": "pancakes"}, None)["similar"]) == 3


def test_unknown_recipe_is_an_error_for_the_caller() -> None:
    event = json.loads((EVENTS / "unknown.json").read_text())
    assert similar.handler(event, None) == {"error": "There is no recipe 'stew'."}
