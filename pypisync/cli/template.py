"""The configuration that ``init`` writes."""

TEMPLATE = """\
// What PypiSync mirrors. JSON5: comments, single quotes and trailing commas are fine.
// "pypisync check" says what this file means; "pypisync check --schema" lists all keys.
{
  // The folder of the mirror, relative to the folder of this file.
  destination_folder: "data",
  // The database beside it, and not in the folder that a web server serves.
  database: "sqlite:///pypisync.sqlite",

  // The environments to serve. A variable that is left out (or null) may take any value:
  // its markers then hold whenever some value makes them hold, and the mirror grows.
  environment: {
    python_version: ["3.11", "3.12", "3.13"],
    implementation_name: ["cpython"],
    sys_platform: ["linux"],
    platform_machine: ["x86_64"],
    extra: [], // no extras, except those that a requirement or a root names
  },

  // The projects to mirror; everything they depend on comes along.
  //   "latest" or "3 latest"    the newest, or the newest three, for each Python
  //   ">=2.31"                  every release that matches
  //   "2 latest<3"              the newest two that match
  //   "1.2"                     exactly this release
  packages: {
    requests: ["latest"],
    // "celery[redis]": ["latest", "latest<5"],
  },

  // The same for every project whose whole name matches a regular expression.
  packages_re: {
    // "flask-.*": ["latest"],
  },

  // pip, setuptools and the other usual build backends, so that projects of your own can be
  // built and installed with nothing but the mirror.
  toolchain: true,

  // Wheels: "all", or only those that the "targets" above can install.
  wheels: "targets",
  // Source distributions: "always", "fallback" (where a target finds no wheel), "never".
  sdists: "fallback",
}
"""
