#!/bin/sh
# Measures a bundle on an Android phone: pushes nestling-device and the bundle by adb, runs `profile` there, and fetches
# the profile. Nothing stays on the phone.
set -eu

usage() {
    cat <<'TEXT'
Usage: profile-on-android.sh PROGRAM BUNDLE PROFILE [OPTION...]

  PROGRAM  nestling-device, built for the phone (docs/cross.md)
  BUNDLE   the bundle to measure
  PROFILE  where to write the phone's profile here
  OPTION   handed on to `nestling-device profile`, such as --seconds 20

ADB names another adb; ANDROID_SERIAL chooses one of several phones.

Example:
  profile-on-android.sh target/aarch64-linux-android/release/nestling-device fashion.nestling pixel.profile.json
TEXT
}

fail() {
    echo "error: $1" >&2
    exit 1
}

case "${1:-}" in
    -h | --help) usage; exit 0 ;;
esac
[ $# -ge 3 ] || { usage >&2; exit 2; }
program=$1 bundle=$2 profile=$3
shift 3
adb=${ADB:-adb}

[ -f "$program" ] || fail "no program at $program: build nestling-device for the phone first (docs/cross.md)"
[ -f "$bundle" ] || fail "no bundle at $bundle"
# Before minutes on the phone: the profile needs a place here.
[ -d "$(dirname "$profile")" ] || fail "no folder $(dirname "$profile") for the profile"
command -v "$adb" >/dev/null 2>&1 || fail "no $adb: install Android's platform tools, or name it in ADB"
state=$("$adb" get-state 2>/dev/null) || fail "no phone answers: connect one, allow USB debugging, and see \`$adb devices\`"
[ "$state" = device ] || fail "the phone is $state: unlock it and allow USB debugging"

folder=/data/local/tmp/nestling-$$
clean_up() {
    "$adb" shell rm -rf "$folder" >/dev/null 2>&1 || true
    rm -f "$profile.part"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

"$adb" shell mkdir -p "$folder" || fail "cannot make $folder on the phone"
"$adb" push "$program" "$folder/nestling-device" >/dev/null || fail "cannot push $program"
"$adb" push "$bundle" "$folder/bundle.nestling" >/dev/null || fail "cannot push $bundle"
"$adb" shell chmod 755 "$folder/nestling-device"
# An option with a space would be split by the phone's shell.
for option in "$@"; do
    case $option in
        *[!A-Za-z0-9_.,=:/+-]*) fail "option \`$option\` has characters that a phone's shell would change" ;;
    esac
done
"$adb" shell "cd $folder && ./nestling-device profile bundle.nestling --out profile.json $*" ||
    fail "nestling-device failed on the phone"
"$adb" pull "$folder/profile.json" "$profile.part" >/dev/null || fail "cannot fetch the profile"
mv "$profile.part" "$profile"
echo "wrote $profile"
