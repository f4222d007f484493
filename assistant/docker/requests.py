"""A question -> what it wants of this machine: to look at something, to change something, or nothing.

No model: words that tell what is looked for, each with the command that shows it. "How do I list containers?" is about
Docker and looks at nothing; "which containers are running on my machine?" is about this machine. What asks for a change
is told from both, so that it can be refused in so many words. In doubt it is a question for the notes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from assistant.docker import order
from assistant.docker.plan import plan_line
from assistant.docker.refusal import DockerRefused

DEFAULT_TAIL = 50  # lines of a log, where the question names no number
MAX_TAIL = 1_000
MAX_REQUEST = 600  # characters; what is longer asks for more than a command
MAX_QUESTION = 300  # characters of a question about this machine; a longer one has a story to it

# About Docker as such, or about how to do something: never about this machine, whatever else stands in it.
_ABOUT_DOCKER = re.compile(
    r"""
      \bhow\ (?:do|can|could|would|should|does|did|to|come|might|must|is|are)\b
    | \bhow\ (?:many|much|long|often|big)\ (?:\w+\ )?(?:can|could|may|should|must|would)\b
    | \b(?:what|which)\ (?:\w+\ )?(?:command|flag|option|switch|subcommand|keyword|argument|parameter|field|column)s?\b
    | \b(?:command|flag|option|syntax|way|step)s?\ (?:to|for|of|that|which|do|does|shows?|lists?)\b
    | \bwhat\ (?:happens|would|will|if|should|could|might|can|kind|do(?:es)?\ (?:docker|an?|the|it|containers?|images?)\b)
    | \b(?:what\ (?:is|are)|what'?s)\ (?:an?|meant|docker)\b
    | \b(?:difference|purpose|point|advantage|role|reason)s?\ (?:of|between|for|to|in)\b
    | \b(?:explain|meaning|means?|meant|example|tutorial|teach|learn|understand|describe|definition|define|versus|vs)\b
    | \b(?:recommended|best\ practices?|in\ general|generally|normally|usually|typically|by\ default|always|ever|safe)\b
    | \bwhen\ (?:should|do|does|would|can|an?|you|we|i)\b
    | \bwhy\ (?:do|is\ it|should|would|can|use|not|must)\b
    | \bwhy\ (?:is|are|does|did|has)\ (?:docker|it|an?|my\ teacher|the\ (?:engine|daemon|client|cli|shell|author))\b
    | \b(?:should|can|could|may|must|shall|might)\ (?:i|we|one|they|it|containers?|images?|an?|docker|two|several)\b
    | \bcan\ you\ (?:explain|say|describe|run\ an?|have)\b
    | \bis\ (?:it|there\ an?|docker\ an?)\b | \b(?:possible|able\ to|allowed\ to|need\ to|have\ to|supposed\ to)\b
    | \b(?:do|does)\ (?:docker|an?|containers?|images?|volumes?|networks?|the\ (?:engine|daemon|client))\b
    | (?<!check\ )(?<!see\ )(?<!me\ )(?<!look\ )\bif\b
    | \b(?:whenever|unless|suppose|imagine|assume|pretend|other\ than|instead\ of|without)\b
    | \b(?:format|syntax|spelling|spell|columns?)\b
    | \b(?:notes|chapter|section|course|lesson|lecture|slides?|book|exam|quiz|homework|exercise)\b
    """,
    re.VERBOSE,
)
_START = (
    r"^(?:(?:please|pls|ok|okay|hey|hi|so|and|just|now|then|can you|could you|would you|will you|tell me|say)[ ,]+)*"
)
_SHOW = re.compile(
    _START
    + r"(?:show|list|give|print|display|see|get|check|look|view|output|fetch|find|count|inspect|logs?|tail|read)\b"
)
_ASKS = re.compile(
    _START + r"(?:which|what|whats|what's|how|is|are|was|were|any|anything|do i|have i|did|does|has|where|when|why"
    r"|with (?:which|what)|on (?:which|what)|at (?:which|what)|at what|last|latest|newest|all|every|status|state|ports?)\b"
)
_HERE = re.compile(
    r"\b(?:my|this) (?:\w+ )?(?:docker|containers?|images?|volumes?|networks?|machine|computer|laptop|host|box|server|pc|mac"
    r"|system|engine)\b|\b(?:here|locally|right now|currently|at the moment|now|installed|i have|i've got|(?:do|have) (?:i|we) (?:have|got))\b"
)
_STATE_NOW = re.compile(
    r"^(?:\w+ )?(?:which|what|how many|any|are any|are there any|is any)(?: of (?:my|the))?(?: docker| my| other)* containers?"
    r"(?: (?:is|are|have|has|that|there|which))* (?:still |currently |all |been )*(?:running|up|stopped|exited|paused|dead|restarting|unhealthy|crashed|alive|active)\b"
    r"(?! (?:as|with|when|after|by|like|than|from|in|on (?!my|this|the machine)))"
    r"|^(?:is|are) (?:the |my )?docker(?: daemon| engine| service| server)* (?:still |really )?(?:up|running|alive|reachable|working|active)\b(?! \w)"
)


@dataclass(frozen=True, slots=True)
class Look:
    """A command line that shows what is asked for; `names` are the containers in it, as the question has them.

    `is_certain`: the question leaves no doubt that these are containers, whether there are such or not.
    """

    line: str
    names: tuple[str, ...] = ()
    is_certain: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Something that would be changed. `command` is the docker command for it; `is_plain` if it is asked in so many
    words ("please delete ..."), and not in words that may as well be a search ("remove the container").
    """

    command: str
    is_plain: bool


_NAME = r"(?:the |my |our )?(?:container )?(?:named |called )?(?P<name>[A-Za-z0-9][\w.-]*\w)(?: container)?"
_REFERENCE = r"(?P<name>[a-z0-9][a-z0-9_./-]*(?::[a-z0-9_][a-z0-9_.-]*)?)(?![\w./:-])"
_NO_NAMES = frozenset(
    """
    a about active alive all already also an and any anything are at available back be been being big bridge-networks but by
    called can computer container containers created current currently daemon dangling did disk do docker docker's does
    down each else engine error errors even every everything exactly exist existing exited few first for from get give got
    had has have here host how i if image images in info inside installed is it its just kind laptop last latest list
    listening local log logged logs long machine made many me memory more most much my name named network networks new
    newest no not now of old on one only open or order other our out output own paused please pls port ports print process
    processes program programs ran recent right run running same see server service service's show single so some
    something space started state status still stop stopped system tag tagged than that the their them then there these
    they thing things this those to today too two unused up us use used using version volume volumes was we well were
    what when where whether which while who why will with work working you your
    """.split()  # noqa: SIM905  # a list of words
)
_THEN = r"(?=$|[,?]| (?:please|pls|now|right|again|here|at|and|or|which|that|is|are|was|has|listen|use|currently|today|container)\b)"


_BETWEEN = r"(?: (?:is|are|was|were))?(?: (?:log|logs|output|lines|running|that run|alive|listening|published|set|mounted|attached))?"


# "Container web" says what web is; what it did or was is asked of something that there is.
_CERTAIN = re.compile(r"\bcontainer (?:named |called )?[\w.-]+|^(?:did|has|had|was)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Aspect:
    """Something to know of one container: `nouns` ("logs of web"), `verbs` ("did web stop"), and the command that shows
    it. The verbs count where `also` is in the question too: "which files did web change".
    """

    nouns: str
    verbs: str
    also: str
    command: str

    def named(self, text: str, names: Collection[str] | None) -> tuple[str, bool] | None:
        """The container that is asked about, one of `names` where those are known, and whether it is certain to be one."""
        forms = [
            rf"\b(?:{self.nouns}){_BETWEEN} (?:of|from|for|in|inside|within|by|on|about) {_NAME}{_THEN}",
            rf"\b(?:show|give|get|check|see|print|tail|read|view)(?: me| us| the| my| all| last| latest)* {_NAME}(?:'s)? (?:{self.nouns}){_THEN}",
            rf"^(?:{self.nouns}) {_NAME}$",
        ]
        if re.search(self.also, text, re.IGNORECASE):
            aux = r"\b(?:did|does|do|is|are|was|were|has|had|if|whether|for)"
            forms.append(rf"{aux} {_NAME} (?:[\w-]+ ){{0,3}}?(?:{self.verbs})\b")
        for form in forms:
            for match in re.finditer(form, text, re.IGNORECASE):
                name = match["name"].removesuffix("'s")
                is_certain = _CERTAIN.search(match[0]) is not None
                if name in names if names is not None else _may_be_a_name(name, is_certain=is_certain):
                    return name, is_certain
        return None


_ASPECTS = (
    _Aspect(
        r"logs?|log (?:lines|output|entries|file)|\d+ lines|output|stdout|stderr|messages?|errors?|warnings",
        r"log|logs|logged|logging|print\w*|say|says|said|output\w*|writ\w+|wrote",
        r"^(?:\w+ )?what (?:did|has|does|is)\b",
        "docker logs --tail {n} {name}",
    ),
    _Aspect(
        r"ports?(?: mappings?| bindings?)?",
        r"listen\w*|publish\w*|expos\w*|reachable|reached|mapped|forward\w*|bound|bind\w*|us\w+|open|have",
        r"\bports?\b|\bwhere\b|\blisten",
        "docker port {name}",
    ),
    _Aspect(
        r"(?:memory|ram|cpu|processor|resources?)(?: usage| use| consumption| load)?|usage|load|stats|statistics",
        r"us(?:e|es|ing)|tak\w+|consum\w+|need\w*|eat\w*",
        r"\b(?:memory|ram|cpu|processor|resources)\b",
        "docker stats --no-stream {name}",
    ),
    _Aspect(
        r"processes|process list|programs|running",
        r"run|running|start\w*|have",
        r"\b(?:processes|programs)\b",
        "docker top {name}",
    ),
    _Aspect(
        r"(?:changed |modified |new |added |deleted )?files|(?:file ?system )?changes|diff|chang(?:ed|es)",
        r"chang\w+|modif\w+|writ\w+|wrote|written|add\w*|creat\w+|delet\w+",
        r"\b(?:files?|paths?|changes)\b",
        "docker diff {name}",
    ),
    _Aspect(
        r"(?:exit|return|status) code|restart count|start time|creation (?:date|time)",
        r"stop\w*|exit\w*|crash\w*|die|died|dead|fail\w*|quit\w*|restart\w*|kill\w*|end\w*|terminat\w*|created?|start\w*|made"
        r"|built|finish\w*|unhealthy|oom\w*|gone?|shut|down|up|running|launched",
        r"\bwhy\b|\bwhen\b|\bwhat time\b|\bcode\b|\bhow (?:often|many times|long)\b|\boom\b|\bkilled\b|\bhow did\b",
        "docker inspect {name}",
    ),
    _Aspect(
        r"ip(?: address(?:es)?)?|(?:mac )?address|mounts?|volumes?|env(?:ironment)?(?: variables?| vars?)?|variables|labels?|restart policy"
        r"|health(?:check)?|entrypoint|(?:memory |cpu )?limits?|details|config(?:uration)?|settings|image|networks?|metadata|info\w*|everything|inspect",
        r"us\w+|mount\w*|run\w*|attached|connected|have|has|set|based|defined|get|got|belong\w*|made|created|restart\w*|keep\w*|run",
        r"\b(?:ip|address|mounts?|mounted|volumes?|env\w*|variables|labels?|policy|entrypoint|limits?|image|networks?|command|user)\b",
        "docker inspect {name}",
    ),
    _Aspect(r"stat(?:e|us)", r"doing", r"^how is\b", "docker ps -a --filter name={name}"),
    _Aspect(
        r"existence",
        r"up|running|alive|active|down|stopped|healthy|started|dead|run|runs|live|exist|exists|paused|there",
        r"^(?:\w+ )?(?:is|was|does|check|see|tell|look|find)\b",
        "docker ps --filter name={name}",
    ),
)

# What is asked of all of them, or of an image, a network, a volume; in this order, the first that fits.
_LISTS = (
    (
        rf"\b(?:layers?|history)\b.*?\b(?:of|in|does|do|has|for)(?: the| my| image)* {_REFERENCE}",
        "docker history {name}",
    ),
    (rf"\bhow (?:was|is)(?: the| my)?(?: image)? {_REFERENCE} (?:image )?(?:built|made)\b", "docker history {name}"),
    (
        rf"\bcontainers?\b.*\b(?:from|of|based on|made from|us\w+|run\w*)(?: the)?(?: image)? {_REFERENCE} image\b",
        "docker ps -a --filter ancestor={name}",
    ),
    (
        rf"\bcontainers?\b.*\b(?:from|of|based on|made from|us\w+|run\w*)(?: the)? image {_REFERENCE}",
        "docker ps -a --filter ancestor={name}",
    ),
    (
        rf"\b(?:details|config\w*|metadata|labels|entrypoint|architecture|inspect|env\w*)\b.*\bimage {_REFERENCE}",
        "docker image inspect {name}",
    ),
    (
        rf"\bhow (?:big|large|heavy|old) is (?:the |my )?(?:image {_REFERENCE}|(?P<image>[a-z0-9][a-z0-9_./:-]*) image)",
        "docker images {name}",
    ),
    (
        r"\b(?:do i have|have i (?:got|pulled)|is|did i pull)(?: the| an?)?(?: image)? (?P<image>[a-z0-9][a-z0-9_./:-]*)(?: image)? (?:pulled|downloaded|here|locally|on my)\b",
        "docker images {name}",
    ),
    (
        rf"\bcontainers?\b.*\b(?:in|on|to|of|attached|connected)\b.*?\b(?:network {_REFERENCE}|(?P<image>(?!the |my |a |docker )[a-z0-9][\w.-]*) network)\b",
        "docker network inspect {name}",
    ),
    (
        rf"\b(?:details|subnet|gateway|driver|inspect|config\w*)\b.*?\b(?:network {_REFERENCE}|(?P<image>(?!the |my |a |docker )[a-z0-9][\w.-]*) network)\b",
        "docker network inspect {name}",
    ),
    (
        rf"\b(?:details|where|inspect|driver|mount ?point|stored)\b.*?\b(?:volume {_REFERENCE}|(?P<image>(?!the |my |a |docker )[a-z0-9][\w.-]*) volume)\b",
        "docker volume inspect {name}",
    ),
    (
        r"\bversion\b(?<=docker version)|\bversion\b.*\b(?:docker|engine|daemon)\b|\b(?:docker|engine|daemon)\b.*\bversion\b",
        "docker version",
    ),
    (
        (
            r"\bdocker(?:'s)?(?: daemon| engine| service| server| host)* (?:still |really |even )?(?:up|running|alive|reachable|working|active|installed|started)\b"
            r"|\b(?:daemon|engine)(?: still)? (?:up|running|alive|reachable|working|active|started)\b|\b(?:system|system-wide|engine|daemon|docker) info\w*"
            r"|\b(?:storage|log(?:ging)?|cgroup) driver\b|\b(?:data root|root directory)\b|\bhow many (?:cpus|cores)\b"
        ),
        "docker info",
    ),
    (
        r"\b(?:memory|ram|cpu|processor|resources?)\b.*\bcontainers?\b|\bcontainers?\b.*\b(?:memory|ram|cpu|processor|resources|stats|statistics)\b",
        "docker stats --no-stream",
    ),
    (
        r"\b(?:disk|disc|storage|space)\b.*\b(?:docker|containers|images|volumes)\b|\b(?:docker|containers|images|volumes)\b.*\b(?:disk|disc|storage|space)\b",
        "docker system df",
    ),
    (
        r"\bevents?\b|\bwhat (?:has |have )?(?:happened|been happening|went on)\b",
        "docker events --since {age} --until 0s",
    ),
    (
        r"\b(?:dangling|untagged)\b.*\bimages?\b|\bimages?\b.*\b(?:dangling|untagged)\b",
        "docker images --filter dangling=true",
    ),
    (r"\b(?:dangling|unused|orphaned)\b.*\bvolumes?\b", "docker volume ls --filter dangling=true"),
    (r"\b(?:last|latest|newest|most recent(?:ly)?(?: \w+)?)(?: \w+)? container\b", "docker ps -l"),
    (
        r"\b(?:last|latest|newest|most recent) \d+ containers\b|\b\d+ (?:last|latest|newest|most recent) containers\b",
        "docker ps -n {n}",
    ),
    (
        r"\bcontainers?\b.*\b(?:even|including|also|as well|too|whether|both)\b|\b(?:also|even|including|both)\b.*\bcontainers?\b",
        "docker ps -a",
    ),
    (
        r"\b(?:stopped|exited|dead|paused|finished|crashed|restarting|unhealthy)\b.*\bcontainers?\b|\bcontainers?\b.*\b(?:stopped|exited|dead|paused|finished|crashed|restarting|unhealthy)\b",
        "docker ps -a --filter {state}",
    ),
    (r"\b(?:running|active|live)\b.*\bcontainers?\b|\bcontainers?\b.*\b(?:running|run|up|active|alive)\b", "docker ps"),
    (r"\bimages?\b", "docker images"),
    (r"\bnetworks\b", "docker network ls"),
    (r"\bvolumes\b", "docker volume ls"),
    (r"\bcontainers?\b", "docker ps -a"),
    (r"\b(?:what|anything|something)(?: is|'s|s)? (?:still |currently )?(?:running|up)\b", "docker ps"),
)
# "Are my images useless?" is no list, "are there any here?" is.
_YES_OR_NO = re.compile(
    r"(?:(?:so|and|ok|hey) )?(?:is|are|was|were|did|does|has)\b(?! (?:there|any|anything|something|(?:the |my )?docker\b))"
)
_STATES = {
    "stopped": "status=exited", "exited": "status=exited", "finished": "status=exited", "crashed": "status=exited",
    "dead": "status=dead", "paused": "status=paused", "restarting": "status=restarting", "unhealthy": "health=unhealthy",
}  # fmt: skip
# "Show me all my stopped containers", and not "show me the flags of containers".
_LISTED = re.compile(
    r"^(?:\w+(?: you)? )?(?:\w+ )?(?:show|list|give|print|display|see|get|check|tell|look|view|output|fetch|find|count)\b"
    r"(?: (?:me|us|at|up|of|all|every|each|any|the|my|our|docker|docker's|local|current|currently|existing|single|which|what|how|many"
    r"|are|is|even|stopped|exited|running|dead|paused|active|live|dangling|unused|untagged|crashed|finished|names|ids|list|sizes|last"
    r"|latest|newest|most|recent|system|disk|disc|storage|\d+))*"
    r" (?:containers?|images?|networks|volumes|stats|events?|version|info\w*|usage|space)\b"
)
_AGE = re.compile(r"\b(\d{1,4}) ?(s|sec|second|m|min|minute|h|hr|hour)s?\b", re.IGNORECASE)
_NUMBER = re.compile(r"\b(\d{1,6})\b(?! ?(?:s|m|h|minutes?|mins?|hours?|seconds?)\b)")

_ASKS_TO = (
    r"(?:please|pls|go (?:on|ahead)(?: and)?|(?:can|could|would|will) you(?: please)?|i want you to|now|then|and|just)"
)
_BEFORE = rf"(?:(?:{_ASKS_TO}|ok|okay|hey|hi|so)[ ,:]+)*+"
_RUN = re.compile(
    rf"(?:^{_BEFORE}|[.!?\n]\s{_BEFORE}|\b(?:please|go (?:on|ahead) and) )(?:run|execute|do|try|issue)(?: this| the command)?:? "
    r"[`'\"]*(?P<line>docker (?:(?![.!?] [A-Z])[^`\n])+)",
    re.IGNORECASE,
)
_AFTER_LINE = re.compile(
    r"(?: for me| please| pls| now| right now| on my \w+| here| thanks?| thank you| and (?:show|tell|give|explain|say)\b.*)$",
    re.IGNORECASE,
)

_VERBS = {
    "delete": "rm", "remove": "rm", "erase": "rm", "wipe": "rm", "destroy": "rm", "get rid of": "rm", "rm": "rm",
    "throw away": "rm", "uninstall": "rm", "nuke": "rm", "stop": "stop", "shut down": "stop", "halt": "stop", "kill": "kill",
    "terminate": "kill", "restart": "restart", "reboot": "restart", "start": "start", "pause": "pause", "freeze": "pause",
    "unpause": "unpause", "rename": "rename", "prune": "prune", "clean up": "prune", "clean": "prune", "free up": "prune",
    "pull": "pull", "download": "pull", "push": "push", "upload": "push", "publish": "push", "build": "build", "create": "create",
    "make": "create", "run": "run", "launch": "run", "spin up": "run", "deploy": "run", "commit": "commit", "save": "commit",
    "tag": "tag", "retag": "tag", "copy": "cp", "update": "update", "limit": "update", "connect": "network connect",
    "disconnect": "network disconnect", "attach": "attach", "exec": "exec", "execute": "exec", "log in": "login", "export": "export",
}  # fmt: skip
_OBJECTS = {
    "rm": {"image": "rmi", "volume": "volume rm", "network": "network rm"},
    "create": {"image": "build", "volume": "volume create", "network": "network create"},
    "prune": {
        "container": "container prune",
        "image": "image prune",
        "volume": "volume prune",
        "network": "network prune",
    },
}
_CHANGE = re.compile(
    rf"^{_BEFORE}(?P<verb>{'|'.join(sorted(_VERBS, key=len, reverse=True))})\b(?P<rest>.*)$",
    re.IGNORECASE,
)
_OBJECT = re.compile(r"\b(container|image|volume|network|everything|docker|registry)s?\b", re.IGNORECASE)
_THESE = re.compile(
    r"^\W*(?:(?:off|down|up|of)\W+)?(?:all|every|everything|each|my|our|the|these|those|this|that|it|them|an? \w+ (?:named|called))\b",
    re.IGNORECASE,
)


def read_request(question: str, names: Collection[str] | None = None) -> Look | Change | None:
    """What a person wants of this machine; None for a question about Docker, or about anything else.

    `names` are the containers that there are, if that is known: a word of the question may be one of them.
    """
    if len(question) > MAX_REQUEST:
        return None
    text = " ".join(re.sub(r"[\u2018\u2019]", "'", question).split())
    line = _named_line(text)
    if line is not None:
        return Look(line)
    inner = re.search(r"\$\((docker [^)]+)\)", text)
    if inner is not None and _SHOW.search(text.lower()) and not _ABOUT_DOCKER.search(text.lower()):
        return Look(inner[1])  # hidden in a request to look: it is refused, or run, by its own name
    for sentence in re.split(r"[.!?\n]+\s+|\n|[.!?]+$|;", question):
        change = _change(" ".join(sentence.split()), names)
        if change is not None:
            return change
    if len(text) > MAX_QUESTION or _ABOUT_DOCKER.search(text.lower()):
        return None
    for sentence in re.split(r"[.!?]+(?: |$)", text):
        if not _SHOW.search(sentence.lower()) and not _ASKS.search(sentence.lower()):
            return None  # a story, or an error message with a question behind it
        look = _look(sentence, names)
        if look is not None:
            return look
    return None


def may_be_a_look(question: str) -> bool:
    """Whether a question that no pattern knows may be about this machine, for a model to decide."""
    low = " ".join(question.lower().split())
    if len(low) > MAX_QUESTION or _ABOUT_DOCKER.search(low) or not (_SHOW.search(low) or _ASKS.search(low)):
        return False
    return _HERE.search(low) is not None or re.search(r"\b(?:container|image|volume|network|docker)\b", low) is not None


def _named_line(text: str) -> str | None:
    """The docker command that is to be run, in so many words; a command alone is one if it only reads."""
    asked = _RUN.search(text)
    if asked is not None:
        before = re.split(r"[.!?] ", text[: asked.start("line")])[-1]
        if not _ABOUT_DOCKER.search(before.lower()):
            return _without_tail(asked["line"])
    if text.startswith("docker "):
        line = _without_tail(text)
        return None if _is_refused(line) else line  # what somebody typed into a search box
    return None


def _is_refused(line: str) -> bool:
    try:
        plan_line(line)
    except DockerRefused:
        return True
    return False


def _without_tail(line: str) -> str:
    """A command without what a sentence has behind it ("... for me, please")."""
    while True:
        shorter = _AFTER_LINE.sub("", line.strip(" ,.!?`'\""))
        if shorter == line:
            return line
        line = shorter


def _change(sentence: str, names: Collection[str] | None) -> Change | None:
    asked = _CHANGE.match(sentence)
    if asked is None:
        return None
    rest = asked["rest"]
    thing = _OBJECT.search(rest)
    words = set(re.findall(r"[\w.-]+", rest))
    if thing is None and not words & set(names or ()):
        return None
    command = _VERBS[asked["verb"].lower()]
    kind = thing[1].lower() if thing else "container"
    if kind == "docker" and command not in {"rm", "prune", "stop"}:
        return None  # "please start with the Docker basics"
    if command == "rm" and kind in {"everything", "docker"}:
        command = "system prune"
    command = _OBJECTS.get(command, {}).get(kind, "system prune" if command == "prune" else command)
    is_all = command == "system prune" and kind == "docker"
    if not is_all and not _THESE.match(rest) and not words & set(names or ()):
        return None  # "can you push images", "remove a container": how is it done
    is_plain = order.BEFORE.search(sentence[: asked.start("verb")]) or order.AFTER.search(rest)
    return Change(command, is_plain is not None)


def _look(text: str, names: Collection[str] | None) -> Look | None:
    low = text.lower()
    is_shown = _SHOW.search(low) is not None
    for aspect in _ASPECTS:
        named = aspect.named(text, names)
        if named is not None:
            return Look(_filled(aspect.command, named[0], low), named[:1], is_certain=named[1])
    # A list is shown to who asks for it by name ("list all containers"), for here or for now.
    is_listed = (_HERE.search(low) and not _YES_OR_NO.match(low)) or (
        _LISTED.match(low) if is_shown else _STATE_NOW.search(low)
    )
    for words, command in _LISTS:
        match = re.search(words, low)
        if match is None or ("{name}" not in command and (not is_listed or low.startswith("why"))):
            continue
        groups = match.groupdict()
        name = groups.get("name") or groups.get("image") or ""
        if "{name}" not in command or _may_be_a_name(name):
            return Look(_filled(command, name, low))
    return None


def _may_be_a_name(word: str, *, is_certain: bool = False) -> bool:
    """Whether a word may name a container, an image and so on: no ordinary word, and in doubt no gerund."""
    low = word.lower()
    is_gerund = low.isalpha() and low.endswith("ing") and not is_certain
    return bool(word) and low not in _NO_NAMES and not low.isdigit() and not is_gerund


def _filled(command: str, name: str, low: str) -> str:
    number = _NUMBER.search(low)
    age = _AGE.search(low)
    tail = min(int(number[1]), MAX_TAIL) if number else DEFAULT_TAIL
    state = next((value for word, value in _STATES.items() if re.search(rf"\b{word}\b", low)), "")
    return command.format(name=name, n=tail, age=f"{age[1]}{age[2][0]}" if age else "10m", state=state)
