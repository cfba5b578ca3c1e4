"""Every value that a check counts has a label and a unit, and every “label” that a hint
quotes is on the page of its lab: a rename of either is found here.
"""

import ast
import re
from pathlib import Path

import pytest

from labs.catalogue import catalogue, folder_of
from labs.lab import evidence, with_places
from labs.lab.evidence import Counted, counted_as, rows_of
from labs.lab.layout import END, spots_of
from labs.sandbox.blocks import ttl_command
from labs.sandbox.memcached_lines import Lines
from labs.sandbox.redis_cli.refusals import refuse
from labs.sandbox.redis_cli.words import split

ROOT = Path(__file__).resolve().parents[2]
LABS = catalogue().values()
SHARED = ("labs/setups/shop/checks.py",)
PLACEHOLDER = "\0"
IN_THE_SHOP = ["Reload both phones", "Reload phone 1"]
"""Actions on a page of their own, which no hint names."""
QUOTED = re.compile(r"“([^”]*)”")
CONSOLE = re.compile(r"\bconsole\b", re.IGNORECASE)
TYPED = re.compile(r"\btype “([^”]*)”")
TAB = re.compile(r"\btab (\w+)")
MAKES_EVIDENCE = {"met", "unmet", "judged", "require_seen"}
RETURNS_EVIDENCE = {"_bytes_of", "_evidence", "evidence"}


def modules_of(lab):
    """The lab's modules that judge, as syntax trees: its own, and the shared ones that they
    import.
    """
    own = [path.read_text() for path in sorted(folder_of(lab.id).glob("*.py"))]
    own = [text for text in own if "unmet" in text or "hint" in text]
    shared = [
        (ROOT / path).read_text()
        for path in SHARED
        if any(f"{path.removesuffix('.py').replace('/', '.')} import" in text for text in own)
        and any("require_hits" in text for text in own)
    ]
    shared.append((ROOT / "labs/sandbox/blocks.py").read_text())
    return [ast.parse(text) for text in (*own, *shared)]


def text_of(node):
    """A string of a program; what is filled in at run time is a placeholder.

    None for other nodes.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else PLACEHOLDER
            for part in node.values
        )
    return None


def strings_of(tree):
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if id(node) not in docstrings | inner and (text := text_of(node)) is not None:
            yield text


def names_in(tree):
    """The names of values that checks of a module count, with placeholders."""
    lists = {
        target.id: value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and (value := words_of(node.value))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) == "evidence_of":
            prefix = next((text_of(k.value) for k in node.keywords if k.arg == "prefix"), "")
            for one in node.args[1:]:
                words = [text_of(one)]
                if isinstance(one, ast.Starred) and isinstance(one.value, ast.Name):
                    words = lists.get(one.value.id, [])
                yield from (prefix + word for word in words if word)
        elif isinstance(node, ast.Call) and called(node) in MAKES_EVIDENCE:
            for one in node.args[1:]:
                yield from keys_in(one)
        elif isinstance(node, ast.FunctionDef) and node.name in RETURNS_EVIDENCE:
            yield from keys_in(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id == "evidence" and node.value:
                    yield from keys_in(node.value)
                if (
                    isinstance(target, ast.Subscript)
                    and getattr(target.value, "id", "") == "evidence"
                ):
                    yield text_of(target.slice)


def called(node):
    return node.func.id if isinstance(node.func, ast.Name) else ""


def words_of(node):
    """The strings of a tuple, a list or a text that is split."""
    if isinstance(node, (ast.Tuple, ast.List)):
        return [text_of(one) for one in node.elts]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return (text_of(node.func.value) or "").split() if node.func.attr == "split" else []
    return []


def keys_in(node):
    for one in ast.walk(node):
        keys = (
            one.keys
            if isinstance(one, ast.Dict)
            else [one.key]
            if isinstance(one, ast.DictComp)
            else []
        )
        yield from filter(None, map(text_of, filter(None, keys)))


def is_known(name, known):
    """True if the file of the lab says what a value is called; a pair may share a line."""
    stem = re.sub("_(before|after)$", "", name)
    if PLACEHOLDER not in name:
        return bool(counted_as(name, known)) or stem in known
    pattern = ".+".join(map(re.escape, name.split(PLACEHOLDER)))
    return any(re.fullmatch(pattern, one.replace("*", "x")) for one in known)


def labels_of(lab):
    controls = [*lab.controls, *(field for action in lab.actions for field in action.fields)]
    options = [label for control in controls for _, label in getattr(control, "options", ())]
    named = (*controls, *lab.actions, *lab.requests, *lab.strategies.values(), *lab.topology.nodes)
    titles = [lab.view, *(table.title for table in lab.tables)]
    return {*(one.label for one in named), *options, *titles}


def is_on_the_page(label, lab):
    """True if a control, an action or a text of the page has this label."""
    pattern = ".+".join(map(re.escape, label.split(PLACEHOLDER)))
    if any(re.fullmatch(pattern, known) for known in labels_of(lab)):
        return True
    pages = [*(ROOT / "templates/bench").glob("*.html"), folder_of(lab.id) / "view.html"]
    within = re.compile(rf"[>\"]\s*{pattern}\s*[<\"]")
    return any(page.is_file() and within.search(page.read_text()) for page in pages)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_every_value_that_is_counted_has_a_label_and_a_unit(lab):
    names = {name for tree in modules_of(lab) for name in names_in(tree)}

    assert names
    assert {name for name in names if not is_known(name, lab.counted)} == set()


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_labels_are_for_people(lab):
    for name, counted in lab.counted.items():
        assert counted.label[0].isupper(), name
        assert "_" not in counted.label + counted.unit, name


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_every_label_in_a_hint_is_on_the_page_of_the_lab(lab):
    texts = [text for tree in modules_of(lab) for text in strings_of(tree)]

    typed = {command for text in texts for command in TYPED.findall(text)}
    quoted = {label for text in texts for label in QUOTED.findall(text)} - typed - {PLACEHOLDER}
    tabs = {tab.lower() for text in texts for tab in TAB.findall(text)}

    assert {label for label in quoted if not is_on_the_page(label, lab)} == set()
    assert tabs - set(lab.gears) - {"step", "load", "break"} == set()


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_hints_say_what_to_do_and_ask_nothing(lab):
    hints = [text for tree in modules_of(lab) for text in texts_given(tree, "hint")]

    assert [hint for hint in hints if "?" in hint] == []


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_a_hint_that_sends_to_the_console_gives_a_command_that_it_runs(lab):
    for tree in modules_of(lab):
        about_aws = {*texts_given(tree, "aws"), *texts_given(tree, "here")}
        for hint in {text for text in strings_of(tree) if CONSOLE.search(text)} - about_aws:
            assert "“Console”" in hint and TYPED.findall(hint), hint
            for command in TYPED.findall(hint):
                is_run(command)


@pytest.mark.parametrize(
    ("engine", "runs"), [("redis", "TTL row:42"), ("memcached", "mg row:42 t")]
)
def test_the_command_for_a_time_to_live_is_one_of_the_server(engine, runs):
    command = ttl_command(engine, "row:42")

    assert command == runs
    if engine == "redis":
        is_run(command)
    else:
        request = Lines().take(command)
        assert request is not None and request.data == b"mg row:42 t\r\n"


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_a_hint_that_names_a_control_says_where_it_is(lab):
    for tree in modules_of(lab):
        for hint in strings_of(tree):
            full = with_places(lab, hint)
            for label in QUOTED.findall(hint):
                spots = spots_of(lab, label, hint)
                assert not spots or any(says(full, spot) for spot in spots), (label, full)


def says(hint, spot):
    """True if a hint names the tab and the panel of a spot."""
    tab = spot.tab is None or f"tab {spot.tab.capitalize()}" in hint
    if spot.panel == END:
        return "at the end of the bench" in hint
    return tab and (spot.panel is None or f"“{spot.panel}”" in hint)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_every_control_of_a_lab_has_a_place(lab):
    controls = [*lab.controls, *lab.actions]

    assert [one.label for one in controls if not spots_of(lab, one.label)] in ([], IN_THE_SHOP)


def is_run(command):
    """Raises CommandRefused if the console of Redis does not run a command; one that is made at run
    time is judged with its maker.
    """
    if command != PLACEHOLDER:
        refuse(split(command.replace(PLACEHOLDER, "x")), queued=False)


def texts_given(tree, name):
    """The strings that a module passes as this argument."""
    given = [
        node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == name
    ]
    return [text for value in given for node in ast.walk(value) if (text := text_of(node))]


def test_before_and_after_are_one_row():
    known = {
        "pid": Counted("Process id"),
        "hits": Counted("Hits", "lookups", ("keyspace_hits",)),
        "reads_of_*": Counted("Reads that {} answered", "reads"),
    }

    rows = rows_of(
        {"pid_before": 7, "hits": 2, "pid_after": 8, "reads_of_cache-002": 5, "odd_one": True},
        known,
    )

    assert [(row.counted.label, row.before, row.value) for row in rows] == [
        ("Hits", None, 2),
        ("Process id", 7, 8),
        ("Reads that cache-002 answered", None, 5),
        ("odd one", None, True),
    ]


def test_a_lab_without_the_file_shows_the_names(tmp_path):
    assert evidence.of(tmp_path) == {}
    assert [row.counted.label for row in rows_of({"seen_twice": 1}, {})] == ["seen twice"]
