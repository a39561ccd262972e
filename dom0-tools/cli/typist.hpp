// SPDX-License-Identifier: MIT
// What is typed, on its way to a guest. A guest that reads nothing holds up the keys, not the escape.
#pragma once
#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>
#include <paravane/v1/consoles.pb.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "os/owned_fd.hpp"

namespace paravane {
class Typist {
public:
    using Stream = grpc::ClientReaderWriter<v1::AttachConsoleRequest, v1::AttachConsoleResponse>;

    // Reads standard input until it ends, `escape` is typed (which cancels the call), or this goes; then closes our
    // half. With `discard` nothing but the escape counts.
    Typist(Stream& stream, grpc::ClientContext& context, std::optional<char> escape, bool terminal, bool discard);
    ~Typist();

    bool escaped() const { return escaped_; }
    // Keys are on their way that nobody may take any more.
    bool is_sending() const { return sending_; }

private:
    void read_keys();
    bool take_keys();  // false at the end of input
    void send_keys();

    Stream& stream_;
    grpc::ClientContext& context_;
    std::optional<char> escape_;
    bool terminal_, discard_;
    OwnedFd stop_;
    std::atomic<bool> escaped_ = false, sending_ = false;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string waiting_;  // typed, not sent yet
    bool over_ = false;
    std::thread reader_, sender_;
};
}  // namespace paravane
