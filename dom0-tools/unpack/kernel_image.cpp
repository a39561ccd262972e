// SPDX-License-Identifier: MIT
#include "unpack/kernel_image.hpp"

#include "unpack/decompress.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace paravane {
namespace {
using Bytes = std::span<std::byte const>;

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

Result<std::size_t> copy(Bytes from, std::span<std::byte> to) {
    if (from.size() > to.size()) return unusable("larger than " + std::to_string(to.size()) + " bytes");
    std::ranges::copy(from, to.begin());
    return from.size();
}
}  // namespace

bool is_elf(Bytes file) { return file.size() >= SELFMAG && std::memcmp(file.data(), ELFMAG, SELFMAG) == 0; }

Result<std::size_t> unpack_kernel(Bytes file, std::span<std::byte> out) {
    std::size_t size = 0;
    if (is_elf(file)) {
        size = TRY(copy(file, out));
    } else if (is_bzimage(file)) {
        Bytes payload = TRY(bzimage_payload(file));
        // Linux appends the unpacked size to the payload; in gzip it is the last field of the stream anyway.
        std::uint32_t said = payload.size() < 4 ? 0 : *read_at<std::uint32_t>(payload, payload.size() - 4);
        Bytes content = payload.first(payload.size() - std::min<std::size_t>(payload.size(), 4));
        Compression compression = detect_compression(payload);
        if (is_elf(payload)) {
            size = TRY(copy(said == content.size() ? content : payload, out));
        } else if (compression == Compression::none) {
            return unusable("bzImage with a payload in no known compression");
        } else {
            size = TRY(decompress(compression == Compression::gzip ? payload : content, out));
        }
    } else if (detect_compression(file) != Compression::none) {
        size = TRY(decompress(file, out));
    } else {
        return unusable(file.empty() ? "the file is empty" : "neither an ELF nor a bzImage");
    }
    if (!is_elf(out.first(size))) return unusable("the unpacked payload is not an ELF");
    return size;
}

Result<hv::pv::KernelImage> parse_guest_kernel(std::span<std::byte const> elf) {
    hv::pv::ParsedKernel parsed = hv::pv::parse_kernel({reinterpret_cast<std::uint8_t const*>(elf.data()), elf.size()},
                                                       hv::pv::KernelRole::guest);
    if (parsed) return parsed.image;
    constexpr std::size_t longest_quote = 60;
    std::string about{parsed.refusal.about.substr(0, longest_quote)};
    return unusable(about.empty() ? parsed.refusal.why : std::string{parsed.refusal.why} + ": \"" + about + "\"");
}
}  // namespace paravane
