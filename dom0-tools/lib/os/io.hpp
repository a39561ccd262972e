// SPDX-License-Identifier: MIT
// Bytes through descriptors, all of them: the kernel may move fewer than asked for, or be interrupted. For blocking
// descriptors; who must not wait calls send and recv himself. Errors name no step: the caller knows it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "os/error.hpp"

namespace paravane {
Result<> write_all(int fd, std::string_view bytes);
Result<> send_all(int socket, std::string_view bytes);  // without SIGPIPE
// Exactly as many as there is room for; unavailable where they end before that.
Result<> receive_all(int socket, std::span<std::byte> to);
Result<> read_all_at(int fd, std::span<std::byte> to, std::uint64_t offset);
// To the end; keeps about `limit` bytes of it.
std::string read_to_end(int fd, std::size_t limit);
}  // namespace paravane
