// SPDX-License-Identifier: MIT
// The ELF notes with which a PV kernel tells its builder what it wants (public/elfnote.h).
#pragma once
#include "error.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "public/elfnote.hpp"

namespace paravane {
class XenNotes {
public:
    // All notes of one area; those of other owners are passed over.
    Result<> add(std::span<std::byte const> area);

    bool found() const { return !values_.empty(); }
    std::optional<std::uint64_t> number(abi::elfnote::Type note) const;
    std::optional<std::string> text(abi::elfnote::Type note) const;

    // Refuses kernels that are not for us: another interface, another loader, or a feature that we do not have.
    Result<> check() const;

private:
    std::map<std::uint32_t, std::string> values_;  // the descriptor's bytes
};
}  // namespace paravane
