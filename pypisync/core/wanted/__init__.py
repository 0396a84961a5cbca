"""What the operator wants, read and checked.

- ``selector``: version selectors and root names
- ``roots``: roots from names and patterns
- ``groups``: what one file asks for together, and what is proven as a whole
- ``requirements_txt``, ``lock_files``: the formats of those files, as text

Imported by ``closure``, ``resolve``, ``catalog``, ``cli``, ``config``, ``cycle`` and ``upstream``.
Files are opened elsewhere (``config.requirement_files``).
"""
