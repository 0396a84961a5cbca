#!/bin/sh
# Boots a Debian in a container and runs the systemd unit there, as root, with debootstrap and
# systemd-nspawn out of Debian's packages: tests/booted.sh FOLDER, which is emptied. It takes some
# five minutes and 1 GB, and is no part of the test suite. The virtual environment of the project
# must be there; the simulator is the upstream, and nothing but packages comes from the network.
set -eu
folder=${1:?the folder to work in}
cd "$(dirname "$0")/.."
[ ! -e /opt/pypisync ] || { echo "/opt/pypisync is there, and would be replaced." >&2 && exit 1; }
rm -rf "$folder"
mkdir -p "$folder"
root="$folder/root"
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    debootstrap systemd-container python3-venv
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
debootstrap --variant=minbase \
    --include=systemd,systemd-sysv,dbus,procps,python3,python3-venv,curl,postgresql \
    "$suite" "$root" "$mirror" >"$folder/debootstrap.log"

# Made here, where pip reaches its index, by the same Python as the container's.
/usr/bin/python3 -m venv /opt/pypisync
/opt/pypisync/bin/pip install -q '.[postgres]'
mv /opt/pypisync "$root/opt/pypisync"
chroot "$root" /opt/pypisync/bin/pypisync install-units >/dev/null

mkfifo "$folder/input" # the simulator serves as long as it is open
exec 3<>"$folder/input"
.venv/bin/python -m tests.sim.server --world tests.bench.worlds:small:60 --port 8099 \
    <"$folder/input" >"$folder/upstream.log" 2>&1 &
upstream=$!
systemd-nspawn --register=no --keep-unit --directory "$root" --boot --console=pipe \
    >"$folder/console.log" 2>&1 &
machine=$!
trap 'kill "$upstream" "$machine" 2>/dev/null || true; wait' EXIT
leader=
until [ -n "$leader" ]; do
    sleep 1
    leader=$(pgrep -P "$machine" || true)
done
inside() {
    nsenter -t "$leader" -m -u -i -p -C env -i PATH=/usr/sbin:/usr/bin "$@"
}
until inside systemctl is-system-running --wait >/dev/null 2>&1; do
    sleep 1
done
inside bash -eu -s <tests/booted_inside.sh
echo "The unit starts, reloads, comes back and stops as it should."
