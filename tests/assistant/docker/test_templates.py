from __future__ import annotations

import time

import pytest

from assistant.docker.refusal import DockerRefused
from assistant.docker.templates import MAX_RANGES, MAX_TEMPLATE, check_format

ALLOWED = [
    "json",
    "table",
    "raw",
    "{{.Names}}",
    "{{ .Names }}",
    "{{- .Names -}}",
    "{{.}}",
    "{{json .}}",
    "{{json .State}}",
    "table {{.Names}}\\t{{.Status}}\\t{{.Ports}}",
    "{{.ID}}: {{.Status}}, and text",
    "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
    '{{(index (index .NetworkSettings.Ports "8080/tcp") 0).HostPort}}',
    "{{range $k, $v := .NetworkSettings.Ports}}{{$k}} {{$v}}{{end}}",
    "{{range $p, $conf := .NetworkSettings.Ports}}{{$p}} -> {{(index $conf 0).HostPort}} {{end}}",
    "{{if .State.Running}}up{{else}}down{{end}}",
    '{{if eq .State.Status "running"}}up{{else if .State.Paused}}paused{{else}}down{{end}}',
    "{{with .State.Health}}{{.Status}}{{end}}",
    '{{join .Args " "}}',
    '{{index .Config.Labels "com.example.a"}}',
    "{{len .Mounts}}",
    "{{.State.Pid | json}}",
    "{{upper .Name}} {{lower .Name}} {{title .Name}}",
    '{{and .State.Running (not .State.Paused) (ne .Name "/a") (or .A .B)}}',
    "{{range .A}}{{range .B}}{{range .C}}{{.}}{{end}}{{end}}{{end}}",
]


@pytest.mark.parametrize("template", ALLOWED)
def test_the_templates_that_people_use_are_taken(template: str) -> None:
    check_format(template)


@pytest.mark.parametrize(
    "template",
    [
        "",
        "plain text",
        "Json",
        "table ",
        "json\n",
        '{{printf "%100000d" 1}}',
        '{{print "a"}}',
        "{{println .}}",
        "{{pad .ID 900000000 900000000}}",
        "{{.ID | pad 9 9}}",
        "{{truncate .ID 9}}",
        '{{define "a"}}{{end}}',
        '{{block "a" .}}{{end}}',
        '{{template "a"}}',
        "{{call .X}}",
        "{{html .X}}",
        "{{js .X}}",
        "{{urlquery .X}}",
        "{{slice .X 1 2}}",
        "{{lt 1 2}}",
        "{{break}}",
        "{{continue}}",
        "{{rangex .A}}{{end}}",
        "{{RANGE .A}}{{end}}",
        "{{/* comment */}}",
        "{{- /* comment */ -}}",
        "{{`raw`}}",
        "{{'a'}}",
        '{{"a\\x1b]0;b"}}',
        '{{"a\\n"}}',
        '{{"' + "a" * 65 + '"}}',
        '{{"<b>"}}',
        '{{"a}}',
        "{{$x = 1}}",
        "{{99999}}",
        "{{0x10}}",
        "{{1e9}}",
        "{{-1}}",
        "{{1.5}}",
        "{{.A..B}}",
        "{{.A.1}}",
        "{{.1}}",
        "{{}}",
        "{{ }}",
        "{{- -}}",
        "{{.A",
        "{{.A}",
        ".A}}",
        "{.A}",
        "{{{.A}}}",
        "{{.A}}}}",
        "{{.A}} {{",
        "{{range .A}}",
        "{{if .A}}b",
        "{{.A}}{{end}}",
        "{{with .A}}{{end}}{{end}}",
        "{{.Namé}}",
        "{{.A}}é",
        "{{.A}}\x1b[2J",
        "{{.A}}\n",
        "{{.A\n}}\x00",
        "{{range .A}}{{range .B}}{{range .C}}{{range .D}}{{end}}{{end}}{{end}}{{end}}",
        "{{range .A}}{{end}}{{range .A}}{{end}}{{range .A}}{{end}}{{range .A}}{{end}}",
        "{{.A}}" * 51,
        "{{.A.\u0661}}",
        "{{\u0661}}",
    ],
)
def test_all_else_is_refused(template: str) -> None:
    with pytest.raises(DockerRefused) as refused:
        check_format(template)
    assert refused.value.rule == "format"


def test_a_template_may_be_as_long_as_the_limit() -> None:
    check_format("{{.A}}" + "a" * (MAX_TEMPLATE - 6))
    with pytest.raises(DockerRefused, match="1 to 300 characters"):
        check_format("{{.A}}" + "a" * (MAX_TEMPLATE - 5))


def test_ranges_are_counted_wherever_they_stand() -> None:
    nested = "{{range .}}" * (MAX_RANGES + 1) + "{{end}}" * (MAX_RANGES + 1)
    with pytest.raises(DockerRefused, match="3 ranges at most"):
        check_format(nested)
    check_format('{{if eq .A "range range range range"}}b{{end}}')  # in a string it is no range


@pytest.mark.parametrize("piece", ["{{", "}}", "{{.", '{{"', "{{range ", "{{(", "$", "- "])
def test_checking_takes_no_time_for_any_template(piece: str) -> None:
    started = time.thread_time()
    with pytest.raises(DockerRefused):
        check_format((piece * 300)[:MAX_TEMPLATE])
    assert time.thread_time() - started < 0.2
