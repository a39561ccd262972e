#!/bin/bash
# SPDX-License-Identifier: MIT
# fetch_package.sh PACKAGE DIR: unpacks Debian's PACKAGE below DIR without installing it. A package that only depends on
# the newest version of another (linux-image-amd64) brings that one.
set -euo pipefail
package=$1 dir=$2

candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p' | grep -v '(none)'; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
if [ -z "$(candidate "$package")" ]; then
    echo "updating apt's lists: they do not know $package"
    as_root apt-get update -qq
fi
[ -n "$(candidate "$package")" ] || { echo "apt knows no package $package" >&2; exit 1; }

case $package in
linux-image-*) package=$(apt-cache depends "$package" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1) ;;
esac

rm -rf "$dir.part"
mkdir -p "$dir.part/deb"
echo "fetching Debian's $package $(candidate "$package")"
fetch() { (cd "$dir.part/deb" && apt-get download -qq -o APT::Sandbox::User=root "$package"); }
# Lists older than the archive name files that are gone by now.
fetch || { as_root apt-get update -qq && fetch; }
dpkg-deb -x "$dir.part"/deb/*.deb "$dir.part"
rm -r "$dir.part/deb"
rm -rf "$dir"
mv "$dir.part" "$dir"
