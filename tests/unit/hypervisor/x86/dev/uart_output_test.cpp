// SPDX-License-Identifier: MIT
// Output by interrupt, on a UART that sends when it is told to and interrupts by edges.
#include "x86/dev/serial.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace hv::serial {
namespace {
struct Uart {
    std::string line;     // what was sent
    std::string waiting;  // in the transmitter's FIFO
    u8 enabled = 0;
    bool received = false;
    bool level = false;  // of the interrupt
    u32 edges = 0;
    u32 lost = 0;  // bytes beyond the FIFO

    void update() {
        bool const now = (enabled & on_transmitter_empty && waiting.empty()) || (enabled & on_received && received);
        if (now && !level) ++edges;
        level = now;
    }
    void send_all() {
        line += waiting;
        waiting.clear();
        update();
    }
};

struct Port {
    Uart* uart = nullptr;

    u8 get(Register reg) const {
        EXPECT_EQ(reg, line_status);
        return static_cast<u8>(uart->waiting.empty() ? status_transmitter_empty : 0);
    }
    void set(Register reg, u8 value) const {
        if (reg == interrupt_enable) uart->enabled = value;
        else if (uart->waiting.size() == fifo_size) ++uart->lost;
        else uart->waiting += static_cast<char>(value);
        uart->update();
    }
};
using Output = UartOutput<Port>;

class UartTest : public testing::Test {
protected:
    // As long as there are interrupts, and no longer.
    void run() {
        for (uart.send_all(); uart.edges > 0; uart.send_all()) {
            uart.edges = 0;
            usize const before = uart.line.size();
            output->serve();
            uart.received = false;
            EXPECT_LE(uart.waiting.size() + uart.line.size() - before, usize{fifo_size});
        }
    }

    Uart uart;
    std::unique_ptr<Output> output = std::make_unique<Output>(Port{&uart});
};

std::string numbered(u32 lines) {
    std::string text;
    for (u32 i = 0; i < lines; ++i) text += "line " + std::to_string(i) + "\r\n";
    return text;
}

TEST_F(UartTest, WritingSendsNothingByItself) {
    output->write_line("a line longer than the transmitter's FIFO\n");
    EXPECT_EQ(uart.line + uart.waiting, "");
    EXPECT_EQ(uart.edges, 1u);
    run();
    EXPECT_EQ(uart.line, "a line longer than the transmitter's FIFO\r\n");
    EXPECT_EQ(uart.enabled, on_received);
    EXPECT_EQ(uart.lost, 0u);
}

TEST_F(UartTest, LinesKeepTheirOrderWhileOthersAreSent) {
    for (u32 i = 0; i < 3000; ++i) {
        output->write_line("line " + std::to_string(i) + "\n");
        run();
    }
    for (u32 i = 0; i < 3000; ++i) output->write_line("line " + std::to_string(i) + "\n");
    run();
    EXPECT_EQ(uart.line, numbered(3000) + numbered(3000));
    EXPECT_EQ(uart.lost, 0u);
}

TEST_F(UartTest, InputThatKeepsTheInterruptUpLosesNoOutput) {
    output->write_line(std::string(300, 'x') + "\n");
    uart.send_all();
    for (u32 i = 0; uart.edges > 0 && i < 100; ++i) {
        uart.edges = 0;
        uart.received = true;  // before the handler is done with the last byte
        output->serve();
        uart.send_all();
    }
    EXPECT_TRUE(output->empty());
    EXPECT_EQ(uart.line.size(), 302u);
}

TEST_F(UartTest, ALineThatDoesNotFitIsLeftOutWholeAndCounted) {
    std::string const line = std::string(98, 'a') + "\n";
    u32 const fit = Output::ring_size / 100;
    for (u32 i = 0; i < fit + 5; ++i) output->write_line(line);
    run();
    EXPECT_EQ(uart.line.size(), fit * 100u);
    uart.line.clear();
    output->write_line("next\n");
    run();
    EXPECT_EQ(uart.line, "(pv) console: 5 lines left out, the log has them\r\nnext\r\n");
}

TEST_F(UartTest, TextLeavesRoomForLinesAndIsTakenLater) {
    std::string const text(Output::ring_size, 't');
    usize const taken = output->write_some(text);
    EXPECT_LT(taken, text.size());
    EXPECT_EQ(output->write_some(text), 0u);
    output->write_line(std::string(Output::kept_for_lines / 2, 'l') + "\n");
    run();
    EXPECT_EQ(uart.line.size(), taken + Output::kept_for_lines / 2 + 2);
    EXPECT_GT(output->write_some(text), 0u);
}

TEST_F(UartTest, ALineThatNeverDrainsDoesNotHoldTheWriterForEver) {
    std::string const text(Output::ring_size, 't');
    (void)output->write_some(text);
    u32 tries = 0;
    while (output->write_some("more") == 0 && tries <= 2 * patience) ++tries;
    EXPECT_GT(tries, patience / 2);
    EXPECT_LE(tries, 2 * patience);
}

TEST_F(UartTest, LinesComeBackHoweverMuchTextThereIs) {
    std::string const text(Output::ring_size, 't');
    for (u32 i = 0; i < 2 * Output::ring_size / 100; ++i) output->write_line(std::string(98, 'a') + "\n");
    for (u32 i = 0; i < 3 * Output::ring_size / fifo_size; ++i) {  // a FIFO is sent, and there is more text than that
        output->serve();
        uart.send_all();
        (void)output->write_some(text);
        if (i % 16 == 0) output->write_line("next\n");
    }
    EXPECT_NE(uart.line.find("lines left out"), std::string::npos);
    EXPECT_NE(uart.line.find("next\r\n"), std::string::npos);
}

// Polled, as nobody interrupts any more: each look finds the FIFO sent.
TEST(UartEnd, FinishWritesEverythingAtOnce) {
    struct Instant {
        std::string* line;
        u8 get(Register) const { return status_transmitter_empty; }
        void set(Register reg, u8 value) const {
            if (reg == data) *line += static_cast<char>(value);
        }
    };
    std::string line;
    auto output = std::make_unique<UartOutput<Instant>>(Instant{&line});
    for (u32 i = 0; i < 500; ++i) output->write_line("line " + std::to_string(i) + "\n");
    EXPECT_EQ(line, "");
    output->finish();
    EXPECT_EQ(line, numbered(500));
    output->finish();
    EXPECT_EQ(line, numbered(500));
}

TEST(UartEnd, ALineThatDoesNotDrainIsWaitedForOnceATime) {
    struct Stuck {
        u64* looks;
        u8 get(Register) const { return static_cast<u8>((*looks)++ < 2 ? status_transmitter_empty : 0); }
        void set(Register, u8) const {}
    };
    u64 looks = 0;
    auto output = std::make_unique<UartOutput<Stuck>>(Stuck{&looks});
    output->write_now(numbered(100));
    EXPECT_EQ(looks, patience + 2);
}
}  // namespace
}  // namespace hv::serial
