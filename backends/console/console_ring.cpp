// SPDX-License-Identifier: MIT
#include "console_ring.hpp"

#include <algorithm>
#include <atomic>

namespace paravane {
namespace {
using abi::u32;
using abi::io::console_in_size;
using abi::io::console_out_size;

u32 load(u32& index) { return std::atomic_ref{index}.load(std::memory_order_acquire); }
void store(u32& index, u32 value) { std::atomic_ref{index}.store(value, std::memory_order_release); }
}  // namespace

ConsoleRing::ConsoleRing(abi::io::ConsoleRing& page)
    : page_{page}, out_cons_{load(page.out_cons)}, in_prod_{load(page.in_prod)} {
    if (load(page.out_prod) - out_cons_ > console_out_size) out_cons_ = load(page.out_prod);
}

Result<std::string_view> ConsoleRing::take_output() {
    u32 produced = load(page_.out_prod);
    u32 count = produced - out_cons_;
    if (count > console_out_size) {
        out_cons_ = produced;
        store(page_.out_cons, out_cons_);
        return Error{"read the console ring", "the guest moved its index by " + std::to_string(count) + " bytes",
                     EPROTO};
    }
    for (u32 i = 0; i < count; ++i) {
        // Each byte once: the guest may be changing it.
        taken_[i] = std::atomic_ref{page_.out[(out_cons_ + i) % console_out_size]}.load(std::memory_order_relaxed);
    }
    out_cons_ = produced;
    if (count != 0) store(page_.out_cons, out_cons_);
    return std::string_view{taken_.data(), count};
}

std::size_t ConsoleRing::give_input(std::string_view text) {
    u32 used = in_prod_ - load(page_.in_cons);
    if (used > console_in_size) return 0;  // its index is nonsense: it gets nothing until it makes sense again
    std::size_t count = std::min<std::size_t>(text.size(), console_in_size - used);
    for (std::size_t i = 0; i < count; ++i) {
        char& slot = page_.in[(in_prod_ + i) % console_in_size];
        std::atomic_ref{slot}.store(text[i], std::memory_order_relaxed);
    }
    in_prod_ += static_cast<u32>(count);
    if (count != 0) store(page_.in_prod, in_prod_);
    return count;
}
}  // namespace paravane
