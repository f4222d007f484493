"""The surfaces: each shows an answer, none thinks, none knows another."""
