// SPDX-License-Identifier: MIT
#include "kernel/kernel_image.hpp"

#include "kernel/decompress.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace paravane {
namespace {
using Bytes = std::span<std::byte const>;

constexpr std::size_t unpacked_limit = std::size_t{256} << 20;

Error unusable(std::string why) { return Error{"", std::move(why), ErrorKind::precondition}; }

// A copy of the structure at `offset`; none where the file ends before it does.
template <class T>
std::optional<T> read_at(Bytes file, std::uint64_t offset) {
    if (offset > file.size() || file.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

std::optional<Bytes> slice(Bytes file, std::uint64_t offset, std::uint64_t size) {
    if (offset > file.size() || file.size() - offset < size) return std::nullopt;
    return file.subspan(offset, size);
}

bool is_elf(Bytes file) { return file.size() >= SELFMAG && std::memcmp(file.data(), ELFMAG, SELFMAG) == 0; }

// The Linux boot header (Documentation/x86/boot.rst): "HdrS" at 0x202, version at 0x206, the payload from 2.08 on.
bool is_bzimage(Bytes file) { return read_at<std::uint32_t>(file, 0x202) == 0x53726448u; }

Result<Bytes> bzimage_payload(Bytes file) {
    std::optional<std::uint16_t> version = read_at<std::uint16_t>(file, 0x206);
    std::optional<std::uint32_t> offset = read_at<std::uint32_t>(file, 0x248);
    std::optional<std::uint32_t> length = read_at<std::uint32_t>(file, 0x24c);
    if (!version || !offset || !length) return unusable("the file ends inside the bzImage header");
    if (*version < 0x208) return unusable("bzImage older than boot protocol 2.08: it has no payload to find");
    auto sectors = std::to_integer<std::uint64_t>(file[0x1f1]);
    std::uint64_t start = ((sectors == 0 ? 4 : sectors) + 1) * 512 + *offset;
    std::optional<Bytes> payload = slice(file, start, *length);
    if (!payload) {
        return unusable("truncated: the payload ends at byte " + std::to_string(start + *length) +
                        ", the file has only " + std::to_string(file.size()));
    }
    return *payload;
}

}  // namespace

Result<std::vector<std::byte>> unpack_kernel(std::vector<std::byte> file) {
    if (is_elf(file)) return file;
    std::vector<std::byte> elf;
    if (is_bzimage(file)) {
        Bytes payload = TRY(bzimage_payload(file));
        Compression compression = detect_compression(payload);
        // Linux appends the unpacked size to the payload; in gzip it is the last field of the stream anyway.
        std::uint32_t size = payload.size() < 4 ? 0 : *read_at<std::uint32_t>(payload, payload.size() - 4);
        Bytes content = payload.first(payload.size() - std::min<std::size_t>(payload.size(), 4));
        if (is_elf(payload)) {
            if (size != content.size()) content = payload;
            elf.assign(content.begin(), content.end());
        } else if (compression == Compression::none) {
            return unusable("bzImage with a payload in no known compression");
        } else {
            elf = TRY(decompress(compression == Compression::gzip ? payload : content, unpacked_limit, size));
        }
    } else if (detect_compression(file) != Compression::none) {
        elf = TRY(decompress(file, unpacked_limit));
    } else {
        return unusable(file.empty() ? "the file is empty" : "neither an ELF nor a bzImage");
    }
    if (!is_elf(elf)) return unusable("the unpacked payload is not an ELF");
    return elf;
}

Result<hv::pv::KernelImage> parse_guest_kernel(std::span<std::byte const> elf) {
    hv::pv::ParsedKernel parsed = hv::pv::parse_kernel(kernel_file(elf), hv::pv::KernelRole::guest);
    if (parsed) return parsed.image;
    std::string about{parsed.refusal.about};
    return unusable(about.empty() ? parsed.refusal.why : std::string{parsed.refusal.why} + ": \"" + about + "\"");
}
}  // namespace paravane
