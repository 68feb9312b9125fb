#!/usr/bin/env bash
# What tests and benchmarks need beside Python: speech synthesisers that play the human, and a
# sound card without hardware. Installs what is missing when root, otherwise names it.
set -euo pipefail
packages=(espeak-ng libespeak-ng1 flite libflite1 libportaudio2 pulseaudio pulseaudio-utils
          libasound2-plugins)

if ! command -v dpkg-query >/dev/null; then
    echo "Not a Debian-like system: make sure espeak-ng, flite, PortAudio and PulseAudio are there." >&2
    exit 0
fi
missing=()
for package in "${packages[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
    echo "Installing ${missing[*]} ..."
    apt-get update -qq || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >/dev/null && exit 0
    echo "apt-get could not install: ${missing[*]}. Tests that need them will fail." >&2
else
    echo "Missing Debian packages: ${missing[*]}" >&2
    echo "Run: sudo apt-get install ${missing[*]}. Tests that need them will fail or be skipped." >&2
fi
