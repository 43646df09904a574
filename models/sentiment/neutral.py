"""Neutral sentences: facts, instructions, dates and headings.

Made from the patterns of this file, the documentation strings of Python's standard library and
topic names.
"""

import importlib
import inspect
import random
import re
from collections.abc import Iterator
from pathlib import Path

MODULES = [
    "argparse",
    "array",
    "asyncio",
    "base64",
    "bisect",
    "calendar",
    "cmd",
    "codecs",
    "collections",
    "colorsys",
    "concurrent.futures",
    "configparser",
    "contextlib",
    "copy",
    "csv",
    "ctypes",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "dis",
    "email",
    "enum",
    "fileinput",
    "fnmatch",
    "fractions",
    "ftplib",
    "functools",
    "gettext",
    "glob",
    "gzip",
    "hashlib",
    "heapq",
    "hmac",
    "html",
    "http.client",
    "imaplib",
    "inspect",
    "io",
    "ipaddress",
    "itertools",
    "json",
    "linecache",
    "locale",
    "logging",
    "mailbox",
    "math",
    "mimetypes",
    "multiprocessing",
    "numbers",
    "operator",
    "optparse",
    "os",
    "pathlib",
    "pickle",
    "platform",
    "plistlib",
    "poplib",
    "pprint",
    "queue",
    "random",
    "re",
    "sched",
    "secrets",
    "select",
    "shelve",
    "shlex",
    "shutil",
    "smtplib",
    "socket",
    "sqlite3",
    "ssl",
    "statistics",
    "string",
    "struct",
    "subprocess",
    "sys",
    "tarfile",
    "tempfile",
    "textwrap",
    "threading",
    "time",
    "timeit",
    "tkinter",
    "token",
    "trace",
    "types",
    "unicodedata",
    "unittest",
    "urllib.parse",
    "urllib.request",
    "uuid",
    "warnings",
    "wave",
    "weakref",
    "webbrowser",
    "xml.dom",
    "zipfile",
    "zoneinfo",
]
_SENTENCE = re.compile(r"[A-Z][^.!?>_={}\[\]]{20,160}\.(?=\s|$)")

_SLOTS = {
    "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "month": ["January", "March", "April", "May", "July", "September", "October", "November"],
    "number": ["2", "3", "4", "7", "9", "12", "15", "18", "24", "30", "45", "60", "112", "250"],
    "hour": ["8 a.m.", "9.15", "10:30", "noon", "2 p.m.", "16:45", "6 o'clock", "half past seven"],
    "place": [
        "the main hall",
        "room 12",
        "the second floor",
        "the town library",
        "Leeds",
        "platform 4",
        "the north entrance",
        "the reception desk",
        "building C",
        "the car park",
        "Geneva",
        "the harbour office",
        "the sports hall",
    ],
    "person": [
        "Mr. Jones",
        "Dr. Rahman",
        "the secretary",
        "our office",
        "the tenant",
        "the driver",
        "the council",
        "Ms. Keller",
        "the applicant",
        "the editor",
        "the customer",
        "a nurse",
        "the caretaker",
        "the committee",
    ],
    "thing": [
        "the form",
        "the contract",
        "the invoice",
        "your passport",
        "the parcel",
        "the report",
        "the key",
        "the box",
        "the application",
        "the list of members",
        "the receipt",
        "the meter",
        "the second page",
        "the window",
    ],
    "item": [
        "a table",
        "two chairs",
        "a blue folder",
        "a cable",
        "a water tank",
        "a paper copy",
        "a map",
        "a battery",
        "a kitchen and a bathroom",
        "a garden",
        "a bicycle",
        "three lamps",
        "a notebook",
    ],
}
_PATTERNS = (
    "The meeting takes place on {day} at {hour} in {place}.",
    "Please report to {place} at {hour}.",
    "Please bring {thing} with you.",
    "Please sign {thing} and return it to {person} by {day}.",
    "{person} will call you on {day}, {number} {month}.",
    "The train to {place} leaves at {hour} from platform {number}.",
    "Your appointment is on {day} {number} {month} at {hour}.",
    "Do not eat for {number} hours before the test.",
    "Do not use the lift between {hour} and {hour}.",
    "The office is open from {hour} to {hour} on {day}.",
    "The office is closed on {day}.",
    "Enclosed you will find {thing}.",
    "Add {number} grams of flour and stir for {number} minutes.",
    "Bake at {number} degrees for {number} minutes.",
    "Turn the handle to the left and remove {thing}.",
    "Press the button for {number} seconds.",
    "The set consists of {item} and {item}.",
    "It comes with {item} and {item}.",
    "The room has {item} and {item}.",
    "The house was built in 19{number} and has {item}.",
    "We are selling {item} and {item}.",
    "I bought {item} on {day}.",
    "I am writing about {thing} of {number} {month}.",
    "We arrived in {place} at {hour}.",
    "I went to {place} with {person} on {day}.",
    "I have been working for {person} since {month}.",
    "She lives near {place} and works as a teacher.",
    "He asked {person} for {thing}.",
    "{person} sent {thing} to {person} on {day}.",
    "{person} said that {thing} would arrive in {month}.",
    "The population of the town was {number} thousand in 20{number}.",
    "Water boils at 100 degrees at sea level.",
    "The river is {number} kilometres long and ends near {place}.",
    "The sample was kept at {number} degrees for {number} hours.",
    "Figure {number} shows the temperature in {month}.",
    "See page {number} for {thing}.",
    "Section {number} applies to {person} and to {person}.",
    "The tenant pays {number} pounds on the first of {month}.",
    "This contract ends on {number} {month}.",
    "The amount due is {number} dollars.",
    "Total {number}.00 EUR including VAT",
    "Invoice no. {number}{number}, {number} {month}",
    "Order {number}, quantity {number}, delivered on {day}",
    "Tel. 0{number} {number}{number}, fax 0{number} {number}{number}",
    "{place}, {number} {month}",
    "To {person}, {place}",
    "Minutes of the meeting of {number} {month}",
    "Present: {person}, {person} and {person}.",
    "The next meeting will be on {day}, {number} {month}.",
    "Take one tablet every {number} hours with water.",
    "Visitors can park in {place} from {hour}.",
    "The bus stops at {place} every {number} minutes.",
    "You need {thing} and {item}.",
    "The course takes {number} weeks and begins in {month}.",
    "The film is {number} minutes long and was shot in {place}.",
    "The book has {number} pages and appeared in {month}.",
    "The phone has a screen of {number} cm and {item}.",
    "The restaurant is in {place} and opens at {hour}.",
    "We ordered soup and then the fish.",
    "The story takes place in {place} in {month}.",
)


def neutral_texts(taxonomy: Path, *, made: int, seed: int) -> list[str]:
    """Return neutral sentences, in no order.

    Args:
        taxonomy: The IAB content taxonomy, whose names are headings.
        made: How many are made from patterns.
        seed: Of the choice.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    patterns = [_fill(chance.choice(_PATTERNS), chance) for _ in range(made)]
    return sorted({*patterns, *_documentation(), *_topics(taxonomy)})


def _fill(pattern: str, chance: random.Random) -> str:
    filled = re.sub(r"\{(\w+)\}", lambda slot: chance.choice(_SLOTS[slot[1]]), pattern)
    return filled[0].upper() + filled[1:]


def _documentation() -> Iterator[str]:
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:  # such as tkinter, which some systems leave out
            continue
        members = [
            module,
            *(member for _, member in inspect.getmembers(module) if callable(member)),
        ]
        for member in members:
            text = " ".join((inspect.getdoc(member) or "").split())
            yield from _SENTENCE.findall(text)[:4]


def _topics(taxonomy: Path) -> Iterator[str]:
    for line in taxonomy.read_text("utf-8").splitlines()[2:]:
        fields = line.split("\t")
        if len(fields) > 2:  # noqa: PLR2004 - id, parent, name
            yield fields[2].strip()
