"""Numbers as people type them, read in one place: with a decimal comma or a decimal point,
with separated thousands, with the unit of the field.

What can mean two numbers is never guessed: the learner is asked which one was meant.
"""

from __future__ import annotations

import math
import re
import unicodedata

from labs.errors import BadInput

LONGEST = 40
MOST_DIGITS = 15
"""A float keeps this many."""
NO_REAL_RANGE = 1e12
MINUS = "\u2212\u2012\u2013\ufe63\uff0d"
APOSTROPHES = "\u2019\u02bc\uff07"
ARABIC = {"\u066b": ".", "\u066c": "'"}
_BODY = re.compile(r"([+-]?)((?:\d[\d.,' _]*)?[.,]?\d*)(?:[eE]([+-]?\d{1,3}))?")
_GROUPED = {mark: re.compile(rf"\d{{1,3}}(?:{re.escape(mark)}\d{{3}})+") for mark in ".,' _"}
_WITH_ANOTHER_UNIT = re.compile(r"[+-]?\d[\d.,' _]*[^\s\d.,'_+-]+")
_INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}")


def number_from(
    raw: object,
    *,
    what: str = "This",
    units: tuple[str, ...] = (),
    minimum: float = -math.inf,
    maximum: float = math.inf,
) -> float:
    """The number that an untrusted value means, from `minimum` to `maximum`, both allowed.

    Text may end with one of `units`. BadInput says what would be right: it names `what`, the
    range, and both numbers where the text can mean two of them.
    """
    unit = units[0] if units else ""
    if isinstance(raw, str):
        found = _readings(raw, what=what, units=units)
    elif isinstance(raw, (int, float)) and not isinstance(raw, bool):
        found = [number] if math.isfinite(number := _as_float(raw)) else []
    else:
        found = []
    inside = [value for value in found if minimum <= value <= maximum]
    if len(inside) == 1:
        return inside[0] + 0.0  # no negative zero
    if len(inside) == 2:
        whole, small = (f"{value:.15g}" for value in sorted(inside, key=abs, reverse=True))
        raise BadInput(
            f"“{_shown(raw)}” can mean {whole} or {small}.",
            hint=f"Type {whole} for the one, or {small}{'' if '.' in small else '.'}0 for the "
            "other.",
        )
    raise BadInput(f"{what} cannot be “{_shown(raw)}”.", hint=_right(minimum, maximum, unit, found))


def _readings(raw: str, *, what: str, units: tuple[str, ...]) -> list[float]:
    """The one or two numbers that a text can mean; none if it means none."""
    text = _plain(raw)
    if not text:
        raise BadInput(f"{what} is empty.", hint="Type a number, for example 12.5.")
    if len(text) > LONGEST:
        return []
    body = _without_unit(text, units)
    match = _BODY.fullmatch(body)
    if match is None or not any(character.isdigit() for character in match[2]):
        if units and units[0] and _WITH_ANOTHER_UNIT.fullmatch(body):
            raise BadInput(
                f"{what} cannot be “{_shown(raw)}”.",
                hint=f"Type a number in {units[0]}, without another unit.",
            )
        return []
    sign, digits, exponent = match.groups()
    if sum(character.isdigit() for character in digits.lstrip("0.,")) > MOST_DIGITS:
        raise BadInput(
            f"“{_shown(raw)}” has too many digits.", hint=f"Type {MOST_DIGITS} digits at most."
        )
    values = [float(f"{sign}{plain}e{exponent or 0}") for plain in _decimals(digits)]
    return [value for value in dict.fromkeys(values) if math.isfinite(value)]


def _decimals(digits: str) -> list[str]:
    """Digits with their marks as decimals with a point: both, if the one mark can be either."""
    marks = [character for character in digits if not character.isdigit()]
    kinds = list(dict.fromkeys(marks))
    if not marks:
        return [digits]
    if len(kinds) > 2:
        return []
    last = marks[-1]
    if len(kinds) == 2:
        whole, _, rest = digits.rpartition(last)
        if last not in ".," or marks.count(last) > 1 or not _is_grouped(whole, kinds[0]):
            return []
        return [f"{_only_digits(whole)}.{rest or 0}"]
    if last not in ".," or len(marks) > 1:
        return [_only_digits(digits)] if _is_grouped(digits, last) else []
    whole, _, rest = digits.partition(last)
    decimal = f"{whole or 0}.{rest or 0}"
    can_be_thousands = len(rest) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")
    return [decimal, whole + rest] if can_be_thousands else [decimal]


def _is_grouped(digits: str, mark: str) -> bool:
    return bool(_GROUPED[mark].fullmatch(digits) or (mark == "," and _INDIAN.fullmatch(digits)))


def _only_digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _plain(raw: str) -> str:
    """The text with ASCII digits and signs, one kind of space, and nothing that is not seen."""
    plain = []
    for character in raw[: LONGEST * 4]:
        kind = unicodedata.category(character)
        if kind == "Nd":
            plain.append(str(unicodedata.decimal(character)))
        elif kind == "Zs" or character in "\t\r\n":
            plain.append(" ")
        elif character in MINUS:
            plain.append("-")
        elif character in APOSTROPHES:
            plain.append("'")
        elif kind != "Cf":
            plain.append(ARABIC.get(character, character))
    return "".join(plain).strip()


def _without_unit(text: str, units: tuple[str, ...]) -> str:
    for unit in sorted(filter(None, units), key=len, reverse=True):
        if text.lower().endswith(unit.lower()):
            return text[: -len(unit)].rstrip()
    return text


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _shown(raw: object) -> str:
    text = "".join(character if character.isprintable() else "�" for character in str(raw)[:60])
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _right(minimum: float, maximum: float, unit: str, found: list[float]) -> str:
    """What would be right. A range that only keeps nonsense out is named where it was left."""
    of = f" {unit}" if unit else ""
    is_real = maximum - minimum < NO_REAL_RANGE
    if found and max(found) < minimum and not is_real:
        return f"Type {minimum:.15g}{of} or more."
    if is_real or (found and math.isfinite(maximum)):
        return f"Type a number from {minimum:.15g} to {maximum:.15g}{of}."
    return f"Type a number, for example 12.5{of}."
