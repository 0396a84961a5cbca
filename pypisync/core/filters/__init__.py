"""Which files of a release are kept, and which of them installers take.

- ``policy``: what the configuration bars (age, blocks, vulnerabilities, yanks), why and until when
- ``file_rules``: which other files are kept, and which targets they serve; all rules as one value
- ``file_choice``: which file an installer takes, and whose METADATA it reads

Imported by ``catalog``, ``cli``, ``config``, ``cycle``, ``resolve`` and ``wiring``. What is wanted
does not matter here: it neither imports ``wanted`` nor is imported by it.
"""
