"""What the lessons need to know of the labs: names of servers, predictions and settings.

Starts none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labs.client import catalogue
from labs.errors import BadInput
from labs.lab import Lab, Prediction


@dataclass(frozen=True, slots=True)
class KnownLab:
    """A lab as a lesson may refer to it."""

    lab: Lab

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """Its predictions."""
        return self.lab.predictions

    @property
    def servers(self) -> frozenset[str]:
        """The names of its servers."""
        return frozenset(node.name for node in self.lab.topology.servers)

    def complaints(self, settings: Mapping[str, str]) -> list[str]:
        """Why these settings would be refused; empty if they would not."""
        try:
            self.lab.settings(settings)
        except BadInput as exc:
            return [f"{exc} {exc.hint}".strip()]
        return []


def known_labs() -> dict[str, KnownLab]:
    """Every lab that can be referred to."""
    return {name: KnownLab(lab) for name, lab in catalogue().items()}
