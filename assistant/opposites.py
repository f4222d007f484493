"""Words that turn a sentence round: kinds of small words, and pairs of opposites. English; facts of the language."""

from __future__ import annotations

from functools import cache

from index.lexical import words as stems_of

_KINDS = {
    "universal": "all every always each any entire whole everything everyone anything completely fully entirely both "
    "guarantees guaranteed ensures",
    "only": "only solely exclusively alone just nothing except",
    "before": "before earlier prior previously first until",
    "reason": "because since due therefore thus hence so reason why causes cause caused",
    "more": "more larger bigger greater longer higher faster better most largest biggest greatest longest highest "
    "fastest best over exceeds above increases increase",
    "less": "less smaller fewer shorter lower slower worse least smallest fewest shortest lowest slowest worst under "
    "below decreases decrease",
}
_STRONG_WORDS = "all every always each any never none must only guarantees guaranteed completely entirely"
_HEDGING_WORDS = "may might can could sometimes often usually mostly typically optionally perhaps some most"
STRONG = frozenset(_STRONG_WORDS.split())
HEDGES = frozenset(_HEDGING_WORDS.split())
TELLING = {kind: frozenset(members.split()) for kind, members in _KINDS.items()}

_PAIRS = """
start stop; begin end; first last; first second; before after; old new; older newer; early late; earlier later
add remove; create delete; create remove; open close; enable disable; on off; in out; up down; inside outside
internal external; host container; client server; source target; source destination; left right; top bottom
front back; large small; larger smaller; big small; bigger smaller; long short; longer shorter; high low
higher lower; fast slow; faster slower; more less; more fewer; most least; many few; increase decrease
grow shrink; raise lower; wide narrow; wider narrower; hot cold; warm cool; warmer cooler; wet dry; soft hard
light dark; lighter darker; bright dark; strong weak; stronger weaker; thick thin; heavy light; loose tight
public private; local remote; read write; input output; push pull; upload download; send receive; import export
load save; save discard; keep discard; keep remove; keep lose; allow forbid; allow deny; allow block; accept reject
include exclude; attach detach; connect disconnect; mount unmount; install uninstall; lock unlock; encode decode
encrypt decrypt; compress expand; join split; merge split; always never; all none; some all; same different
true false; yes no; safe dangerous; safe unsafe; good bad; better worse; best worst; easy hard; simple complex
positive negative; active inactive; static dynamic; temporary permanent; permanent temporary; persistent temporary
persist vanish; survive vanish; survive lose; optional required; optional mandatory; ascending descending
forward backward; horizontal vertical; parent child; above below; over under; upper lower; outer inner; row column
foreground background; interactive detached; visible hidden; show hide; succeed fail; success failure; pass fail
win lose; gain lose; rise fall; attack defend; buy sell; borrow lend; give take; hit miss; near far; closer farther
closer further; full empty; absolute relative; major minor; maximum minimum; max min
upgrade downgrade; stage unstage; commit revert; ahead behind; shallow deep; sharp blurred; blur freeze
underexpose overexpose; brighten darken; absorb release; bind release; anode cathode; acid base
sweet sour; stiff slack; cause prevent; speed slow; quick slow; quickly slowly; together apart; one both
single multiple; once repeatedly; manual automatic; manually automatically; mutable immutable
newest oldest; latest oldest; biggest smallest; largest smallest; longest shortest; highest lowest; fastest slowest
earliest latest; nearest farthest; strongest weakest; brightest darkest; here there; own other; mine theirs; ours theirs
sender receiver; reader writer; user system; worker master; leader follower; primary secondary; original copy
mechanical electronic; leading lagging; exon intron; male female; sharp soft; fresh dried; sweet salty; sunny shady
wins loses; override obey; inherit override; relax tighten; melt freeze; boil freeze; lossy lossless
fixed variable; fixed random; random sequential; ordered unordered; sorted unsorted; signed unsigned
blocking nonblocking; synchronous asynchronous; known unknown
physical virtual; plain encrypted; stateless stateful; upstream downstream; alive dead; running stopped
"""


@cache
def _table() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in _PAIRS.strip().replace("\n", ";").split(";"):
        words = pair.split()
        left, right = ({word, *stems_of(word)} for word in words)
        for word in left:
            found.setdefault(word, set()).update(right)
        for word in right:
            found.setdefault(word, set()).update(left)
    return {word: frozenset(others - {word}) for word, others in found.items()}


def opposites(word: str) -> frozenset[str]:
    """The words and stems that say the opposite of a word or stem; mostly none."""
    return _table().get(word, frozenset())
