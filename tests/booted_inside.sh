# What tests/booted.sh runs inside, where systemd is process 1.
pypisync=/opt/pypisync/bin/pypisync
configuration=/etc/pypisync/pypisync.json5
show() { systemctl show -P "$1" pypisync; }
within() { # SECONDS COMMAND...: wait until the command succeeds
    tries=$1
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "never: $*" >&2; journalctl -u pypisync -n 20 --no-pager >&2; exit 1; }
        sleep 1
    done
}
ready() { curl -sf localhost:8080/readyz; }
leads_again() { [ "$(show NRestarts)" = "$1" ] && ready; }
waits_for_a_sync() { show StatusText | grep -q 'next sync'; }
as() { (cd / && setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"); }

mkdir -p /etc/pypisync
cat >"$configuration" <<'END'
{
  endpoint: "http://127.0.0.1:8099",
  destination_folder: "/var/lib/pypisync/data",
  listen: "127.0.0.1:8080",
  packages_re: { "p.*": ["latest"] },
  environment: { python_version: ["3.11"], extra: [] },
}
END
sound=$(mktemp)
cp "$configuration" "$sound"
systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload
systemd-analyze verify --man=no pypisync.service pypisync-sync.service pypisync-sync.timer

echo "It starts, is no root, and publishes."
systemctl enable -q --now pypisync
within 60 ready
[ "$(stat -c %U /var/lib/pypisync/data)" = pypisync ]
grep -q '^CapEff:[[:space:]]*0*$' "/proc/$(show MainPID)/status"
within 30 waits_for_a_sync

echo "It reloads, and syncs when it is told to."
systemctl reload pypisync
$pypisync sync --now --wait

echo "Killed it comes back; frozen as well, by the watchdog."
kill -KILL "$(show MainPID)"
within 60 leads_again 1
mkdir -p /etc/systemd/system/pypisync.service.d
printf '[Service]\nWatchdogSec=10\n' >/etc/systemd/system/pypisync.service.d/soon.conf
systemctl daemon-reload && systemctl restart pypisync
within 30 ready
kill -STOP "$(show MainPID)"
within 60 leads_again 1

echo "A configuration that is wrong ends it for good, with its reason."
systemctl stop pypisync
[ "$(show Result)" = success ]
echo "{ packages: 3" >"$configuration"
if systemctl start pypisync 2>/dev/null; then exit 1; fi
[ "$(show ExecMainStatus) $(show NRestarts)" = "2 0" ]
journalctl -u pypisync -n 5 --no-pager | grep -q 'not JSON5'

echo "PostgreSQL takes it by its user, and it waits while that restarts."
as postgres createuser pypisync
as postgres createdb --owner=pypisync --encoding=UTF8 --template=template0 pypisync
echo 'PYPISYNC_DATABASE=postgresql://pypisync@/pypisync?host=/run/postgresql' >/etc/pypisync/environment
cp "$sound" "$configuration"
systemctl reset-failed pypisync
systemctl start pypisync
within 60 ready
within 30 waits_for_a_sync
systemctl restart postgresql
within 60 waits_for_a_sync
[ "$(show NRestarts)" = 0 ]

echo "The timer's unit syncs once, and the daemon stops at once."
systemctl stop pypisync
systemctl start pypisync-sync.service
[ "$(systemctl show -P Result pypisync-sync.service)" = success ]
