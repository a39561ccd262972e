// SPDX-License-Identifier: MIT
// What the store knows, in memory that outlives the process that serves (holder.hpp): a snapshot, and all commands
// since then. A record counts from the one store on that moves the end over it; a process that is killed while it
// writes one has written nothing. From time to time a new snapshot takes the place of both, in the other half of the
// memory.
#pragma once
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

namespace paravane::xenstored {
// A system call that moves bytes of a stream, and in which the process may be killed. The kernel writes the number of
// bytes into `message` before it can: whoever comes after knows how many.
struct Witness {
    enum class Kind : std::uint32_t { none, receive, send };
    Kind kind;
    std::uint64_t session;
    std::uint64_t end;  // of the journal before: when it has moved, the bytes are in it
    iovec part;
    mmsghdr message;
    std::array<std::byte, 16 * 1024> bytes;  // received
};

class Journal {
public:
    // Zeros at first. `forget` gives memory back that is not needed now, and makes it zeros.
    using Forget = std::function<void(std::span<std::byte>)>;
    explicit Journal(std::span<std::byte> memory, Forget forget = {}, std::size_t enough_log = 2 * 1024 * 1024);

    bool is_fresh() const { return header_.magic != magic; }
    std::string_view snapshot() const;
    // All records behind the snapshot, each with its frame.
    std::string_view log() const;
    std::uint64_t end() const;

    void append(std::string_view record);
    void start_anew(std::string_view snapshot);
    bool wants_snapshot() const { return log().size() > enough_log_ && log().size() > 2 * snapshot().size(); }

    // The next record of a log, which it is taken off.
    static std::optional<std::string_view> take_record(std::string_view& log);

    // Before a system call that moves bytes of a session; the message is for it.
    mmsghdr* arm(Witness::Kind kind, std::uint64_t session, std::span<std::byte> bytes);
    std::span<std::byte> received() { return header_.witness.bytes; }
    Witness const& witness() const { return header_.witness; }
    // The bytes that a system call moved just before the end of the process that made it.
    std::optional<std::size_t> witnessed() const;

    // Records are done again one after the other, and one of them may end whoever does it: how often the one at this
    // place of the log has, in a row. A new process counts the end of the one before it.
    void count_end();
    std::uint64_t ended_by(std::uint64_t place) const { return header_.fatal == place ? header_.ends : 0; }
    void begin(std::uint64_t place) { header_.doing = place; }
    void finish() { header_.doing = 0; }

    static constexpr std::size_t header_size = 32 * 1024;

private:
    static constexpr std::uint64_t magic = 0x31766c6e726a7370;
    struct Half {
        std::uint64_t snapshot;  // its size
        std::uint64_t end;
    };
    struct Header {
        std::uint64_t magic;
        std::uint64_t active;  // which half
        Half halves[2];
        std::uint64_t doing;  // the record that is done again, 0 if none is
        std::uint64_t fatal;  // the one that was done when a process ended
        std::uint64_t ends;
        Witness witness;
    };
    static_assert(sizeof(Header) <= header_size);

    std::span<std::byte> half(std::uint64_t which) const;
    Half& active() const { return header_.halves[header_.active]; }
    char* bytes() const { return reinterpret_cast<char*>(half(header_.active).data()); }

    std::span<std::byte> memory_;
    Header& header_;
    Forget forget_;
    std::size_t enough_log_;
};
}  // namespace paravane::xenstored
