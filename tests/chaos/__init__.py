"""Faults of all kinds at once, for as long as one lets it: ``python -m tests.chaos --help``.

``steps`` draws what happens from a seed, ``upheaval`` does it to the simulated upstream, ``stage``
to a mirror of real processes, ``promises`` checks what always holds, ``shrink`` finds the fewest
steps that break it.
"""
