"""Reading docker commands as the CLI reads them, without running any."""
