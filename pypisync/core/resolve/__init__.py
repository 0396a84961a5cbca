"""Proofs: whether a root can be installed on a target, with which pins, or why not.

- ``index``, ``target_index``, ``candidates``: what an index offers, to one target, as integers
- ``stops``: which requirements end an installer's search
- ``subject_proofs``, ``subject_prover``, ``prover``: the verdict on a root, from all that follows
- ``builds``: whether what sdists need to be built installs, too
- ``pinned``: what uv sees of a release that a root pins
- ``subject_verdict``: what is recorded of it
- ``consensus``: the pins that every installer agrees on
- ``solver``; ``uv`` with ``pubgrub`` and ``lines``; ``pip``: searches, ours and theirs
- ``check_pins``, ``check_refutation``: check what a search claims, by other means
- ``explain``, ``export``: refutations in words, pins as files
- ``closure_pins``, ``memoized_walk``, ``self_sufficiency``: what has to be mirrored besides

Imported by ``catalog``, ``cli`` and ``cycle``. It is the slowest import of the core: import it
late.
"""
