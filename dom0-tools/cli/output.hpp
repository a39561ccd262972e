// SPDX-License-Identifier: MIT
// Standard output: what cannot be written is not lost in silence. And whether it, or standard error, is a terminal.
#pragma once
#include <atomic>
#include <string>
#include <string_view>
#include <thread>

#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace grpc {
class ClientContext;
}

namespace paravane {
enum class Format { table, wide, json, yaml, name };
enum class ColorMode { automatic, always, never };
enum class Color { plain, bold, red, green, yellow, blue };

class Output {
public:
    Output(Format format, ColorMode color);

    Format format() const { return format_; }
    bool is_terminal() const { return terminal_; }
    // At once: streams are read as they come. False once nothing can be written any more.
    bool write(std::string_view text);
    std::string colored(Color color, std::string_view text) const;
    // Why something could not be written; "" if all was.
    std::string const& failure() const { return failure_; }
    bool is_broken() const { return broken_; }
    bool is_closed_pipe() const { return closed_pipe_; }

private:
    Format format_;
    bool terminal_, color_;
    bool broken_ = false, closed_pipe_ = false;
    std::string failure_;
};

// While it lives, a call is cancelled as soon as nobody reads our standard output any more: `pvctl events | head -1`
// ends.
class CancelWhenUnread {
public:
    explicit CancelWhenUnread(grpc::ClientContext& context);
    ~CancelWhenUnread();

    bool happened() const { return happened_; }

private:
    void watch();

    grpc::ClientContext& context_;
    OwnedFd stop_;
    std::atomic<bool> happened_ = false;
    std::thread thread_;
};
}  // namespace paravane
