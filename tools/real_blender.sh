#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A genuine Blender 4.3.2 (Debian trixie's) in a chroot, headless or with a window on a virtual screen.
# For tests on Debian-like Linux, as root. Leaves the machine's own packages and apt settings as they are,
# but for debootstrap, which it installs if need be.
#
#   real_blender.sh setup ROOT            install into ROOT (1.4 GB); does nothing the second time
#   real_blender.sh run ROOT [OPTION]... -- PROGRAM ARGS...
#     --screen 1920x1080x24   a virtual screen with a window manager, drawn in software
#     --display-file FILE     the screen's name goes to FILE, for tools outside (they share /tmp)
#     --home DIR              HOME inside; without it a fresh one that goes away
#     --time SECONDS          then everything is killed and the status is 124
#
# Inside, every folder of the machine is where it is outside, but for the system's own (/usr, /etc, /var, ...).
# The mounts live in a namespace of their own and vanish with the process, even when it is killed.
set -euo pipefail
suite=trixie
packages=(blender ca-certificates
    # Blender's own scripts import these, Debian's package does not ask for them
    python3-numpy python3-requests python3-zstandard python3-cattr
    # a window without a graphics card, and tools to drive it and look at it
    xvfb xauth libgl1-mesa-dri libglx-mesa0 libegl-mesa0 libegl1 libgl1 openbox xdotool imagemagick x11-utils)
self=$(readlink -f "$0")

fail() { echo "real_blender: $1" >&2; exit "${2:-1}"; }

apt_mirror() {  # the Debian archive that this machine itself uses
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
        awk '$1 == "URIs:" || $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^https?:.*\/debian\/?$/) { print $i; exit } }'
}

bootstrap() {
    local root=$1 mirror
    mirror=$(apt_mirror || true)
    [ -n "$mirror" ] || fail "no Debian archive in /etc/apt: this needs Debian"
    if ! command -v debootstrap >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
    fi
    rm -rf --one-file-system "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror" >"$root.log" 2>&1 ||
        { tail -n 20 "$root.log" >&2; fail "debootstrap failed, see above"; }
    find /etc/apt/apt.conf.d -name '99*' -exec cp {} "$root/etc/apt/apt.conf.d/" \;  # proxy, certificates
    printf '%s\n' 'APT::Install-Recommends "false";' 'Acquire::Languages "none";' 'Acquire::Retries "3";' \
        >"$root/etc/apt/apt.conf.d/98maquette"
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/maquette"
    printf 'path-exclude=/usr/share/%s/*\n' man doc locale >>"$root/etc/dpkg/dpkg.cfg.d/maquette"
    printf 'path-include=/usr/share/locale/%s\n' languages 'de/*' >>"$root/etc/dpkg/dpkg.cfg.d/maquette"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"  # starts no services inside
    chmod +x "$root/usr/sbin/policy-rc.d"
    touch "$root/.bootstrapped"
}

setup() {
    local root=$1
    [ "$(cat "$root/.packages" 2>/dev/null)" != "${packages[*]}" ] || return 0
    [ "$(id -u)" = 0 ] || fail "needs root"
    [ -e "$root/.bootstrapped" ] || bootstrap "$root"
    cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
    unshare --mount --propagation private bash -euc '
        mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"
        chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            sh -euc "apt-get update -qq; apt-get install -y -qq \"\$@\"; apt-get clean" sh "${@:2}"
    ' bash "$root" "${packages[@]}" >>"$root.log" 2>&1 || { tail -n 30 "$root.log" >&2; fail "apt-get failed, see above"; }
    ln -sfn ../proc/self/mounts "$root/etc/mtab"
    printf '%s' "${packages[*]}" >"$root/.packages"
}

inside() {  # process 1 of the new namespaces: lays the machine's folders over the chroot and enters it
    local root=$1 screen=$2 display_file=$3 folder project
    shift 3
    for folder in /*/; do
        folder=${folder%/}
        case $folder in /usr | /etc | /var | /bin | /lib* | /sbin | /proc | /boot | /lost+found) continue ;; esac
        [ ! -L "$folder" ] || continue
        mkdir -p "$root$folder"
        mount --rbind "$folder" "$root$folder"
    done
    project=$(dirname "$(dirname "$self")")
    if [ ! -e "$root$self" ]; then  # the project is in one of the system's folders
        mkdir -p "$root$project"
        mount --rbind "$project" "$root$project"
    fi
    mount -t proc proc "$root/proc"
    cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
    mkdir -p -m 1777 /tmp/.X11-unix
    unset LD_LIBRARY_PATH LD_PRELOAD PYTHONHOME PYTHONPATH WAYLAND_DISPLAY DISPLAY
    export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C.UTF-8
    export LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe XDG_RUNTIME_DIR=$HOME/.run
    mkdir -p -m 700 "$XDG_RUNTIME_DIR"
    exec chroot "$root" /bin/bash -uc '
        cd "$1" 2>/dev/null || cd /
        screen=$2 display_file=$3; shift 3
        [ -n "$screen" ] || exec "$@"
        coproc XVFB { exec Xvfb -displayfd 1 -screen 0 "$screen" -dpi 96 -nolisten tcp -noreset -ac +extension GLX 2>"$HOME/.xvfb.log"; }
        read -r -t 120 number <&"${XVFB[0]}" || { cat "$HOME/.xvfb.log" >&2; exit 125; }
        export DISPLAY=:$number
        openbox >"$HOME/.openbox.log" 2>&1 &
        timeout 120 bash -c "until xprop -root _NET_SUPPORTING_WM_CHECK | grep -q 0x; do sleep 0.05; done" ||
            { cat "$HOME/.openbox.log" >&2; exit 125; }
        [ -z "$display_file" ] || { echo "$DISPLAY" >"$display_file.new" && mv "$display_file.new" "$display_file"; }
        status=0
        "$@" || status=$?
        rm -f "/tmp/.X$number-lock" "/tmp/.X11-unix/X$number"
        exit $status
    ' bash "$PWD" "$screen" "$display_file" "$@"
}

run() {
    local root=$1 screen='' display_file='' home='' seconds=0 own_home='' status=0
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --screen) screen=$2 ;;
            --display-file) display_file=$2 ;;
            --home) home=$2 ;;
            --time) seconds=$2 ;;
            --) shift; break ;;
            *) fail "unknown option $1" 2 ;;
        esac
        shift 2
    done
    if [ "${MAQUETTE_INSIDE:-}" = "$root" ]; then exec "$@"; fi  # called from within
    [ -x "$root/usr/bin/blender" ] || fail "no Blender in $root: run 'setup' first"
    [ -n "$home" ] || { own_home=$(mktemp -d); home=$own_home; }
    unset XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME XDG_STATE_HOME
    HOME=$home MAQUETTE_INSIDE=$root timeout --signal=KILL --foreground "$seconds" setpriv --pdeathsig KILL \
        unshare --mount --pid --fork --kill-child --propagation private \
        bash "$self" inside "$root" "$screen" "$display_file" "$@" <&0 &
    local child=$!
    trap 'kill -KILL $child; exit 143' TERM
    trap 'kill -KILL $child; exit 130' INT
    wait $child || status=$?
    [ -z "$own_home" ] || rm -rf --one-file-system "$own_home"
    return $((status == 137 && seconds > 0 ? 124 : status))
}

[ $# -ge 2 ] || { sed -n '7,15p' "$self"; exit 2; }
action=$1
root=$(readlink -m "$2")
shift 2
case $action in
    setup) setup "$root" ;;
    run) run "$root" "$@" ;;
    inside) inside "$root" "$@" ;;
    *) fail "unknown action $action" 2 ;;
esac
