#!/usr/bin/env bash
# Proof that a fresh clone works on a bare Debian: makes one with debootstrap, clones this repository into it and runs
# `./lab failover` there twice: first with nothing installed, then with everything installed and no network.
#
#   benchmarks/bare_machine.sh [--suite bookworm] [--command './lab failover'] [--keep] [EMPTY_DIRECTORY]
#
# The bare machine has mount, PID, UTS and IPC namespaces of its own, with its own /proc, /dev, /run and /tmp; it shares
# the network of this machine, because it has to install. Where packages come from is read from this machine's
# configuration of apt, pip and npm. Needs root and debootstrap. The result goes to the terminal and, as one line, to
# benchmarks/results/bare_machine.jsonl; it exits with 0 if both runs did and nothing was left behind.
set -euo pipefail

suite=bookworm command='./lab failover' keep='' root=''
while [ $# -gt 0 ]; do
    case $1 in
        --suite) suite=$2 && shift ;;
        --command) command=$2 && shift ;;
        --keep) keep=1 ;;
        -*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
        *) root=$1 ;;
    esac
    shift
done
[ "$EUID" = 0 ] || { echo "bare_machine.sh: needs root" >&2 && exit 2; }
command -v debootstrap >/dev/null || { echo "bare_machine.sh: install debootstrap first" >&2 && exit 2; }
repo=$(cd "$(dirname "$0")/.." && pwd)
commit=$(git -C "$repo" rev-parse HEAD)
root=${root:-$(mktemp -d)} && mkdir -p "$root" && root=$(cd "$root" && pwd)
chmod 755 "$root"   # it becomes /, where every account has to get through
[ -z "$(ls -A "$root")" ] || { echo "bare_machine.sh: $root is not empty" >&2 && exit 2; }
work=$root/bare     # what belongs to this measurement, not to the bare machine
clone=/root/clone
watcher=''

at_exit() {     # the namespaces have died with their first process, and the mounts with them
    [ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true
    if [ -n "$keep" ]; then echo "kept: $root"; else rm -rf --one-file-system "$root"; fi
}
trap at_exit EXIT
trap 'exit 130' INT TERM HUP

# --- the machine ---------------------------------------------------------------------------------------------------
apt_sources() {     # "URI suite component" for this machine's own release and its updates, moved to the wanted suite
    local codename
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    # shellcheck disable=SC2016 # apt's own placeholders
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v from="$codename" -v to="$suite" '$2 ~ "^" from "(-updates|-security)?$" { sub(from, to, $2); print }'
}
make_machine() {
    local mirror file
    mirror=$(apt_sources | awk -v suite="$suite" '$2 == suite { print $1; exit }')
    unshare --mount --pid --fork --kill-child \
        debootstrap --variant=minbase --include=ca-certificates,git,systemd-sysv "$suite" "$root" "$mirror" >"$root.log" 2>&1 ||
        { tail -n 20 "$root.log" >&2 && exit 1; }
    mkdir "$work" && mv "$root.log" "$work/debootstrap.log"
    apt_sources | sed 's/^/deb /' >"$root/etc/apt/sources.list"
    apt-config dump | grep -E '^Acquire::(http|https|Check-|Retries|ForceIP)' >"$root/etc/apt/apt.conf.d/99like-outside"
    cp -rn /etc/apt/auth.conf.d /etc/apt/keyrings /etc/apt/trusted.gpg.d "$root/etc/apt/" 2>/dev/null || true
    cp -rn /usr/share/keyrings "$root/usr/share/"
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    # pip and npm: files and variables as here; certificates under one name, which no package will overwrite
    for file in /etc/pip.conf ~/.config/pip/pip.conf ~/.pip/pip.conf; do
        [ ! -e "$file" ] || install -D "$file" "$root$file"
    done
    cat "$(npm config get globalconfig 2>/dev/null || true)" ~/.npmrc >"$root/root/.npmrc" 2>/dev/null || true
    env -0 | grep -zE '^(PIP_|npm_config_|NPM_CONFIG_|(https?|no|HTTPS?|NO)_(proxy|PROXY)=)' >"$work/environment" || true
    file=${PIP_CERT:-${SSL_CERT_FILE:-${NODE_EXTRA_CA_CERTS:-}}}
    if [ -n "$file" ]; then
        cp -L "$file" "$root/etc/ssl/outside.pem"
        printf '%s=/etc/ssl/outside.pem\0' PIP_CERT SSL_CERT_FILE NODE_EXTRA_CA_CERTS npm_config_cafile >>"$work/environment"
    fi
    git clone -q "file://$repo" "$root$clone"
}

# --- inside: runs in the namespaces, as their first process ---------------------------------------------------------
enter() {
    local name
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    for name in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$root/$name"; done
    chmod 1777 "$root/tmp"
    mkdir -p "$root/run/lock" "$root/dev/pts" "$root/dev/shm" "$root/dev/net"
    mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    for name in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0" "net/tun 10 200"; do
        # shellcheck disable=SC2086 # name, major, minor
        set -- $name && mknod -m 666 "$root/dev/$1" c "$2" "$3"
    done
    ln -s pts/ptmx "$root/dev/ptmx"
    for name in fd:fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do ln -s "/proc/self/${name#*:}" "$root/dev/${name%:*}"; done
    # folders on this machine that pip is told to look into; an index has its files beside it
    for name in $(pip config list 2>/dev/null | grep -oE "(file://)?/[^' ]+" | sed -E 's#^file://(.*)/[^/]+/?$#\1#'); do
        [ ! -d "$name" ] || { mkdir -p "$root$name" && mount --bind -o ro "$name" "$root$name"; }
    done
    hostname bare
    mkdir "$root/run/outside"
    cd "$root"
    pivot_root . run/outside
    umount -l /run/outside
    rmdir /run/outside
    cd /
}
# Everything that could be left behind, one per line, outside the clone.
snapshot() {
    local process
    find / /run /tmp /dev/shm -xdev \( -path "$clone" -o -path /bare \) -prune -o \
        \( -type d -printf 'file\t%p\n' -o -printf 'file\t%p\t%s %T@ %l\n' \)
    for process in /proc/[0-9]*; do
        [ "$process" = "/proc/$$" ] || printf 'process\t%s\n' "$(tr '\0' ' ' <"$process/cmdline")"
    done 2>/dev/null
    find /run/netns -mindepth 1 -printf 'netns\t%f\n' 2>/dev/null || true
    sed -nE 's/^ *([^ ]+):.*/link\t\1/p' /proc/net/dev
    sed 's/^/account\t/; s/:.*//' /etc/passwd
}
# A daemon of the machine itself shares its mounts; the devices of a bench have their own.
watch_daemons() {
    local own process name
    own=$(readlink /proc/self/ns/mnt)
    while sleep 0.5; do
        for process in /proc/[0-9]*; do
            read -r name <"$process/comm" || continue
            case $name in
                sshd | snmpd | zebra | mgmtd | staticd | watchfrr | ser2net | dnsmasq | cron | dbus-daemon | systemd*)
                    [ "$(readlink "$process/ns/mnt")" != "$own" ] || echo "$name" ;;
            esac
        done
    done 2>/dev/null
}
measure() {     # measure NAME PREFIX…: one run, its seconds, its exit code, what it left
    local began=${EPOCHREALTIME/./} code=0 watcher environment
    mapfile -d '' environment </bare/environment
    watch_daemons >>/bare/daemons &
    watcher=$!
    (cd "$clone" && exec env -i HOME=/root LANG=C.UTF-8 TERM=dumb PATH="$PATH" "${environment[@]}" "${@:2}" bash -c "$command") \
        </dev/null >"/bare/$1.log" 2>&1 || code=$?
    echo "$(((${EPOCHREALTIME/./} - began) / 100000)) $code" >"/bare/$1.result"
    kill $watcher
    sleep 1     # for what is dying already
    snapshot >"/bare/$1.unsorted"
    sort -u "/bare/$1.unsorted" >"/bare/$1.snapshot"
}
# Of what the first run added: all that no package has in its list or makes when it is configured.
not_from_packages() {
    local generated='/etc/(passwd|group|g?shadow|sub[ug]id)-?|/etc/(alternatives|rc[0-9S]\.d|runit|python3|ssl/certs)(/.*)?
        |/etc/(ld\.so\.cache|networks|hosts\.(allow|deny)|inputrc|ssh/ssh_host_.*|ssh/sshd_config|\.pwd\.lock|pam\.d/common-.*)
        |/etc/systemd/(user|system)/([^/]*|[^/]*\.(service|socket)\.wants/.*)|/run/(adduser|dnsmasq|frr|runit(/.*)?|lock)
        |/var/lib/(dpkg|apt|systemd|pam|ucf|dbus|python|snmp|frr|wtmpdb)(/.*)?|/var/cache/(apt|debconf|ldconfig|man)(/.*)?
        |/var/log/(apt/.*|dpkg\.log|alternatives\.log|journal)|/usr/(lib|share)/.*/__pycache__(/.*)?|/usr/local/lib/python3.*'
    cat /var/lib/dpkg/info/*.list /var/lib/dpkg/info/*.conffiles | sed -E 's#^/(bin|sbin|lib|lib64)/#/usr/\1/#' |
        awk -F '\t' -v generated="^($(tr -d ' \n' <<<"$generated"))\$" '
            NR == FNR { listed[$0] = 1; next }
            $1 != "file" || !($2 in listed || $2 ~ generated)' - <(comm -13 /bare/before.snapshot /bare/first.snapshot) |
        while IFS=$'\t' read -r kind name _; do
            [ "$kind" != account ] || ! grep -qswF -- "$name" /var/lib/dpkg/info/*.postinst /usr/lib/sysusers.d/*.conf || continue
            echo "$kind $name"
        done
}
inside() {
    enter
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    hash -r
    : >/bare/daemons
    snapshot >/bare/before.unsorted
    sort -u /bare/before.unsorted >/bare/before.snapshot
    measure first
    # shellcheck disable=SC2016 # for the inner shell
    measure second unshare --net sh -c 'ip link set lo up; exec "$@"' -
    not_from_packages >/bare/left_first
    comm -3 /bare/first.snapshot /bare/second.snapshot | sed 's/^\t//' | cut -f 1,2 | sort -u >/bare/left_second
    sort /bare/daemons | uniq -c >/bare/daemons_seen
    comm -13 /bare/before.snapshot /bare/first.snapshot | sed -n 's/^account\t//p' >/bare/accounts_of_packages
}

# --- from outside --------------------------------------------------------------------------------------------------
began=$SECONDS
make_machine
echo "bare $suite made in $((SECONDS - began)) s, $(find "$root/var/lib/dpkg/info" -name '*.list' | wc -l) packages; $command:"
touch "$work/first.log" "$work/second.log"
tail -q -n +1 -f "$work/first.log" "$work/second.log" &
watcher=$!
export root clone command
export -f enter snapshot watch_daemons measure not_from_packages inside
unshare --mount --pid --fork --uts --ipc --propagation private --kill-child bash -c 'set -euo pipefail; inside' &
wait $!
sleep 0.2
kill $watcher && watcher=''
python3 - "$work" "$suite" "$commit" "$command" "$repo/benchmarks/results/bare_machine.jsonl" <<'PYTHON'
import json
import os
import sys
import time
from pathlib import Path

work, suite, commit, command, results = Path(sys.argv[1]), *sys.argv[2:]


def lines(name: str) -> list[str]:
    return [" ".join(line.split()) for line in (work / name).read_text().splitlines()]


result: dict[str, object] = {
    "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    "commit": commit,
    "suite": suite,
    "command": command,
    "cores": os.cpu_count(),
}
for run in ("first", "second"):
    tenths, code = lines(f"{run}.result")[0].split()
    result[f"seconds_{run}"] = int(tenths) / 10
    result[f"exit_{run}"] = int(code)
    left = lines(f"left_{run}")
    result[f"leftovers_{run}"] = left[:20] + ([f"and {len(left) - 20} more"] if len(left) > 20 else [])
result["daemons_started"] = lines("daemons_seen")
print()
for key, value in result.items():
    print(f"{key}: {', '.join(value) or 'none' if isinstance(value, list) else value}")
print(f"accounts_of_packages: {', '.join(lines('accounts_of_packages')) or 'none'}")
Path(results).parent.mkdir(exist_ok=True)
with Path(results).open("a") as out:
    out.write(json.dumps(result) + "\n")
bad = ("exit_first", "exit_second", "leftovers_first", "leftovers_second", "daemons_started")
sys.exit(1 if any(result[key] for key in bad) else 0)
PYTHON
