#!/bin/sh
# Write a RUNTIME_BASE to stdout, as a tar: Python of Debian 12 and what it needs, no shell.
set -eu

# Packages are unpacked and their scripts not run; so the hooks write the list of packages, for
# scanners, and the certificates. Wheels with C++ in them need libstdc++6.
# set -C: an unpacked link to a path of this machine is not written through.
exec mmdebstrap --variant=extract --include=python3,ca-certificates,libstdc++6 \
  --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
  --extract-hook='for deb in "$1"/var/cache/apt/archives/*.deb; do
    dpkg-deb --field "$deb" && printf "Status: install ok installed\n\n"
  done > "$1/var/lib/dpkg/status"' \
  --extract-hook='set -C
    cat "$1"/usr/share/ca-certificates/mozilla/*.crt > "$1/etc/ssl/certs/ca-certificates.crt"' \
  --extract-hook='rm -r "$1/usr/share/man" "$1/usr/share/locale"
    find "$1/usr/share/doc" -type f ! -name copyright -delete' \
  bookworm -
