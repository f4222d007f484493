"""The HTTP service, `ask serve`: one Answer (docs/answer.md) for programs, a widget, other people's chat clients."""
