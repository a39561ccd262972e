# SPDX-License-Identifier: MIT
# What ./run and ./test share, sourced by both: install what is missing, configure, build. $top is the checkout.

build=$top/build

packages_to_run=(
    g++ cmake ninja-build pkg-config python3 binutils cpio kmod lz4 zstd xz-utils
    libxen-dev libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
    libyaml-cpp-dev libcli11-dev nlohmann-json3-dev
    libseccomp-dev liburing-dev zlib1g-dev liblzma-dev liblz4-dev libzstd-dev libbz2-dev
    qemu-system-x86 grub-common grub-pc-bin xorriso mtools
)
packages_to_test=(clang clang-format libclang-rt-14-dev libgtest-dev libgmock-dev e2fsprogs ovmf grub-efi-amd64-bin
    grub-xen-host xenstore-utils bochs bochs-term bochsbios vgabios lzop patch)
packages_for_long_tests=(stress-ng)

say() { printf '\n\033[1m>>> %s\033[0m\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# install PACKAGE...: those that are missing, and says which. Does not touch apt when nothing is.
install() {
    local missing=() package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing with apt: ${missing[*]}"
    as_root apt-get update -qq || die "apt-get update failed"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Use-Pty=0 "${missing[@]}" || die "apt-get could not install ${missing[*]}"
}

# configure [CMAKE ARGS]: once; later changes of a CMakeLists.txt are the build's own business.
configure() {
    local launcher=()
    [ -z "$(type -P ccache)" ] || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_C_COMPILER_LAUNCHER=ccache)
    say "configuring $build"
    cmake -S "$top" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo "${launcher[@]}" "$@" \
        || die "cmake could not configure the build"
}

# build TARGET...
build() {
    say "building $*"
    cmake --build "$build" --target "$@" || die "the build failed"
}
