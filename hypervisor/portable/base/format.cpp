// SPDX-License-Identifier: MIT
#include "portable/base/format.hpp"
#include <array>

namespace hv {
namespace {
class Writer {
public:
    explicit Writer(std::span<char> out) : out_{out} {}
    void put(char c) {
        if (used_ < out_.size()) out_[used_++] = c;
    }
    void put(std::string_view text) {
        for (char c : text) put(c);
    }
    void put_number(u64 number, u32 base) {
        std::array<char, 20> digits;  // 2^64 has 20 decimal digits
        usize count = 0;
        do {
            digits[count++] = "0123456789abcdef"[number % base];
            number /= base;
        } while (number);
        while (count) put(digits[--count]);
    }
    std::string_view text() const { return {out_.data(), used_}; }

private:
    std::span<char> out_;
    usize used_ = 0;
};

void put_arg(Writer& out, FormatArg const& arg, bool hex) {
    if (arg.kind == FormatArg::Kind::text) return out.put(arg.text);
    if (arg.kind == FormatArg::Kind::negative) out.put('-');
    out.put_number(arg.number, hex ? 16 : 10);
}
}  // namespace

std::string_view format_to(std::span<char> out, std::string_view pattern, std::span<FormatArg const> args) {
    Writer writer{out};
    usize next = 0;
    for (usize i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '{') {
            writer.put(pattern[i]);
            continue;
        }
        bool hex = false;
        while (++i < pattern.size() && pattern[i] != '}') hex |= pattern[i] == 'x';
        if (next < args.size()) put_arg(writer, args[next++], hex);
    }
    return writer.text();
}
}  // namespace hv
