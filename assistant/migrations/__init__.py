"""How the tables of the journal came to be, one step a file, run by Alembic."""
