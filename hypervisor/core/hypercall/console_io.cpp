// SPDX-License-Identifier: MIT
// The console_io hypercall: the machine's console for dom0, a few log lines for other domains.
#include "public/console_io.hpp"
#include <algorithm>
#include <array>
#include "base/log.hpp"
#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/hal/cpu.hpp"
#include "core/hal/power.hpp"
#include "core/hypercall/dispatch.hpp"

namespace hv {
namespace {
constexpr u32 chunk_size = 256;

void log_lines(Domid id, std::string_view text) {
    while (!text.empty()) {
        usize const end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (!line.empty()) log::guest("d{} {}", id, line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

// What other domains write is shown as text only: it must not steer the terminal of whoever reads the log.
void keep_printable(std::span<char> text) {
    for (char& c : text)
        if (c != '\n' && c != '\t' && c != '\r' && (c < ' ' || c > '~')) c = '.';
}

Outcome write(Domain const& domain, HypercallArgs& args) {
    u32 left = static_cast<u32>(args[1]);
    u64 from = args[2];
    while (left) {
        std::array<char, chunk_size> chunk;
        u32 const size = std::min(left, chunk_size);
        if (Result<> copied = copy_in_bytes(chunk.data(), from, size); !copied) return copied;
        usize done = size;
        if (domain.privileged) {
            done = log::write_raw({chunk.data(), size});
        } else {
            keep_printable({chunk.data(), size});
            log_lines(domain.id, {chunk.data(), size});
        }
        left -= static_cast<u32>(done);
        from += done;
        // The console takes no more for now: the domain comes again, and whatever interrupts comes in between.
        if (left && (done < size || hal::should_preempt())) {
            args[1] = left;
            args[2] = from;
            return Outcome::again();
        }
    }
    return 0;
}

// Returns what is there, without waiting.
Outcome read(Domain const& domain, HypercallArgs& args) {
    if (!domain.privileged) return Errno::perm;
    std::array<char, chunk_size> chunk{};
    u32 const wanted = std::min(static_cast<u32>(args[1]), chunk_size);
    // The buffer is tried first: characters taken from the console cannot be put back.
    if (Result<> copied = copy_out_bytes(args[2], chunk.data(), wanted); !copied) return copied;
    usize const size = hal::console_read({chunk.data(), wanted});
    if (Result<> copied = copy_out_bytes(args[2], chunk.data(), size); !copied) return copied;
    return static_cast<i64>(size);
}
}  // namespace

Outcome do_console_io(Vcpu& vcpu, HypercallArgs& args) {
    switch (static_cast<u32>(args[0])) {
        case abi::consoleio::write: return write(*vcpu.domain, args);
        case abi::consoleio::read: return read(*vcpu.domain, args);
        default: return Errno::nosys;
    }
}
}  // namespace hv
