#!/bin/sh
# Install packages with the versions and hashes of the lock, and copy the files that are new to
# /layers/NAME: install_layer.sh NAME OPTION... (options and packages of `uv pip install`).
set -eu
name=$1
shift
list() { find /opt/imagemesh ! -type d | LC_ALL=C sort; }
list > /tmp/before
uv pip install --no-sources --constraint requirements.lock --build-constraint requirements.lock "$@"
mkdir -p "/layers/$name"
list | LC_ALL=C comm -13 /tmp/before - \
  | tar --create --files-from - | tar --extract --directory "/layers/$name"
