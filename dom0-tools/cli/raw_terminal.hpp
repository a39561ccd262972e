// SPDX-License-Identifier: MIT
#pragma once
#include <termios.h>

namespace paravane {
// Standard input hands every key through; put back as it was when this goes, or a signal ends us.
class RawTerminal {
public:
    RawTerminal();
    RawTerminal(RawTerminal const&) = delete;
    RawTerminal& operator=(RawTerminal const&) = delete;
    ~RawTerminal();

private:
    static void restore_and_end(int number);

    static inline termios before_{};
    bool active_ = false;
};
}  // namespace paravane
