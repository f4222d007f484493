"""The chat for other people's pages: a loader (widget.js), and the page that it opens in a frame (embed.*)."""
