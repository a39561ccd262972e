// SPDX-License-Identifier: MIT
#pragma once
#include <termios.h>

namespace paravane {
// Standard input as a terminal in another mode; put back as it was when this goes, or a signal ends us.
class TerminalMode {
public:
    enum class Kind {
        raw,    // hands every key through
        quiet,  // shows nothing of what is typed, so that a line of progress has its line to itself
    };

    explicit TerminalMode(Kind kind);
    TerminalMode(TerminalMode const&) = delete;
    TerminalMode& operator=(TerminalMode const&) = delete;
    ~TerminalMode();

private:
    static void restore_and_end(int number);

    static inline termios before_{};
    static inline bool active_ = false, has_progress_ = false;
};

// Takes back what stands in the line of the cursor.
constexpr char clear_line[] = "\r\x1b[K";
}  // namespace paravane
