// SPDX-License-Identifier: MIT
// Our end of a guest's console page, with a journal: what the guest printed goes into the log once and once only,
// wherever this process is killed. A byte is copied, written to the log, counted in the journal, and only then given
// back to the guest; the log has a place for each position, so what was written and not counted is written there again.
// The page's own indices are the guest's to write, and are read when a guest is served for the first time only.
#pragma once
#include <array>
#include <optional>
#include <string_view>

#include "console/log.hpp"
#include "console/typed.hpp"
#include "portable/ring/byte_ring.hpp"
#include "public/io/console.hpp"

namespace paravane::console {
struct Journal {
    std::uint64_t begun;   // 1: what follows counts
    std::uint64_t output;  // bytes taken from the guest: the position of the next one
    TypedPlaces input;
    LogPlaces log;
    // What the ring's indices are ahead of these numbers.
    std::uint32_t output_skew, input_skew;
};

template <class Memory = hv::ring::Stores>
class ConsoleRing {
public:
    ConsoleRing(abi::io::ConsoleRing& page, Journal& journal, Log<Memory>& log, Typed<Memory>& typed)
        : journal_{prepared(journal, page, log)},
          log_{log},
          typed_{typed},
          output_{page.out, page.out_prod, page.out_cons, output_index()},
          input_{page.in, page.in_prod, page.in_cons, input_index()} {
        output_.move_to(output_index());
        input_.move_to(input_index());
    }

    // Moves what the guest has printed to the log, at most a ring full, and gives it; it is there until the next call.
    // A guest whose index makes no sense is told from one that is silent, and taken up again from where it says it is.
    std::optional<std::string_view> take_output() {
        std::optional<std::size_t> const count = output_.copy(taken_);
        if (!count) {
            output_.skip_all();
            Memory::word(journal_.output_skew, output_.index() - static_cast<std::uint32_t>(journal_.output));
            return {};
        }
        if (*count == 0) return std::string_view{};
        log_.write(journal_.output, {taken_.data(), *count});
        Memory::word(journal_.output, journal_.output + *count);
        Memory::step();
        output_.advance(*count);
        return std::string_view{taken_.data(), *count};
    }

    // Hands what was typed to the guest, as much as fits; returns how much.
    std::size_t give_input() {
        std::size_t const count = input_.copy(typed_.waiting()).value_or(0);
        if (count == 0) return 0;
        typed_.count(count);
        Memory::step();
        input_.advance(count);
        typed_.drop(count);
        return count;
    }

    std::uint64_t position() const { return journal_.output; }

private:
    static Journal& prepared(Journal& journal, abi::io::ConsoleRing const& page, Log<Memory>& log) {
        if (journal.begun == 0) {
            log.begin();
            Memory::word(journal.output_skew, hv::load_acquire(page.out_cons));
            Memory::word(journal.input_skew, hv::load_acquire(page.in_prod));
            Memory::word(journal.begun, 1);
        }
        log.resume(journal.output);
        return journal;
    }
    std::uint32_t output_index() const { return static_cast<std::uint32_t>(journal_.output) + journal_.output_skew; }
    std::uint32_t input_index() const { return static_cast<std::uint32_t>(typed_.given()) + journal_.input_skew; }

    Journal& journal_;
    Log<Memory>& log_;
    Typed<Memory>& typed_;
    hv::ring::ByteConsumer<abi::io::console_out_size> output_;
    hv::ring::ByteProducer<abi::io::console_in_size> input_;
    std::array<char, abi::io::console_out_size> taken_{};
};
}  // namespace paravane::console
