// SPDX-License-Identifier: MIT
// Numbers and texts in a row of bytes, for the journal: what one process wrote the next one reads. Both are the same
// program, so a form that does not fit is a fault of ours; a reader then stops and says so.
#pragma once
#include <bit>
#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store.hpp"

namespace paravane::xenstored {
struct BrokenArchive : std::runtime_error {
    BrokenArchive() : std::runtime_error{"the journal does not have the form that this xenstored writes"} {}
};

class Writer {
public:
    void number(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
        bytes_.push_back(static_cast<char>(value));
    }
    void real(double value) { number(std::bit_cast<std::uint64_t>(value)); }
    void text(std::string_view value) {
        number(value.size());
        bytes_.append(value);
    }
    // What several have in common is written once.
    void shared(Text const& text);
    void shared(PermissionsRef const& permissions);
    void shared(NodeRef const& node);
    // Whether the body of it must follow: it is there, and was not written before. finish() when it is written.
    bool begin(void const* object);
    void finish(void const* object) { known_.emplace(object, known_.size()); }

    std::string_view bytes() const { return bytes_; }
    void clear() { bytes_.clear(); }

private:
    std::string bytes_;
    std::unordered_map<void const*, std::uint64_t> known_;
};

class Reader {
public:
    explicit Reader(std::string_view bytes) : rest_{bytes} {}

    bool at_end() const { return rest_.empty(); }
    template <std::unsigned_integral T = std::uint64_t>
    T number() {
        std::uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            if (rest_.empty() || shift > 63) throw BrokenArchive{};
            auto byte = static_cast<unsigned char>(rest_.front());
            rest_.remove_prefix(1);
            value |= std::uint64_t{byte & 0x7fU} << shift;
            if (byte < 0x80) return static_cast<T>(value);
        }
    }
    bool flag() { return number() != 0; }
    double real() { return std::bit_cast<double>(number()); }
    std::string_view text() {
        std::uint64_t size = number();
        if (size > rest_.size()) throw BrokenArchive{};
        std::string_view value = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return value;
    }
    Text shared_text();
    PermissionsRef shared_permissions();
    NodeRef shared_node();
    // The object, by `read` if its body follows.
    template <class T, class Read>
    std::shared_ptr<T const> shared(Read&& read) {
        std::uint64_t tag = number();
        if (tag == 0) return nullptr;
        if (tag == 1) {
            std::shared_ptr<T const> made = read();
            known_.push_back(made);
            return made;
        }
        if (tag - 2 >= known_.size()) throw BrokenArchive{};
        return std::static_pointer_cast<T const>(known_[tag - 2]);
    }

private:
    std::string_view rest_;
    std::vector<std::shared_ptr<void const>> known_;
};
}  // namespace paravane::xenstored
