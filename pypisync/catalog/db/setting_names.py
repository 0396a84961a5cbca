"""The names of settings that are written by one room and read by another."""

CONFIGURATION = "configuration"
"""The digest of the configuration that the last completed cycle used."""
BUNDLE = "bundle"
"""The bundle that was imported last; none: the mirror follows indexes by itself."""
REFUSED = "bundle refused"
"""Why the next bundle could not be imported; "" if it could."""
