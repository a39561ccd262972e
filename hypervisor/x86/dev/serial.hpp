// SPDX-License-Identifier: MIT
// The console's UART: a 16550A or one of its descendants (PC16550D data sheet, section 8). Both ways by interrupt;
// before there are any, and when the machine ends, output polls.
#pragma once
#include <algorithm>
#include <array>
#include <string_view>
#include "portable/base/format.hpp"
#include "x86/boot/cmdline.hpp"

namespace hv::serial {
void init(boot::SerialPort const& port);  // nothing is written before; a port without a UART stays silent
void use_interrupts();                    // once the IO-APICs are known
bool serve();                             // the port's interrupt; true if anything has arrived for hal::console_read
void finish();  // for panics and the machine's end, when no other CPU runs: what waits is written, and all that follows

enum Register : u16 { data, interrupt_enable, fifo_control, line_control, modem_control, line_status };
inline constexpr u8 status_received = 0x01, status_transmitter_empty = 0x20;
inline constexpr u8 on_received = 0x01, on_transmitter_empty = 0x02;  // interrupt_enable
inline constexpr u32 fifo_size = 16;
inline constexpr u32 patience = 1'000'000;  // polls of a line that never drains, no flow control being used

// Output by interrupt: what is written waits in a ring, and each interrupt of the empty transmitter takes a FIFO's
// worth. Nothing here waits but finish(). Whoever calls sees to it that nobody else does meanwhile. A port has
// get(register) and set(register, value).
template <class Port>
class UartOutput {
public:
    static constexpr u32 ring_size = 64 * 1024;
    static constexpr u32 kept_for_lines = 16 * 1024;  // what text alone cannot fill

    constexpr explicit UartOutput(Port port = {}) : port_{port} {}
    bool empty() const { return start_ == end_; }

    // A line of the log: whole or, where it does not fit, not at all. The next that fits says how many did not.
    void write_line(std::string_view line) {
        if (left_out_) tell_left_out();
        if (left_out_ || room() < sent_size(line)) ++left_out_;
        else put(line);
    }

    // As much as there is room for; so many bytes were taken. The caller comes again with the rest. A line that does
    // not drain however often it comes loses what is in the ring. Lines that were left out get the room to come back.
    usize write_some(std::string_view text) {
        usize taken = 0;
        usize const kept = left_out_ ? room_to_return : kept_for_lines;
        while (taken < text.size() && room() >= kept + 2) put(text.substr(taken++, 1));
        if (taken) refused_ = 0;
        else if (++refused_ > patience) start_ = end_, refused_ = 0;
        return taken;
    }

    // At an interrupt, whatever it was for. While nothing may interrupt, the request goes away; if there is reason for
    // another, it comes back: to an input that sees only edges, too.
    void serve() {
        port_.set(interrupt_enable, 0);
        if (!empty() && port_.get(line_status) & status_transmitter_empty) send(fifo_size);
        asks_ = !empty();
        port_.set(interrupt_enable, asks_ ? on_received | on_transmitter_empty : on_received);
    }

    // From now on nobody interrupts: everything at once.
    void finish() {
        while (!empty()) {
            if (!wait_for_transmitter()) return;
            send(fifo_size);
        }
    }
    bool wait_for_transmitter() {
        for (u32 i = 0; i < patience; ++i)
            if (port_.get(line_status) & status_transmitter_empty) return true;
        return false;
    }

    // At once and around the ring: a full FIFO a time, as the transmitter is asked once for sixteen bytes. A line that
    // does not drain is waited for once, not for each byte.
    void write_now(std::string_view text) {
        u32 room = 0;
        auto put = [&](char c) {
            if (!room) {
                if (!wait_for_transmitter()) return false;
                room = fifo_size;
            }
            port_.set(data, static_cast<u8>(c));
            --room;
            return true;
        };
        for (char c : text)
            if ((c == '\n' && !put('\r')) || !put(c)) return;
    }

private:
    static constexpr u32 room_to_return = ring_size / 2;

    static usize sent_size(std::string_view text) {
        return text.size() + static_cast<usize>(std::count(text.begin(), text.end(), '\n'));
    }
    usize room() const { return ring_size - (end_ - start_); }

    void put(std::string_view text) {
        u32 at = end_;
        for (char c : text) {
            if (c == '\n') ring_[at++ % ring_size] = '\r';
            ring_[at++ % ring_size] = c;
        }
        end_ = at;  // last: finish() may come from the middle of this
        if (asks_) return;
        asks_ = true;
        port_.set(interrupt_enable, on_received | on_transmitter_empty);
    }
    void send(u32 most) {
        for (; most && !empty(); --most) port_.set(data, static_cast<u8>(ring_[start_++ % ring_size]));
    }
    void tell_left_out() {
        std::array<char, 96> buffer;
        std::array const count{FormatArg{left_out_}};
        std::string_view const notice = format_to(buffer, "(pv) console: {} lines left out, the log has them\n", count);
        if (room() < room_to_return) return;  // not one by one
        left_out_ = 0;
        put(notice);
    }

    [[no_unique_address]] Port port_;
    std::array<char, ring_size> ring_{};
    u32 start_ = 0;
    u32 end_ = 0;
    u32 refused_ = 0;
    u32 left_out_ = 0;
    bool asks_ = false;  // for an interrupt when the transmitter is empty
};
}  // namespace hv::serial
