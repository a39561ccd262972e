// SPDX-License-Identifier: MIT
#include "x86/boot/cmdline.hpp"
#include <algorithm>

namespace hv::boot {
namespace {
// What is left of an option's value; each take_* consumes what it reads.
class Reader {
public:
    explicit Reader(std::string_view text) : rest_{text} {}

    bool done() const { return rest_.empty(); }
    bool take(char c) { return take_word({&c, 1}); }
    bool take_word(std::string_view word) {
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    // Which of these characters comes next, capitals as small ones.
    std::optional<u32> take_one_of(std::string_view characters) {
        char const c = done() ? '\0' : rest_.front();
        usize const at = characters.find(c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
        if (at == characters.npos) return std::nullopt;
        rest_.remove_prefix(1);
        return static_cast<u32>(at);
    }
    std::optional<u64> take_number(u64 least = 0, u64 most = ~u64{0}) {
        std::string_view const digits = take_word("0x") ? "0123456789abcdef" : "0123456789";
        u64 value = 0;
        bool any = false;
        for (; std::optional<u32> digit = take_one_of(digits); any = true)
            if (__builtin_mul_overflow(value, digits.size(), &value) || __builtin_add_overflow(value, *digit, &value))
                return std::nullopt;
        return any && value >= least && value <= most ? std::optional{value} : std::nullopt;
    }
    // A number with a unit; without one it counts KiB, as in Xen.
    std::optional<u64> take_size() {
        std::optional<u64> const number = take_number();
        u32 const shift = 10 * take_one_of("bkmgt").value_or(1);
        return number && *number <= ~u64{0} >> shift ? std::optional{*number << shift} : std::nullopt;
    }

private:
    std::string_view rest_;
};

// A parser may leave what it has changed when it complains, and text that it does not know: parse_option sees to both.
using Problem = char const*;  // null: none

Problem parse_console(Options& options, Reader& value) {
    options.console = 0;
    do {
        if (value.take_word("com1")) options.console = 1;
        else if (value.take_word("com2")) options.console = 2;
        else if (!value.take_word("none")) return "the console is com1, com2 or none";
    } while (value.take(',') && !value.done());
    return nullptr;
}

// <baud>[,<data bits><parity><stop bits>[,<io base>[,<irq>]]]; the baud rate may be "auto": as firmware left it is not
// worth reading back, so that is the usual one.
Problem parse_com(SerialPort& port, Reader& value) {
    if (!value.take_word("auto")) {
        std::optional<u64> const baud = value.take_number(50, 115200);
        if (!baud || 115200 % *baud) return "the baud rate must divide 115200";
        port.baud = static_cast<u32>(*baud);
    }
    if (!value.take(',') || value.done()) return nullptr;
    std::optional<u32> const bits = value.take_one_of("5678"), parity = value.take_one_of("noe"),
                             stop = value.take_one_of("12");
    if (!bits || !parity || !stop) return "the format is data bits, parity (n, o or e), stop bits, as in 8n1";
    port.data_bits = static_cast<u8>(5 + *bits);
    port.parity = static_cast<Parity>(*parity);
    port.stop_bits = static_cast<u8>(1 + *stop);
    if (!value.take(',')) return nullptr;
    std::optional<u64> const base = value.take_number(1, 0xfff8);
    if (!base) return "the I/O base must be a port number";
    port.io_base = static_cast<u16>(*base);
    if (!value.take(',')) return nullptr;
    std::optional<u64> const irq = value.take_number(0, 15);
    if (!irq) return "the interrupt must be 0 to 15";
    port.irq = static_cast<u8>(*irq);
    return nullptr;
}

// [-]<size> | min:[-]<size> | max:[-]<size>, separated by commas
Problem parse_dom0_memory(Options& options, Reader& value) {
    options.dom0_memory = options.dom0_memory_min = options.dom0_memory_max = std::nullopt;
    do {
        std::optional<MemoryAmount>& amount = value.take_word("min:")   ? options.dom0_memory_min
                                              : value.take_word("max:") ? options.dom0_memory_max
                                                                        : options.dom0_memory;
        bool const all_but = value.take('-');
        std::optional<u64> const bytes = value.take_size();
        if (!bytes) return "a size is a number with one of B K M G T behind it";
        amount = MemoryAmount{.bytes = *bytes, .all_but = all_but};
    } while (value.take(','));
    return nullptr;
}

// <n> | <min>-[<max>] | -<max>
Problem parse_dom0_vcpus(Options& options, Reader& value) {
    auto fits = [](std::optional<u64> number) { return !number || (*number >= 1 && *number <= 128); };
    std::optional<u64> const first = value.take_number();
    bool const is_range = value.take('-');
    std::optional<u64> const last = is_range ? value.take_number() : first;
    if ((!first && !last) || !fits(first) || !fits(last)) return "expected a number of 1 to 128, or two with a dash";
    if (first && last && *first > *last) return "the lower bound is above the upper one";
    options.dom0_min_vcpus = is_range && first ? static_cast<u32>(*first) : 1;
    options.dom0_max_vcpus = last ? static_cast<u32>(*last) : 0;
    return nullptr;
}

Problem parse_cpus(Options& options, Reader& value) {
    std::optional<u64> const count = value.take_number(1, max_cpus);
    options.max_cpus = static_cast<u32>(count.value_or(0));
    return count ? nullptr : "the number must be 1 to 256";
}

// no | [no-]retpoline | [no-]ibpb | [no-]ibpb-entry | [no-]verw, separated by commas; without it the processor decides
Problem parse_speculation(Options& options, Reader& value) {
    speculation::Request& request = options.speculation;
    do {
        bool off = value.take_word("no-");
        if (value.take_word("retpoline")) request.retpolines = !off;
        else if (value.take_word("ibpb-entry")) request.ibpb_on_entry = !off;
        else if (value.take_word("ibpb")) request.ibpb = !off;
        else if (value.take_word("verw")) request.clears_buffers = !off;
        else if (!off && value.take_word("no"))
            request = {.retpolines = false, .ibpb = false, .clears_buffers = false, .ibpb_on_entry = false};
        else return "expected no, or any of retpoline, ibpb, ibpb-entry, verw, no- before what is not wanted";
    } while (value.take(','));
    return nullptr;
}

std::optional<log::Level> take_level(Reader& value) {
    if (value.take_word("none") || value.take_word("error")) return log::Level::error;
    if (value.take_word("warning")) return log::Level::warning;
    if (value.take_word("info")) return log::Level::info;
    if (value.take_word("debug") || value.take_word("all")) return log::Level::debug;
    return std::nullopt;
}

// <level>[/<rate-limited level>]: the second is Xen's, our rate limit knows no levels.
Problem parse_level(std::optional<log::Level>& level, Reader& value) {
    level = take_level(value);
    bool const is_known = level && (!value.take('/') || take_level(value));
    return is_known ? nullptr : "the level is none, error, warning, info, debug or all";
}

template <bool Options::*Flag, bool Value>
Problem set(Options& options, Reader&) {
    options.*Flag = Value;
    return nullptr;
}

#ifdef PARAVANE_CHAOS
Problem parse_chaos(Options& options, Reader& value) {
    std::optional<u64> const seed = value.take_number();
    options.chaos_seed = seed.value_or(0);
    return seed ? nullptr : "expected chaos=SEED";
}
#endif

struct Option {
    std::string_view name;
    Problem (*parse)(Options&, Reader&);
    bool has_value = true;
};
constexpr Option known[] = {
    {"console", parse_console},
    {"com1", [](Options& options, Reader& value) { return parse_com(options.com[0], value); }},
    {"com2", [](Options& options, Reader& value) { return parse_com(options.com[1], value); }},
    {"dom0_mem", parse_dom0_memory},
    {"dom0_max_vcpus", parse_dom0_vcpus},
    {"maxcpus", parse_cpus},
    {"spec-ctrl", parse_speculation},
    {"loglvl", [](Options& options, Reader& value) { return parse_level(options.log_level, value); }},
    {"guest_loglvl", [](Options& options, Reader& value) { return parse_level(options.guest_log_level, value); }},
    {"noreboot", set<&Options::reboot, false>, false},
    {"unsafe", set<&Options::unsafe, true>, false},
#ifdef PARAVANE_CHAOS
    {"chaos", parse_chaos},
#endif
};

void complain(Options& options, bool is_error, std::string_view option, char const* reason) {
    if (options.complaint_count < options.complaints.size())
        options.complaints[options.complaint_count++] = {.is_error = is_error, .option = option, .reason = reason};
}

void parse_option(Options& options, std::string_view text) {
    usize const equals = std::min(text.find('='), text.size());
    auto const* option = std::ranges::find(known, text.substr(0, equals), &Option::name);
    if (option == std::end(known)) return complain(options, false, text, "unknown");
    Reader value{text.substr(std::min(equals + 1, text.size()))};
    Options wanted = options;
    Problem problem = !option->has_value && equals < text.size() ? "this option takes no value"
                      : option->has_value && value.done()        ? "this option needs a value"
                                                                 : option->parse(wanted, value);
    if (!problem && !value.done()) problem = "unexpected text behind the value";
    if (problem) return complain(options, true, text, problem);
    options = wanted;
}
}  // namespace

Options parse_command_line(std::string_view text) {
    Options options;
    while (!text.empty()) {
        if (text.front() == ' ' || text.front() == '\t') {
            text.remove_prefix(1);
            continue;
        }
        std::string_view option = text.substr(0, std::min(text.find_first_of(" \t", 0, 2), text.size()));
        text.remove_prefix(option.size());
        parse_option(options, option);
    }
    return options;
}

// Unless told otherwise dom0 gets nearly all, as with Xen: a sixteenth, at most 128 MiB, stays for the hypervisor's
// tables.
u64 dom0_pages(Options const& options, u64 free_pages) {
    constexpr u64 most_kept = (u64{128} << 20) >> page_shift;
    u64 total = free_pages << page_shift;
    u64 pages = free_pages - std::min(free_pages / 16, most_kept);
    if (options.dom0_memory) pages = options.dom0_memory->of(total) >> page_shift;
    if (options.dom0_memory_max) pages = std::min(pages, options.dom0_memory_max->of(total) >> page_shift);
    if (options.dom0_memory_min) pages = std::max(pages, options.dom0_memory_min->of(total) >> page_shift);
    return pages;
}
}  // namespace hv::boot
