"""The chat page: what `ui/streamlit_app.py` draws, and the server that brings it to a browser."""
