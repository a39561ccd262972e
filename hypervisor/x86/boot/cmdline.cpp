// SPDX-License-Identifier: MIT
#include "x86/boot/cmdline.hpp"
#include <algorithm>

namespace hv::boot {
namespace {
// A parser of one option's value; each take_* consumes what it reads.
class Reader {
public:
    explicit Reader(std::string_view text) : rest_{text} {}

    bool done() const { return rest_.empty(); }
    bool take(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    std::optional<char> take_any() {
        char c = done() ? '\0' : rest_.front();
        return take(c) ? std::optional{c} : std::nullopt;
    }
    bool take_word(std::string_view word) {
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    std::optional<u64> take_number() {
        u64 base = take_word("0x") ? 16 : 10;
        u64 value = 0;
        bool any = false;
        for (; !rest_.empty(); rest_.remove_prefix(1), any = true) {
            char c = rest_.front();
            usize digit =
                std::string_view{"0123456789abcdef"}.find(c >= 'A' && c <= 'F' ? static_cast<char>(c | 0x20) : c);
            if (digit >= base) break;
            if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value))
                return std::nullopt;
        }
        return any ? std::optional{value} : std::nullopt;
    }
    // A number with a unit; without one it counts KiB, as in Xen.
    std::optional<u64> take_size() {
        std::optional<u64> number = take_number();
        if (!number) return std::nullopt;
        usize shift = 10;
        if (usize unit = rest_.empty() ? 5 : std::string_view{"bkmgt"}.find(static_cast<char>(rest_.front() | 0x20));
            unit < 5) {
            shift = 10 * unit;
            rest_.remove_prefix(1);
        }
        return *number > ~u64{0} >> shift ? std::nullopt : std::optional{*number << shift};
    }

private:
    std::string_view rest_;
};

using Problem = char const*;  // null: none

Problem parse_console(Options& options, std::string_view value) {
    if (value.empty()) return "expected com1, com2 or none";
    u32 console = 0;
    while (!value.empty()) {
        std::string_view name = value.substr(0, std::min(value.find(','), value.size()));
        value.remove_prefix(std::min(name.size() + 1, value.size()));
        if (name == "com1") console = 1;
        else if (name == "com2") console = 2;
        else if (name != "none") return "the console is com1, com2 or none";
    }
    options.console = console;
    return nullptr;
}

// <baud>[,<data bits><parity><stop bits>[,<io base>[,<irq>]]]; the baud rate may be "auto": as firmware left it is not
// worth reading back, so that is the usual one.
Problem parse_com(SerialPort& result, std::string_view value) {
    SerialPort port = result;
    Reader reader{value};
    if (!reader.take_word("auto")) {
        std::optional<u64> baud = reader.take_number();
        if (!baud || *baud < 50 || *baud > 115200 || 115200 % *baud) return "the baud rate must divide 115200";
        port.baud = static_cast<u32>(*baud);
    }
    if (reader.take(',') && !reader.done()) {
        std::optional<char> bits = reader.take_any(), parity = reader.take_any(), stop = reader.take_any();
        if (!bits || *bits < '5' || *bits > '8' || !stop || (*stop != '1' && *stop != '2'))
            return "the format is data bits, parity, stop bits, as in 8n1";
        if (*parity != 'n' && *parity != 'o' && *parity != 'e') return "the parity is n, o or e";
        port.data_bits = static_cast<u8>(*bits - '0');
        port.parity = *parity == 'n' ? Parity::none : *parity == 'o' ? Parity::odd : Parity::even;
        port.stop_bits = static_cast<u8>(*stop - '0');
        if (reader.take(',')) {
            std::optional<u64> base = reader.take_number();
            if (!base || *base == 0 || *base > 0xfff8) return "the I/O base must be a port number";
            port.io_base = static_cast<u16>(*base);
            if (reader.take(',')) {
                std::optional<u64> irq = reader.take_number();
                if (!irq || *irq > 15) return "the interrupt must be 0 to 15";
                port.irq = static_cast<u8>(*irq);
            }
        }
    }
    if (!reader.done()) return "unexpected text behind the settings of the port";
    result = port;
    return nullptr;
}

// [-]<size> | min:[-]<size> | max:[-]<size>, separated by commas
Problem parse_dom0_memory(Options& options, std::string_view value) {
    Reader reader{value};
    std::optional<MemoryAmount> exact, least, most;
    do {
        std::optional<MemoryAmount>* target = reader.take_word("min:")   ? &least
                                              : reader.take_word("max:") ? &most
                                                                         : &exact;
        bool all_but = reader.take('-');
        std::optional<u64> bytes = reader.take_size();
        if (!bytes) return "a size is a number with one of B K M G T behind it";
        *target = MemoryAmount{.bytes = *bytes, .all_but = all_but};
    } while (reader.take(','));
    if (!reader.done()) return "unexpected text behind a size";
    options.dom0_memory = exact;
    options.dom0_memory_min = least;
    options.dom0_memory_max = most;
    return nullptr;
}

// <n> | <min>-[<max>] | -<max>
Problem parse_dom0_vcpus(Options& options, std::string_view value) {
    constexpr u64 limit = 128;
    constexpr Problem range = "the number must be 1 to 128";
    Reader reader{value};
    std::optional<u64> first = reader.take_number();
    std::optional<u64> last = first;
    bool is_range = reader.take('-');
    if (is_range) last = reader.take_number();
    if (!reader.done() || (!first && !last)) return "expected a number, or two with a dash between";
    if ((first && (*first < 1 || *first > limit)) || (last && (*last < 1 || *last > limit))) return range;
    if (first && last && *first > *last) return "the lower bound is above the upper one";
    options.dom0_min_vcpus = is_range && first ? static_cast<u32>(*first) : 1;
    options.dom0_max_vcpus = last ? static_cast<u32>(*last) : 0;
    return nullptr;
}

Problem parse_cpus(Options& options, std::string_view value) {
    Reader reader{value};
    std::optional<u64> count = reader.take_number();
    if (!count || *count < 1 || *count > max_cpus || !reader.done()) return "the number must be 1 to 256";
    options.max_cpus = static_cast<u32>(*count);
    return nullptr;
}

// no | [no-]retpoline | [no-]ibpb | [no-]ibpb-entry | [no-]verw, separated by commas; without it the processor decides
Problem parse_speculation(Options& options, std::string_view value) {
    constexpr Problem expected =
        "expected no, or any of retpoline, ibpb, ibpb-entry, verw, no- before what is not wanted";
    Reader reader{value};
    speculation::Request request = options.speculation;
    do {
        bool off = reader.take_word("no-");
        if (reader.take_word("retpoline")) request.retpolines = !off;
        else if (reader.take_word("ibpb-entry")) request.ibpb_on_entry = !off;
        else if (reader.take_word("ibpb")) request.ibpb = !off;
        else if (reader.take_word("verw")) request.clears_buffers = !off;
        else if (!off && reader.take_word("no"))
            request = {.retpolines = false, .ibpb = false, .clears_buffers = false, .ibpb_on_entry = false};
        else return expected;
    } while (reader.take(','));
    if (!reader.done()) return expected;
    options.speculation = request;
    return nullptr;
}

#ifdef PARAVANE_CHAOS
Problem parse_chaos(Options& options, std::string_view value) {
    Reader reader{value};
    std::optional<u64> const seed = reader.take_number();
    if (!seed || !reader.done()) return "expected chaos=SEED";
    options.chaos_seed = *seed;
    return nullptr;
}
#endif

std::optional<log::Level> level_named(std::string_view name) {
    if (name == "none" || name == "error") return log::Level::error;
    if (name == "warning") return log::Level::warning;
    if (name == "info") return log::Level::info;
    if (name == "debug" || name == "all") return log::Level::debug;
    return std::nullopt;
}

// <level>[/<rate-limited level>]: the second is Xen's, our rate limit knows no levels.
Problem parse_level(std::optional<log::Level>& result, std::string_view value) {
    usize slash = std::min(value.find('/'), value.size());
    std::optional<log::Level> level = level_named(value.substr(0, slash));
    if (!level || (slash < value.size() && !level_named(value.substr(slash + 1))))
        return "the level is none, error, warning, info, debug or all";
    result = level;
    return nullptr;
}

void complain(Options& options, bool is_error, std::string_view option, char const* reason) {
    if (options.complaint_count < options.complaints.size())
        options.complaints[options.complaint_count++] = {.is_error = is_error, .option = option, .reason = reason};
}

void parse_option(Options& options, std::string_view option) {
    usize equals = std::min(option.find('='), option.size());
    std::string_view name = option.substr(0, equals);
    bool has_value = equals < option.size();
    std::string_view value = has_value ? option.substr(equals + 1) : std::string_view{};
    if (name == "noreboot" || name == "unsafe") {
        if (has_value) return complain(options, true, option, "this option takes no value");
        if (name == "unsafe") options.unsafe = true;
        else options.reboot = false;
        return;
    }
    Problem problem = nullptr;
    if (name == "console") problem = parse_console(options, value);
    else if (name == "com1") problem = parse_com(options.com[0], value);
    else if (name == "com2") problem = parse_com(options.com[1], value);
    else if (name == "dom0_mem") problem = parse_dom0_memory(options, value);
    else if (name == "dom0_max_vcpus") problem = parse_dom0_vcpus(options, value);
    else if (name == "maxcpus") problem = parse_cpus(options, value);
    else if (name == "spec-ctrl") problem = parse_speculation(options, value);
    else if (name == "loglvl") problem = parse_level(options.log_level, value);
    else if (name == "guest_loglvl") problem = parse_level(options.guest_log_level, value);
#ifdef PARAVANE_CHAOS
    else if (name == "chaos") problem = parse_chaos(options, value);
#endif
    else return complain(options, false, option, "unknown");
    if (!has_value || value.empty()) problem = "this option needs a value";
    if (problem) complain(options, true, option, problem);
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
