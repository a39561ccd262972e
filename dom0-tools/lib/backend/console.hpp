// SPDX-License-Identifier: MIT
// A client of a guest's console: one reader of it, who may type as well. Sending and receiving may be two threads'.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "backend/console_protocol.hpp"
#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane::console {
struct Heard {
    Tells what = Tells::output;
    std::uint64_t position = 0;
    bool yours = false;
    std::string text;
};

class Client {
public:
    // `from`: a position as receive() gave it, and the length of what came there, to go on after a backend was killed.
    // `typist`: nobody else's number; 0 for who only looks.
    static Result<Client> connect(std::string const& path, std::uint64_t typist, std::uint64_t from = recent);
    // Not even for a backend that does not accept; type_some() and receive_some() then are for this one.
    static Result<Client> connect_without_waiting(std::string const& path, std::uint64_t typist, std::uint64_t from);

    int fd() const { return socket_.get(); }
    // What comes next, waiting for it. Unavailable: the backend is gone, but not its guest; it will be back.
    Result<Heard> receive();
    Result<> type(std::string_view text);
    // What is there, and as much as is taken, without waiting.
    Result<std::optional<Heard>> receive_some();
    Result<std::size_t> type_some(std::string_view text);
    // What is received is all there will be: whoever waits in receive() gets an error.
    void close();

private:
    explicit Client(OwnedFd socket) : socket_{std::move(socket)} {}
    static Result<Client> greet(OwnedFd socket, std::uint64_t typist, std::uint64_t from);

    OwnedFd socket_;
};
}  // namespace paravane::console
