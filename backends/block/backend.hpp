// SPDX-License-Identifier: MIT
// The backend of one disk: connects to the front end by what stands in xenstore, and serves its rings from a file or a
// block device until the supervisor says that the guest, or the disk, is gone. Killed at any moment, the next process
// goes on where this one was.
#pragma once
#include <memory>
#include <optional>

#include "block/file_storage.hpp"
#include "block/rings.hpp"
#include "host/allowance.hpp"
#include "host/handover.hpp"
#include "host/journal_memory.hpp"
#include "os/event_loop.hpp"

namespace paravane::block {
struct Options {
    std::uint16_t domid = 0;
    std::uint32_t index = 0;
    bool read_only = false;
    std::uint32_t sector = 512;
    std::uint64_t operations = 0, bytes = 0;  // in a second; 0: no limit
};

class Backend {
public:
    using Memory = host::JournalMemory<Kept, 0x31534b434f4c42>;  // "BLOCKS1"

    // Takes up what the supervisor hands over, and the guest's rings if they are connected.
    static Result<std::unique_ptr<Backend>> open(Options const& options, host::Handover& handover);
    Backend(Backend&&) = delete;

    // Gives up all that is not needed any more, says that the disk is there, and returns when it is to be no more.
    Result<> run(host::Handover& handover);

private:
    Backend(Options const& options, EventLoop loop, OwnedFd end, Memory memory, std::unique_ptr<FileStorage> storage,
            XenEvtchn evtchn, GrantDevice grants, XenstoreClient store);

    void look_at_nodes();
    Result<bool> settle();
    Result<bool> step();
    void complain(std::string const& what) const;

    Options options_;
    EventLoop loop_;
    OwnedFd end_;  // readable when this is to end
    Memory memory_;
    std::unique_ptr<FileStorage> storage_;
    Rings rings_;
    std::optional<host::DeviceNodes> nodes_;  // none: the way to the store has ended
    host::Allowance looks_;
    host::State before_ = host::State::unknown;
    std::optional<Error> failure_;
    bool nodes_changed_ = true;
    bool is_ending_ = false;
};
}  // namespace paravane::block
