"""The environments that the mirror serves, as masks and as concrete machines."""
