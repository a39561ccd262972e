// SPDX-License-Identifier: MIT
// ACPI Machine Language, specification 6.4, section 20.2.
#include "x86/dev/acpi_tables.hpp"

namespace hv::acpi {
namespace {
constexpr u8 name_op = 0x08, package_op = 0x12, zero_op = 0x00, one_op = 0x01, ones_op = 0xff, byte_prefix = 0x0a,
             word_prefix = 0x0b, double_word_prefix = 0x0c;

class Bytecode {
public:
    explicit Bytecode(std::span<std::byte const> rest) : rest_{rest} {}
    std::optional<u8> next() {
        if (rest_.empty()) return std::nullopt;
        u8 value = static_cast<u8>(rest_.front());
        rest_ = rest_.subspan(1);
        return value;
    }
    bool skip(usize count) {
        if (rest_.size() < count) return false;
        rest_ = rest_.subspan(count);
        return true;
    }
    std::optional<u16> constant() {
        std::optional<u8> op = next();
        if (op == zero_op || op == one_op) return *op;
        if (op == ones_op) return 0xff;
        usize bytes = op == byte_prefix ? 1 : op == word_prefix ? 2 : op == double_word_prefix ? 4 : 0;
        if (!bytes || rest_.size() < bytes) return std::nullopt;
        u16 value = bytes == 1 ? read<u8>(rest_.data()) : read<u16>(rest_.data());
        rest_ = rest_.subspan(bytes);
        return value;
    }

private:
    std::span<std::byte const> rest_;
};
}  // namespace

std::optional<SleepTypes> find_soft_off(std::span<std::byte const> dsdt) {
    for (usize at = header_size; at + 4 < dsdt.size(); ++at) {
        if (!is_signature(&dsdt[at], "_S5_")) continue;
        bool named = dsdt[at - 1] == std::byte{name_op} ||
                     (dsdt[at - 1] == std::byte{'\\'} && dsdt[at - 2] == std::byte{name_op});
        Bytecode code{dsdt.subspan(at + 4)};
        if (!named || code.next() != package_op) continue;
        std::optional<u8> length = code.next();
        if (!length || !code.skip(*length >> 6)) continue;  // the top bits count further length bytes
        if (!code.next()) continue;                         // number of elements
        std::optional<u16> pm1a = code.constant();
        std::optional<u16> pm1b = code.constant();
        if (pm1a && pm1b) return SleepTypes{.pm1a = *pm1a, .pm1b = *pm1b};
    }
    return std::nullopt;
}
}  // namespace hv::acpi
