#!/bin/sh
# Fetches the programs that tests run besides those from PyPI, from the Debian packages of the machine.
# A package that cannot be had is named and passed over: the tests that need it are skipped and say so.
set -u
cd "$(dirname "$0")/.." || exit

# Packages without a service are installed. (That of rsync waits for a file that nobody writes.)
install() {
    $(command -v sudo) env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "$@"
}
# All in one go; where one of them cannot be had, one after the other.
set -- chromium chromium-driver curl faketime openssl rsync sqlite3 wrk
install "$@" 2>/dev/null || for package in "$@"; do
    install "$package" || echo "There is no package $package here."
done

# Installed, a web server would run at once and at every start of the machine. So these packages are
# only unpacked, into the virtual environment, and nothing outside of it changes.
programs="$PWD/.venv/programs"
mkdir -p "$programs"
for package in nginx caddy prometheus; do
    if [ -x "$programs/usr/sbin/$package" ] || [ -x "$programs/usr/bin/$package" ]; then
        continue
    fi
    folder=$(mktemp -d)
    (
        cd "$folder" && apt-get -o APT::Sandbox::User=root download -qq "$package" &&
            dpkg-deb -x ./*.deb "$programs"
    ) ||
        echo "There is no package $package here."
    rm -r "$folder"
done

# What tests the accessibility of pages runs in the browser and needs nothing else of its package.
if [ ! -e "$programs/axe.min.js" ]; then
    folder=$(mktemp -d)
    (
        cd "$folder" && npm pack --silent axe-core@4.14.1 >/dev/null &&
            tar -xzf axe-core-*.tgz package/axe.min.js && mv package/axe.min.js "$programs"
    ) ||
        echo "axe-core cannot be had here: there is no npm, or npm cannot fetch it."
    rm -r "$folder"
fi
