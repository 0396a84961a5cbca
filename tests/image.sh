#!/bin/sh
# Builds the image of deploy/Containerfile and runs it by the configuration of docs/how-to/container.md,
# as root, with buildah and debootstrap out of Debian's packages: tests/image.sh FOLDER, a path
# without spaces, which is emptied. It takes some minutes and 3 GB, and is no part of the test suite.
#
# Where no registry of images can be reached, a Debian with the same Python stands for the base image
# python:3.13-slim. What this does not show: that very base image, Docker's and Podman's own builders,
# deploy/compose.yaml with its PostgreSQL, and a root file system that is read only.
set -eu
folder=${1:?the folder to work in}
cd "$(dirname "$0")/.."
rm -rf "$folder"
mkdir -p "$folder/base" "$folder/config"
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends buildah debootstrap

echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$folder/policy.json"
builder="buildah --root $folder/store --runroot $folder/run --storage-driver vfs"
build="$builder build --signature-policy $folder/policy.json --isolation chroot"
run="$builder run --isolation chroot --network host"

debootstrap --variant=minbase --include=python-is-python3,python3-venv,ca-certificates trixie "$folder/tree"
printf 'FROM scratch\nADD root.tar /\n' >"$folder/base/Containerfile"
if [ -n "${SSL_CERT_FILE:-}" ]; then # the network has an authority of its own
    cp "$SSL_CERT_FILE" "$folder/tree/authorities.pem"
    echo 'ENV PIP_CERT=/authorities.pem REQUESTS_CA_BUNDLE=/authorities.pem' >>"$folder/base/Containerfile"
fi
tar -C "$folder/tree" -cf "$folder/base/root.tar" .
$build --tag python:3.13-slim "$folder/base"

$build --network host --pull-never --format docker --ignorefile .dockerignore \
    --file deploy/Containerfile --tag pypisync .

sed -n '/^```json5$/,/^```$/{/^```/d;p}' docs/how-to/container.md >"$folder/config/pypisync.json5"
chmod -R a+rX "$folder/config"
container=$($builder from --signature-policy "$folder/policy.json" --pull-never localhost/pypisync)
test "$($run "$container" -- id -u)" = 8400
$run --volume "$folder/config:/etc/pypisync:ro" "$container" -- \
    pypisync run --config /etc/pypisync/pypisync.json5 &
daemon=$!
trap 'kill "$daemon"; wait' EXIT
tries=0
until $run "$container" -- python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz')" 2>/dev/null; do
    tries=$((tries + 1))
    test "$tries" -lt 60
    sleep 2
done
# What HEALTHCHECK asks, and what a client installs.
$run "$container" -- python -c "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8080/healthz', timeout=4)"
$run "$container" -- python -m venv /tmp/client
$run "$container" -- /tmp/client/bin/pip install --isolated --index-url http://127.0.0.1:8080/simple/ requests
echo "The image was built and serves what pip installs."
