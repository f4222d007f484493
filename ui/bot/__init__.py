"""The forum bot: reads what a forum sends, decides what is for it, and replies in the thread, with citations."""
