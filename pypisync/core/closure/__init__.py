"""The selection: every release that the roots need.

- ``model``: nodes, edges, classes, and the port that facts are read through
- ``candidates``, ``edges``: which releases a specifier, a selector or a root calls for; which
  requirements can apply
- ``incremental``, with ``working_set`` and ``reachability``: the selection, kept up to date
- ``full``: the same selection, made from nothing
- ``paths``: why a release is selected

Imported by ``resolve`` and ``catalog``. It knows nothing of proofs.
"""
